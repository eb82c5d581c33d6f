"""What the account's quotas say about a model of Bedrock: requests and tokens, as it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dragoman.errors import DragomanError, PermissionDeniedError, RefusedError
from dragoman.plugin import CheckStep

from dragoman_aws.identity.connection import BedrockApiKeyAuth
from dragoman_aws.inspection.asking import not_asked
from dragoman_aws.profiles.account import Account
from dragoman_aws.quotas import ACTIONS, ListedQuota, find, how_to_raise

STEP = "quota"
SERVICE_CODE = "bedrock"

ON_DEMAND, CROSS_REGION, GLOBAL = "on-demand", "cross-region", "global cross-region"

#: How the quotas are called. Answers of ListServiceQuotas in public projects and reports, and Bedrock's user guide,
#: which writes InvokeModel ("Quotas for the bedrock-runtime endpoint"), read 2026-11.
_NAME = re.compile(
    r"(?P<scope>global cross-region|cross-region|on-demand) (?:model inference|invokemodel) "
    r"(?P<unit>(?:requests|tokens) per (?:minute|day)) for (?P<model>.+)",
    re.IGNORECASE,
)
#: However it is called; cross-region calls have twice the value.
_OF_A_DAY = re.compile(r"model invocation max (?P<unit>tokens per day) for (?P<model>.+?)(?: \(.+\))?", re.IGNORECASE)

#: Words of a provider's name that a quota's name may have or not.
_COMPANY = {"ai", "labs"}
_ID = re.compile(r"(?P<name>.+?)(?:-(?P<date>\d{8}))?(?:-v(?P<version>\d+))?(?::[\w:]+)?")


class Called(NamedTuple):
    """A model and how it is called.

    Args:
        model: The foundation model's id.
        scope: ``on-demand``, ``cross-region`` or ``global cross-region``.
        name: Its name as Bedrock shows it, where that is known.
        provider: Its provider's name.
    """

    model: str
    scope: str
    name: str = ""
    provider: str = ""


async def quota_step(called: Called, account: Account) -> CheckStep:
    """Return what the account's quotas allow; a quota of nothing is a failure, one that cannot be asked is not."""
    if isinstance(account.identity.auth, BedrockApiKeyAuth):
        return CheckStep.skipped(STEP, "a Bedrock API key cannot ask Service Quotas")
    try:
        found = await find(account, SERVICE_CODE, lambda name: unit_of(name, called) is not None)
    except DragomanError as error:
        return _unknown(error)
    if not found:
        what = (
            f"Service Quotas has none in {account.region} whose name is that of {called.model}, called {called.scope}"
        )
        return CheckStep.skipped(STEP, what)
    rows = [_row(quota, called) for quota in found]
    if nothing := [quota for quota in found if quota.value == 0]:
        return _failed(nothing[0], account.region, rows)
    shown = ", ".join(f"{row['value']:,g} {row['unit']} ({row['code']})" for row in rows if row["value"] is not None)
    return CheckStep.ok(STEP, f"{called.scope} in {account.region}: {shown or 'no value is known'}", quotas=rows)


def _failed(quota: ListedQuota, region: str, rows: Sequence[Mapping[str, Any]]) -> CheckStep:
    failure = RefusedError(f"the quota {quota.code} {quota.name!r} in {region} is 0 ({quota.origin})")
    hint = how_to_raise(SERVICE_CODE, quota.code, region, "N")
    if not quota.adjustable:
        hint = (
            "Service Quotas does not raise it: ask AWS's support, or call the model through another profile or region"
        )
    return CheckStep.failed(STEP, failure, hint, quotas=rows)


def _unknown(error: DragomanError) -> CheckStep:
    step = not_asked(STEP, "what the account may use of it", error)
    if isinstance(error, PermissionDeniedError) and not any(action in (step.hint or "") for action in ACTIONS):
        return CheckStep.skipped(STEP, step.message, f"allow {' and '.join(ACTIONS)} to the identity")
    return step


def _row(quota: ListedQuota, called: Called) -> dict[str, Any]:
    return {
        "name": quota.name,
        "code": quota.code,
        "value": quota.value,
        "unit": unit_of(quota.name, called),
        "origin": quota.origin,
        "adjustable": quota.adjustable,
    }


# --- names -------------------------------------------------------------------------------------------------------


def unit_of(quota_name: str, called: Called) -> str | None:
    """Return what a quota counts, such as ``tokens per minute``; ``None`` where it is not one of this call.

    A model's name has to be the whole of what the quota's name says: ``Claude 3.5 Sonnet`` is no
    ``Claude 3.5 Sonnet V2``, and no ``… 1M Context Length``.
    """
    found = _NAME.fullmatch(quota_name)
    if found is not None and found["scope"].lower() != called.scope:
        return None
    found = found or _OF_A_DAY.fullmatch(quota_name)
    if found is None or _key(found["model"]) not in _keys(called):
        return None
    return found["unit"].lower()


def _keys(called: Called) -> set[str]:
    """Return how quotas may call a model: by its name or its id, with the provider's name or without, as V1 or not."""
    provider, _, own = called.model.partition(".")
    parts = _ID.fullmatch(own)
    assert parts is not None  # noqa: S101  (the expression matches every text)
    version = parts["version"]
    of_id = [f"{provider} {parts['name']}", parts["name"]]
    of_name = [f"{called.provider} {called.name}", called.name] if called.name else []
    keys = [f"{name} v{version}" for name in (*of_id, *of_name) if version]
    keys += of_name
    if version in (None, "1"):
        keys += of_id
    return {_key(name) for name in keys}


def _key(name: str) -> str:
    """Return a name without anything in which the spellings differ: ``Llama 3.1 8B`` and ``llama3-1-8b``."""
    return "".join(word for word in re.findall(r"[a-z0-9]+", name.lower()) if word not in _COMPANY)


def scope_of(regions: Iterable[str]) -> str:
    """Return how a profile is called that reaches these regions; an empty one stands for every region."""
    reached = set(regions)
    if "" in reached:
        return GLOBAL
    return CROSS_REGION if len(reached) > 1 else ON_DEMAND
