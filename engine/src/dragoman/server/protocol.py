"""HTTP/1.1 within bounds: how long a head may be and take, how long a connection may be silent or stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dragoman.server.exchange import CONNECTION

MAX_HEAD_BYTES = 64 * 1024
HEAD_TIMEOUT_S = 20.0
MAX_GATHERED_BYTES = 32 * 1024


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


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for clients that may be slow, silent or hostile.

    ``write_timeout_s`` is how long a client may take nothing although more waits for it; set it on a subclass.
    """

    write_timeout_s = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes: int | None = None
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
        """Take bytes, those of a head up to their limit."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head(431)
            elif self._head_timer is None:  # most heads come whole, and need none
                self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._refuse_head, 408)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop counting."""
        self._head_bytes = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def _refuse_head(self, status: int) -> None:
        if not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

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
