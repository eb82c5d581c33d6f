"""Whether an account may use a foundation model in a region, as Bedrock says without a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from dragoman.errors import DragomanError, PermissionDeniedError

from dragoman_aws.inspection.asking import OUT_OF_REACH, Regions

#: Bedrock's control plane throttles early.
MAX_CONCURRENT = 6

_REQUEST = "request it: dragoman bedrock access NAME"

#: Member and value of GetFoundationModelAvailability -> what it means. Service model of bedrock, botocore 1.44.5; the
#: first that applies is the one to see to.
_OBSTACLES: tuple[tuple[str, str, str, str | None], ...] = (
    ("regionAvailability", "NOT_AVAILABLE", "the region does not have it", None),
    (
        "authorizationStatus",
        "NOT_AUTHORIZED",
        "the identity is not authorized to use it",
        "allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on it, here and in the organization",
    ),
    ("agreementAvailability", "PENDING", "access was requested and is not granted yet", "try again in some minutes"),
    ("agreementAvailability", "NOT_AVAILABLE", "access is not granted: its terms are not accepted", _REQUEST),
    ("agreementAvailability", "ERROR", "the agreement to its terms failed", _REQUEST),
    ("entitlementAvailability", "NOT_AVAILABLE", "access is not granted to this account", _REQUEST),
)


class Availability(NamedTuple):
    """What is known about one model in one region.

    Args:
        usable: ``None`` = it could not be asked.
        why_not: The obstacle, where there is one.
        hint: What to do about it.
        failure: Why it could not be asked.
        answer: Bedrock's own words.
    """

    usable: bool | None
    why_not: str | None = None
    hint: str | None = None
    failure: DragomanError | None = None
    answer: Mapping[str, Any] = {}


def read(answer: Mapping[str, Any]) -> Availability:
    """Return what an answer of GetFoundationModelAvailability means."""
    said = {
        "regionAvailability": answer.get("regionAvailability"),
        "authorizationStatus": answer.get("authorizationStatus"),
        "agreementAvailability": (answer.get("agreementAvailability") or {}).get("status"),
        "entitlementAvailability": answer.get("entitlementAvailability"),
    }
    for member, value, why_not, hint in _OBSTACLES:
        if said[member] == value:
            return Availability(False, why_not, hint, answer=said)
    return Availability(True, answer=said)


class Access:
    """Asks about each model of each region once; a region that cannot be asked is asked no more."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._known: dict[tuple[str, str], asyncio.Task[Availability]] = {}
        self._refused: dict[str, DragomanError] = {}
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def of(self, model: str, region: str) -> Availability:
        """Return whether a foundation model may be used in a region."""
        key = (model, region)
        if key not in self._known:
            self._known[key] = asyncio.create_task(self._ask(model, region))
        return await asyncio.shield(self._known[key])

    async def aclose(self) -> None:
        """Stop asking."""
        for task in self._known.values():
            task.cancel()
        await asyncio.gather(*self._known.values(), return_exceptions=True)

    async def _ask(self, model: str, region: str) -> Availability:
        async with self._slots:
            if refused := self._refused.get(region):
                return Availability(None, failure=refused)
            try:
                account = self._regions.account(region)
                return read(await account.call("get_foundation_model_availability", modelId=model))
            except DragomanError as error:
                if isinstance(error, (PermissionDeniedError, *OUT_OF_REACH)):
                    self._refused[region] = error
                return Availability(None, failure=error)
