"""One request and its answer, on ASGI's values and one extension. What is written here is written for every door."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from dragoman.server.refusals import RETRY_AFTER_S, Refusal

if TYPE_CHECKING:
    from dragoman.policy import Caller

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON: Header = (b"content-type", b"application/json")
STREAM_HEADERS: list[Header] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # proxies hold streams back otherwise
]

#: The scope's extension that holds the request's :class:`Connection`.
CONNECTION = "dragoman.connection"

#: What is kept of a body for the log.
MAX_KEPT_BYTES = 16 * 1024


class Connection(Protocol):
    """What ASGI cannot say, or only to a task that waits for it, which each request would have to make."""

    @property
    def has_whole_request(self) -> bool:
        """Whether the request's last byte is there, so that nobody waits for the body."""
        ...

    def when_gone(self, tell: Callable[[], None] | None) -> None:
        """Call this function when the client goes away; ``None``: its answer is on the way, nobody asks any more."""
        ...


class ClientGoneError(Exception):
    """The client went away before its answer was complete."""


class Bodies:
    """The beginning of what a client sent and was sent."""

    __slots__ = ("answer", "request")

    def __init__(self) -> None:
        self.request = b""
        self.answer = b""

    def take_request(self, body: bytes) -> None:
        """Keep the beginning of a body."""
        self.request = body[:MAX_KEPT_BYTES]

    def take_answer(self, piece: bytes) -> None:
        """Keep a piece of the answer, as far as there is room."""
        self.answer += piece[: MAX_KEPT_BYTES - len(self.answer)]


class HeldBytes:
    """How many bytes of requests a process holds; those of a request count until it is answered."""

    __slots__ = ("_most", "now")

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = 0

    def take(self, size: int) -> int:
        """Count bytes, and return how many they are.

        Raises:
            Refusal: There is no room for them.
        """
        if self.now + size > self._most:
            what = "the gateway is busy: the requests that it answers are as long as it bears together"
            raise Refusal(503, "overloaded", what, retry_after_s=RETRY_AFTER_S)
        self.now += size
        return size


class Exchange:
    """A request as it comes, and the answer as it goes.

    ``caller`` is there once the request was let in; ``error_code`` and the counts are what log and ledger are told.
    ``bodies`` is set where the deployment's log holds them; of ``held`` it takes ``held_bytes`` in the end.
    """

    __slots__ = (
        "_connection", "_parts_told", "_receive", "_send", "adapter", "bodies", "bytes_in", "bytes_out", "caller",
        "client", "error_code", "extra_headers", "headers", "held", "held_bytes", "method", "path", "request_id",
        "scope", "started", "started_at", "status", "trace_id",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, held: HeldBytes) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._connection: Connection = scope["extensions"][CONNECTION]
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.request_id = request_id
        self.started = time.perf_counter()
        self.started_at = time.time()
        self.caller: Caller | None = None
        self.client: str = ""
        self.status = 0
        self.error_code: str | None = None
        self.adapter: str | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.held = held
        self.held_bytes = 0
        self.extra_headers: list[Header] = []
        self.trace_id: str | None = None
        self.bodies: Bodies | None = None
        self._parts_told: dict[str, Callable[[], None]] | None = None

    # --- the request ---------------------------------------------------------------------------------------------

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the body.

        Raises:
            Refusal: It is too long, or does not come in time.
            ClientGoneError: The client went away.
        """
        announced = self.headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > max_bytes:
            raise _too_long(max_bytes)
        try:
            async with nullcontext() if self._connection.has_whole_request else asyncio.timeout(timeout_s):
                body = await self._whole_body(max_bytes)
        except TimeoutError:
            raise Refusal(408, "request_timeout", f"the body did not come within {timeout_s:g} s") from None
        self.bytes_in = len(body)
        if self.bodies is not None:
            self.bodies.take_request(body)
        return body

    async def _whole_body(self, max_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > max_bytes:
                raise _too_long(max_bytes)
            self.held_bytes += self.held.take(len(piece))
            pieces.append(piece)
            if not message.get("more_body"):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def json_object(self, max_bytes: int, timeout_s: float) -> dict[str, Any]:
        """Return the body's JSON object; raises as :meth:`body`, and a refusal where it is none."""
        kind = self.headers.get(b"content-type", b"application/json")
        if not kind.lower().startswith(b"application/json"):
            raise Refusal(415, "unsupported_media_type", "the body must be application/json")
        body = await self.body(max_bytes, timeout_s)
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from None
        if type(value) is not dict:
            raise Refusal(400, "invalid_json", "the body must be a JSON object")
        return value

    def when_gone(self, tell: Callable[[], None] | None, part: str | None = None) -> None:
        """Call this function if the client goes away from here on; ``None`` calls nothing any more.

        Where a request has several parts, each has a function of its own.
        """
        if part is not None:
            others = {name: known for name, known in (self._parts_told or {}).items() if name != part}
            self._parts_told = others if tell is None else {**others, part: tell}
            tell = self._tell_parts if self._parts_told else None
        self._connection.when_gone(tell)

    def _tell_parts(self) -> None:
        told, self._parts_told = self._parts_told, None
        for tell in (told or {}).values():
            tell()

    # --- the answer ----------------------------------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether the answer's status was sent, so that it cannot be another one any more."""
        return self.status != 0

    async def answer(self, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
        """Send a whole answer."""
        await self.begin(status, [(b"content-length", str(len(body)).encode()), *headers])
        self.bytes_out = 0
        await self.end(body)

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error."""
        self.error_code = refusal.code
        await self.answer(refusal.status, refusal.body(), [JSON, *refusal.headers()])

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        """Send status and headers."""
        self.status = status
        named = [(b"x-request-id", self.request_id.encode()), *self.extra_headers, *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": named})

    async def write(self, piece: bytes) -> None:
        """Send a piece of a stream."""
        self.bytes_out += len(piece)
        if self.bodies is not None:
            self.bodies.take_answer(piece)
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, piece: bytes = b"") -> None:
        """Send a stream's last piece."""
        self.bytes_out += len(piece)
        if self.bodies is not None:
            self.bodies.take_answer(piece)
        await self._send({"type": "http.response.body", "body": piece, "more_body": False})

    @property
    def duration_s(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.started


def _too_long(max_bytes: int) -> Refusal:
    return Refusal(413, "request_too_large", f"the body is longer than {max_bytes} bytes")
