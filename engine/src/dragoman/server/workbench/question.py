"""One question of the page, and what its answers have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dragoman.engine import Engine
from dragoman.errors import DragomanError, ProblemsError
from dragoman.gateway_settings import RoleName
from dragoman.policy import Caller
from dragoman.policy.caller import RANKS
from dragoman.server.refusals import Refusal
from dragoman.server.state import Actor, State


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, by whom.

    ``rest`` is what the address holds behind the question's name; ``expected`` the revision that ``If-Match`` names,
    0 for ``If-None-Match: *``, ``None`` where the request has neither.
    """

    engine: Engine
    state: State
    caller: Caller
    request_id: str
    rest: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    expected: int | None = None

    @property
    def actor(self) -> Actor:
        """Who the audit log says that it was."""
        return Actor(self.caller.name, key_id=self.caller.key_id, request_id=self.request_id)

    def require(self, role: RoleName) -> None:
        """Refuse callers below a role."""
        if RANKS[self.caller.role] < RANKS[role]:
            raise Refusal(403, "permission", f"this is for role {role}; you are {self.caller.role}")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a member of the body that is text; without a default it must be there."""
        value = self.body.get(name, default)
        if not isinstance(value, str):
            raise Refusal(400, "invalid_request", f"{name} must be text", param=name)
        return value

    def object(self, name: str) -> dict[str, Any]:
        """Return a member of the body that is an object."""
        value = self.body.get(name)
        if not isinstance(value, dict):
            raise Refusal(400, "invalid_request", f"{name} must be an object", param=name)
        return value


class Answer(NamedTuple):
    """What the page gets: JSON data, and the revision's tag where there is one."""

    data: Any
    etag: str | None = None
    status: int = 200


Handler = Callable[[Question], Awaitable[Answer]]


def problems_in(error: DragomanError) -> list[dict[str, Any]]:
    """Return every field that an error names; an error about no field in particular has the empty path."""
    if isinstance(error, ProblemsError):
        return [{"path": p.path, "message": p.message, "hint": p.hint} for p in error.problems]
    return [{"path": getattr(error, "path", None) or "", "message": error.message, "hint": error.hint}]
