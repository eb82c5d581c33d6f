"""Service Quotas: which quotas an account has, found by name, and how one is raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

SERVICE = "service-quotas"

#: Where a quota is looked for, in this order, and whose value it is then. What was never raised may be a default alone.
_LISTS = (("list_service_quotas", "account"), ("list_aws_default_service_quotas", "default"))
#: The actions of these listings; none of them knows a resource.
ACTIONS = ("servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas")


class Asking(Protocol):
    """Whoever asks AWS: an account, or a control plane."""

    async def pages(self, operation: str, member: str, *, service: str, **arguments: Any) -> list[dict[str, Any]]:
        """Return the rows of all pages of a listing."""


@dataclass(frozen=True)
class ListedQuota:
    """A quota as Service Quotas lists it.

    Args:
        code: What it is raised by: ``L-1928E07B``.
        name: As AWS shows it.
        value: ``None`` = the listing has none.
        origin: Whose value it is: ``account`` or ``default``.
        adjustable: Whether it can be raised there.
    """

    code: str | None
    name: str
    value: float | None
    origin: str
    adjustable: bool = True


async def find(asking: Asking, service_code: str, wanted: Callable[[str], bool]) -> list[ListedQuota]:
    """Return the quotas of a service whose names are wanted; the account's own, else the defaults; or none.

    Raises:
        DragomanError: They cannot be listed.
    """
    for operation, origin in _LISTS:
        rows = await asking.pages(operation, "Quotas", service=SERVICE, ServiceCode=service_code, MaxResults=100)
        if found := [_quota(row, origin) for row in rows if wanted(str(row.get("QuotaName", "")))]:
            return found
    return []


def _quota(row: dict[str, Any], origin: str) -> ListedQuota:
    return ListedQuota(
        row.get("QuotaCode"), row["QuotaName"], row.get("Value"), origin, adjustable=row.get("Adjustable", True)
    )


def how_to_raise(service_code: str, code: str | None, region: str, desired: float | str) -> str:
    """Return the command that asks AWS for more."""
    return (
        f"raise it: aws service-quotas request-service-quota-increase --service-code {service_code} "
        f"--quota-code {code or '…'} --desired-value {desired} --region {region}"
    )
