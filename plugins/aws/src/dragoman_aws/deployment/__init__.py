"""Models of one's own on SageMaker: a declared document becomes an endpoint, and the endpoint an adapter.

    declared = read_deployment(document, "mistral.yaml")
    async with await ControlPlane.of(engine, declared) as plane:
        prepared = await prepare(plane, declared)                            # the plan, and what is looked at first
        left = await Rollout(plane, prepared.plan, prepared.token).run()
        adapter, missing = adapter_of(declared, plane.region)

``document`` holds what a person declares, ``resources`` what SageMaker is asked for in their place (pure), ``plan``
what has to be done about it, ``rollout`` and ``removal`` do it. ``quotas`` and ``gated`` look first whether it can be
done. No module imports botocore before the first call.
"""

from dragoman_aws.deployment.adapter import adapter_of
from dragoman_aws.deployment.checks import Prepared, prepare
from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.document import Deployment, deployment_schema, read_deployment
from dragoman_aws.deployment.plan import Plan, Step
from dragoman_aws.deployment.removal import Removal, plan_removal, remove
from dragoman_aws.deployment.rollout import Rollout
from dragoman_aws.deployment.schedule import schedule_template
from dragoman_aws.deployment.state import EndpointState, read_endpoint
from dragoman_aws.deployment.waiting import Patience, Tick

__all__ = [
    "ControlPlane",
    "Deployment",
    "EndpointState",
    "Patience",
    "Plan",
    "Prepared",
    "Removal",
    "Rollout",
    "Step",
    "Tick",
    "adapter_of",
    "deployment_schema",
    "plan_removal",
    "prepare",
    "read_deployment",
    "read_endpoint",
    "remove",
    "schedule_template",
]
