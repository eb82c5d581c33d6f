"""One row for each operation of the control API: the server finds operations by it, and the OpenAPI document is made
from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dragoman.engine import Engine
from dragoman.gateway_settings import RoleName
from dragoman.policy import Caller
from dragoman.server.calls import Call
from dragoman.server.refusals import Refusal
from dragoman.server.state import Actor, State


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the control API.

    Args:
        engine, state: What is administered.
        caller: Who asks.
        request_id: For the audit log.
        path: The parts of the address that are named in the route.
        query: The query's parameters.
        body: The body's object; empty where there is none.
        call: Makes a call out of this request, to be used as a context around it: it is booked, whatever becomes of it.
            Its arguments are what tells several calls of one request apart, and the operation where it is not chat.
        when_gone: Takes what is called, once, when the client has gone; ``None``: nothing is. A call takes that place
            for itself while it watches, and leaves it empty.
        if_match: The header ``If-Match``; ``None`` where it is absent. ``if_none_match`` likewise.
    """

    engine: Engine
    state: State
    caller: Caller
    request_id: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    call: Callable[..., Call]
    when_gone: Callable[[Callable[[], None] | None], None]
    if_match: str | None
    if_none_match: str | None

    @property
    def actor(self) -> Actor:
        """Who does it, for the audit log."""
        return Actor(self.caller.name, self.caller.key_id, self.request_id)

    @property
    def reason(self) -> str | None:
        """Why, in the words of whoever asks, without any secret that is known."""
        given = self.text("reason")
        return None if given is None else self.engine.secrets.redact(given)

    def text(self, name: str, *, needed: bool = False) -> str | None:
        """Return a member of the body that is text."""
        value = self.body.get(name)
        if value is None and not needed:
            return None
        if not isinstance(value, str) or not value:
            raise Refusal(422, "invalid_body", f"{name} must be a text", param=name)
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a member of the body that is a list of texts; ``None`` where it is absent."""
        value = self.body.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise Refusal(422, "invalid_body", f"{name} must be a list of texts", param=name)
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a member of the body that is an object."""
        value = self.body.get(name)
        if not isinstance(value, dict):
            raise Refusal(422, "invalid_body", f"{name} must be an object", param=name)
        return value

    def number(self, name: str, default: int, most: int) -> int:
        """Return a number of the query, from 1 to ``most``."""
        value = self.query.get(name, str(default))
        if not value.isdecimal() or len(value) > 9 or not 1 <= int(value) <= most:
            raise Refusal(422, "invalid_query", f"{name} must be a whole number from 1 to {most}", param=name)
        return int(value)


class Answer(NamedTuple):
    """What an operation answers. ``media_type`` is ``None`` for JSON; of another type ``body`` is text."""

    body: Any
    status: int = 200
    etag: str | None = None
    media_type: str | None = None


Operation = Callable[[Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Args:
        method: The HTTP method.
        path: With named parts in braces: ``/api/adapters/{name}``.
        operation: What answers it.
        role: The least role that may use it.
        summary: One line for a person.
        query: The query's parameters and what they mean.
        body: The JSON Schema of the body; ``None``: it takes none.
        writes: Whether it needs ``If-Match`` or ``If-None-Match``.
        action: What the audit log calls a change that the policy refuses here.
        status: The status of success.
        media_types: What it answers with.
    """

    method: str
    path: str
    operation: Operation
    role: RoleName
    summary: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    writes: bool = False
    action: str = "call.override"
    status: int = 200
    media_types: tuple[str, ...] = ("application/json",)
