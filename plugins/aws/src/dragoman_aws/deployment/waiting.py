"""Waiting for SageMaker: until an endpoint or a component is in service, or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from dragoman.errors import CallTimeoutError, ServerError

from dragoman_aws.deployment.control_plane import ControlPlane
from dragoman_aws.deployment.state import MOVING, READY, read_component, read_endpoint


class Tick(NamedTuple):
    """What a long piece of work is at; ``elapsed_s`` since it began."""

    what: str
    status: str
    elapsed_s: float


Progress = Callable[[Tick], None]


def silent(_tick: Tick) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Patience:
    """How long, and how often it is looked, in seconds."""

    ready_s: float = 3600
    gone_s: float = 1800
    poll_s: float = 10


class _Look(NamedTuple):
    status: str | None  # None = there is none
    failure: str | None
    config: str | None = None


async def until_ready(
    plane: ControlPlane, name: str, config: str, patience: Patience, progress: Progress = silent
) -> None:
    """Wait until an endpoint is in service with a configuration.

    Raises:
        ServerError: It failed, went back to another configuration, or was deleted; with AWS's reason.
        CallTimeoutError: It takes longer than the patience allows.
    """

    async def look() -> _Look:
        state = await read_endpoint(plane, name, components=False)
        return _Look(state.status, state.failure, state.config) if state else _Look(None, "it is gone")

    found = await _until_settled(look, f"endpoint {name}", patience.ready_s, patience.poll_s, progress)
    if found.status != READY:
        raise _failed(f"endpoint {name}", found)
    if found.config != config:
        raise ServerError(
            f"the endpoint {name} went back to its configuration {found.config}: {found.failure or 'no reason given'}",
            hint=_LOGS.format(name=name),
        )


async def until_component_ready(
    plane: ControlPlane, name: str, patience: Patience, progress: Progress = silent
) -> None:
    """Wait until an inference component is in service; errors as those of :func:`until_ready`."""

    async def look() -> _Look:
        state = await read_component(plane, name)
        return _Look(state.status, state.failure)

    found = await _until_settled(look, f"inference component {name}", patience.ready_s, patience.poll_s, progress)
    if found.status != READY:
        raise _failed(f"inference component {name}", found)


async def until_gone(
    plane: ControlPlane, name: str, patience: Patience, progress: Progress = silent, *, component_of: str | None = None
) -> None:
    """Wait until an endpoint, or an inference component of one, is no longer there."""

    async def look() -> _Look:
        if component_of is None:
            state = await read_endpoint(plane, name, components=False)
            return _Look(state.status if state else None, state.failure if state else None)
        rows = await plane.pages("list_inference_components", "InferenceComponents", EndpointNameEquals=component_of)
        statuses = {row["InferenceComponentName"]: row["InferenceComponentStatus"] for row in rows}
        return _Look(statuses.get(name), None)

    what = f"{'inference component' if component_of else 'endpoint'} {name}"
    found = await _until_settled(look, what, patience.gone_s, patience.poll_s, progress)
    if found.status is not None:
        raise _failed(what, found)


_LOGS = "the container's log is CloudWatch's group /aws/sagemaker/Endpoints/{name}"


def _failed(what: str, found: _Look) -> ServerError:
    name = what.rpartition(" ")[2]
    reason = found.failure or "no reason given"
    return ServerError(f"the {what} is {found.status or 'gone'}: {reason}", hint=_LOGS.format(name=name))


async def _until_settled(
    look: Callable[[], Awaitable[_Look]], what: str, longest_s: float, poll_s: float, progress: Progress
) -> _Look:
    begun = time.monotonic()
    while True:
        found = await look()
        elapsed_s = time.monotonic() - begun
        progress(Tick(what, found.status or "gone", elapsed_s))
        if found.status not in MOVING:
            return found
        if elapsed_s >= longest_s:
            raise CallTimeoutError(
                f"the {what} is still {found.status} after {elapsed_s:.0f} s",
                hint=_LOGS.format(name=what.rpartition(" ")[2]),
            )
        await asyncio.sleep(poll_s)
