"""One run of an agent: what its parts share, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dragoman.agents import AgentEvent
from dragoman.calls import Observe
from dragoman.engine import Engine
from dragoman.events import Response
from dragoman.resolve import Resolved

Tell = Callable[[AgentEvent], None]


@dataclass(slots=True)
class Run:
    """What the model and the tools of one run share.

    Args:
        engine: Makes the calls.
        resolved: The adapter of every call.
        max_steps: So many calls of the model are made at most.
        told: Takes what happens, as it happens; ``None``: nobody watches, and answers come whole.
        observe: Told of each call of the model.
        steps: How many calls of the model have begun.
        responses: What they brought, in their order.
    """

    engine: Engine
    resolved: Resolved
    max_steps: int
    told: Tell | None = None
    observe: Observe | None = None
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
