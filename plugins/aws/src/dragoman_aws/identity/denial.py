"""AWS's refusals: who was refused what, on which resource. The one place that reads an error's text."""

from __future__ import annotations

import re
from typing import NamedTuple

#: AWS names principal, action and resource of a refusal in its text alone. IAM user guide, "Troubleshoot access denied
#: error messages", read 2026-11.
_DENIAL = re.compile(
    r"(?:User: (?P<principal>\S+) )?is not authorized to perform: (?P<action>[A-Za-z0-9-]+:[A-Za-z0-9*]+)"
    r"(?: on resource: \"?(?P<resource>[^\s\"]+))?"
)


class Denial(NamedTuple):
    """What a refusal says about itself; ``None`` where AWS does not name it."""

    principal: str | None
    action: str
    resource: str | None


def denial_of(text: str) -> Denial | None:
    """Return principal, action and resource of AWS's text about a refusal; ``None`` where it names none."""
    found = _DENIAL.search(text)
    if found is None:
        return None
    resource = found["resource"]
    return Denial(found["principal"], found["action"], resource.rstrip(".,") if resource else None)


def denial_hint(text: str, who: str) -> str:
    """Return what to do about a refusal: which action on which resource, and as whom the call was made.

    Args:
        text: AWS's own message.
        who: The identity that the adapter names, as :attr:`Identity.who` words it.
    """
    denial = denial_of(text)
    if denial is None:
        return f"the call was made with {who}; its policies must allow it"
    if denial.action == "sts:AssumeRole":
        return (
            f"the call was made with {who}; allow sts:AssumeRole on {denial.resource or 'the role'} to "
            f"{denial.principal or 'it'}, and check the role's trust policy and external id"
        )
    what = f"{denial.action} on {denial.resource}" if denial.resource else denial.action
    return f"the call was made with {who}; allow {what} to {denial.principal or 'it'}"
