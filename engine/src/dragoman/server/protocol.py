"""HTTP/1.1 within bounds: how long a head may be and take, how long a connection may be silent or stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dragoman.server.exchange import CONNECTION

#: So much may arrive without a byte of the body among it: a head, or what surrounds chunks and follows them.
MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 20.0
MAX_GATHERED_BYTES = 32 * 1024
#: Requests that may wait on one connection until those before them are answered.
MAX_PIPELINED = 64
#: Bytes of a body that are read on after its answer is complete, so that a client which still sends gets to read it.
MAX_UNREAD_BYTES = 64 * 1024 * 1024


class GatheringTransport:
    """A transport that gathers what is written in one turn of the loop and hands it over at once.

    An answer's head and body, and the events of a stream that came together, then cost one system call.
    """

    __slots__ = ("_held", "_held_bytes", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, data: bytes) -> None:
        """Take bytes."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what is held."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
            self._transport.write(data)

    def close(self) -> None:
        """Hand over what is held, and close."""
        self.flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the client has not taken."""
        return self._held_bytes + self._transport.get_write_buffer_size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _RefusedError(Exception):
    """Stops the parser: the request was refused, and what else came with it is not looked at."""


class _Trailers(list[tuple[bytes, bytes]]):
    """Where trailers go: nowhere. A proxy in front that looks after headers does not see to them."""

    def append(self, header: tuple[bytes, bytes]) -> None:
        """Drop one."""


_NOWHERE = _Trailers()


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for clients that may be slow, silent or hostile.

    ``write_timeout_s`` is how long a client may take nothing although more waits for it; set it on a subclass.
    """

    write_timeout_s = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes: int | None = None
        self._read_bytes = 0
        self._is_fresh = True  # whether the next byte of a read is the first one of a request, and of the read
        self._is_alone = True  # whether the head began with a read
        self._body_bytes = 0
        self._framing_bytes = 0
        self._has_body = False  # whether a read held a part of the body
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._tell_gone: Callable[[], None] | None = None
        self._is_gone = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for the first byte no longer than for the next request."""
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every timer, and tell who asked for it."""
        for timer in (self._head_timer, self._write_timer, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self._is_gone = True
        if self._tell_gone is not None:
            self._tell_gone()

    @property
    def has_whole_request(self) -> bool:
        """Whether the last byte of the request that is answered is there."""
        return not self.cycle.more_body

    def when_gone(self, tell: Callable[[], None] | None) -> None:
        """Call this function when the client goes away; ``None``: its answer is on the way, nobody asks any more."""
        self._tell_gone = tell
        if tell is not None:
            self.flow.resume_reading()  # a long body has paused it, and who does not read hears of no end
            if self._is_gone:
                tell()

    # --- the head ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take bytes, those of a head and of a body's framing up to their limit."""
        self._read_bytes = len(data)
        self._is_fresh = self.cycle is None or not self.cycle.more_body
        self._has_body = False
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += self._read_bytes
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431)
            elif self._head_timer is None:  # most heads come whole, and need none
                self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._refuse, 408)
        elif self.cycle is not None and self.cycle.more_body:
            self._framing_bytes = 0 if self._has_body else self._framing_bytes + self._read_bytes
            if self._framing_bytes > MAX_HEAD_BYTES:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]
        self._is_alone, self._is_fresh = self._is_fresh, False
        self._head_bytes = 0 if self._is_alone else -self._read_bytes  # most of it is another request's

    def on_headers_complete(self) -> None:
        """Stop counting, and begin with the body."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        head_bytes = self._head_bytes or 0
        may_be = not self._is_alone or head_bytes + self._read_bytes > MAX_HEAD_BYTES
        is_too_long = may_be and self._is_too_long(head_bytes)
        if is_too_long or len(self.pipeline) >= MAX_PIPELINED:
            self._refuse(431)
            raise _RefusedError
        self._head_bytes = None
        super().on_headers_complete()
        self.headers = _NOWHERE
        self._body_bytes, self._framing_bytes = 0, -self._read_bytes  # this read is the head's

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; who goes on sending for long after the answer is not listened to any more."""
        self._has_body = True
        self._body_bytes += len(body)
        if self._body_bytes > MAX_UNREAD_BYTES and self.cycle.response_complete:
            self.transport.close()
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where it was refused for a better reason already, say nothing."""
        if not self._is_answering() and not self.transport.is_closing():
            super().send_400_response(msg)
        self.transport.close()

    def _is_too_long(self, head_bytes: int) -> bool:
        """Return whether a head is, by its own bytes: a read may hold the end of one request and all of the next."""
        own = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return max(own, head_bytes) > MAX_HEAD_BYTES

    def _refuse(self, status: int) -> None:
        """Close the connection, and say why where that is not in the middle of an answer."""
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _is_answering(self) -> bool:
        """Return whether what is written now would be read as a part of another request's answer, or of a begun one."""
        if self.cycle is None or self.cycle.response_complete:
            return False
        return bool(self.pipeline) or self._head_bytes is not None or self.cycle.response_started

    # --- stuck clients -------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Give the client time to take what waits for it."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client took something."""
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one whose client does not even take what was sent is broken."""
        if not self.transport.is_closing() and self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()
