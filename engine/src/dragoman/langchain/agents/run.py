"""One run of an agent: what its parts share, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

from dragoman.agents import AgentEvent
from dragoman.calls import Observe
from dragoman.engine import Engine
from dragoman.events import Response
from dragoman.resolve import Resolved

Tell = Callable[[AgentEvent], None]


class WatchedCall(NamedTuple):
    """What is told of one call of the model: how it goes, and what it brought."""

    observe: Observe | None = None
    answered: Callable[[Response], None] | None = None


#: Makes the context of one call of the model, of its number in the run and its adapter; what books calls stands there.
Around = Callable[[int, Resolved], AbstractAsyncContextManager[WatchedCall]]


@dataclass(slots=True)
class Run:
    """What the model and the tools of one run share.

    Args:
        engine: Makes the calls.
        resolved: The adapter of every call.
        max_steps: So many calls of the model are made at most.
        told: Takes what happens, as it happens; ``None``: nobody watches, and answers come whole.
        around: What stands around each call of the model.
        steps: How many calls of the model have begun.
        responses: What they brought, in their order.
    """

    engine: Engine
    resolved: Resolved
    max_steps: int
    told: Tell | None = None
    around: Around = field(kw_only=True)
    steps: int = 0
    responses: list[Response] = field(default_factory=list)

    @property
    def streams(self) -> bool:
        """Whether somebody watches answers as they come."""
        return self.told is not None

    def tell(self, event: AgentEvent) -> None:
        """Tell whoever watches."""
        if self.told is not None:
            self.told(event)
