"""What is looked at before anything is made: the plan, the token, access to the model, and the quota."""

from __future__ import annotations

from dataclasses import dataclass, field

from dragoman.secret import Secret

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import Deployment
from dragoman_aws.deployment.gated import HUGGING_FACE_URL, check_access
from dragoman_aws.deployment.plan import Plan, make_plan
from dragoman_aws.deployment.quotas import check_quota, read_quota
from dragoman_aws.deployment.resources import resources_of
from dragoman_aws.deployment.token import read_token


@dataclass(frozen=True)
class Prepared:
    """What a rollout needs.

    Args:
        plan: What is to be done.
        token: Of Hugging Face, where a model is made and the document names one.
        reports: What the checks say, one line each.
    """

    plan: Plan
    token: Secret | None = field(default=None, repr=False)
    reports: tuple[str, ...] = ()


async def prepare(
    plane: ControlPlane,
    declared: Deployment,
    *,
    hugging_face_url: str = HUGGING_FACE_URL,
    quota_counts: bool = True,
) -> Prepared:
    """Look whether a document can be deployed. Nothing is changed; where nothing is to be done, nothing else is asked.

    Args:
        plane: Who calls.
        declared: The document.
        hugging_face_url: Where the access is asked for.
        quota_counts: Whether the quota is asked for.

    Raises:
        DragomanError: The token cannot be read or may not fetch the model, or the quota is too small.
    """
    plan = await make_plan(plane, resources_of(declared))
    reports: list[str] = []
    token = None
    if plan.action("model") == "create":
        if declared.hugging_face_token is not None:
            token = await read_token(plane, declared.hugging_face_token)
        reports.append(await check_access(plane, declared, token, hugging_face_url))
    if quota_counts and plan.action("endpoint") in ("create", "replace", "update"):
        reports.append(await _quota(plane, declared, plan))
    return Prepared(plan, token, tuple(reports))


async def _quota(plane: ControlPlane, declared: Deployment, plan: Plan) -> str:
    if declared.instance is None:
        return "quota: not checked, a serverless endpoint has no instances"
    needed, why = declared.instance.count, f"the endpoint {declared.name}"
    if plan.action("endpoint") == "update" and (running := await _running(plane, plan, declared.instance.type)):
        needed, why = needed + running, f"{why}: {needed} new ones beside the {running} that serve until then"
    quota = await read_quota(plane, declared.instance.type)
    return check_quota(quota, needed, plane.region, why)


async def _running(plane: ControlPlane, plan: Plan, instance_type: str) -> int:
    endpoint = plan.found.endpoint
    if endpoint is None or endpoint.config is None:
        return 0
    answer = await plane.call("describe_endpoint_config", EndpointConfigName=endpoint.config)
    types = {row["VariantName"]: row.get("InstanceType") for row in answer.get("ProductionVariants", ())}
    return sum(v.instances or 0 for v in endpoint.variants if types.get(v.name) == instance_type)
