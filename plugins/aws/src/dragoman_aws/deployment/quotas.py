"""Whether the account's quota allows so many instances: Service Quotas, with codes from `data/quotas.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from dragoman.errors import DragomanError, ProviderError, RefusedError

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.quotas import SERVICE, find, how_to_raise

SERVICE_CODE = "sagemaker"


@dataclass(frozen=True)
class Quota:
    """The account's quota for endpoints on one instance type.

    Args:
        instance_type: Such as ``ml.g5.2xlarge``.
        code: Service Quotas' code; ``None`` = not known.
        limit: Instances; ``None`` = the account gave no answer, for the reason in ``unknown``.
        origin: Where the limit is from: ``account`` or ``default``.
        unknown: Why the limit is not known.
    """

    instance_type: str
    code: str | None
    limit: float | None = None
    origin: str = "account"
    unknown: str | None = None

    @property
    def name(self) -> str:
        """The quota's name, as AWS shows it."""
        return quota_name(self.instance_type)


def quota_name(instance_type: str) -> str:
    """Return the name of the quota for endpoints on an instance type."""
    return f"{instance_type} for endpoint usage"


@cache
def quota_codes() -> dict[str, str]:
    """Return the codes that are known without asking, by instance type."""
    data = orjson.loads(files(__package__).joinpath("data/quotas.json").read_bytes())
    return {kind: code for source in data["sources"] for kind, code in source["codes"].items()}


async def read_quota(plane: ControlPlane, instance_type: str) -> Quota:
    """Ask the account for a quota; the answer says where it could not be had, and no error is raised for that."""
    code = quota_codes().get(instance_type)
    try:
        if code is None:
            return await _search(plane, instance_type)
        return await _by_code(plane, instance_type, code)
    except DragomanError as error:
        reason = f"{error.message} ({error.hint})" if error.hint else error.message
        return Quota(instance_type, code, unknown=" ".join(reason.split())[:300])


async def _by_code(plane: ControlPlane, instance_type: str, code: str) -> Quota:
    named: dict[str, Any] = {"service": SERVICE, "ServiceCode": SERVICE_CODE, "QuotaCode": code}
    try:
        answer, origin = await plane.call("get_service_quota", **named), "account"
    except ProviderError as error:
        if error.provider_code != "NoSuchResourceException":
            raise
        answer, origin = await plane.call("get_aws_default_service_quota", **named), "default"
    quota = answer["Quota"]
    if quota.get("QuotaName") != quota_name(instance_type):
        return await _search(plane, instance_type)
    return Quota(instance_type, code, quota.get("Value"), origin)


async def _search(plane: ControlPlane, instance_type: str) -> Quota:
    found = await find(plane, SERVICE_CODE, lambda name: name == quota_name(instance_type))
    if not found:
        return Quota(instance_type, None, unknown=f"the account lists no quota {quota_name(instance_type)!r}")
    return Quota(instance_type, found[0].code, found[0].value, found[0].origin)


def check_quota(quota: Quota, needed: int, region: str, why: str) -> str:
    """Hold what is needed to the quota; return what came of it, for a person.

    Args:
        quota: As the account said it.
        needed: Instances at the same time.
        region: Where.
        why: What needs them.

    Raises:
        RefusedError: The quota is too small; with its code, its name and the value to ask for.
    """
    named = f"{quota.code or 'code not known'} {quota.name!r} in {region}"
    if quota.limit is None:
        return f"quota {named}: not checked, {quota.unknown}; {needed} needed for {why}"
    if quota.limit >= needed:
        return (
            f"quota {named}: {quota.limit:g} ({quota.origin}), {needed} needed for {why}; "
            "other endpoints of the account count as well and are not looked at"
        )
    raise RefusedError(
        f"the quota {named} is {quota.limit:g} ({quota.origin}), and {needed} needed for {why}",
        path="instance",
        hint=how_to_raise(SERVICE_CODE, quota.code, region, needed),
    )
