"""One HTTP/1.1 connection: requests go out, one after the other, and their answers come in. llhttp reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from dragoman.transport.faults import (
    BrokenError,
    DisconnectedError,
    NotHttpError,
    OverdueError,
    Phase,
    UnreadableError,
    WireError,
)

#: A longer body is written in pieces, as the server takes them.
MAX_BYTES_AT_ONCE = 64 * 1024
#: When so much of an answer waits to be read, nothing more is taken from the socket.
MAX_HELD_BYTES = 256 * 1024
#: So much may arrive without a byte of the body among it: a head, or what surrounds chunks and follows them.
MAX_HEAD_BYTES = 64 * 1024

_HAVE_NO_BODY = (204, 304)


class Connection(asyncio.Protocol):
    """A connection that stands, until it is lost.

    One task at a time uses it: :meth:`send`, then :meth:`read_head`, then :meth:`read_piece` until it returns nothing.
    Then it may be used again if :attr:`is_reusable`; else :meth:`abort` it. Each of the three raises a ``WireError``
    when the connection fails, but not before all that had arrived was read.

    Args:
        loop: The running one.
        on_lost: Called once, when there is no connection any more.

    Attributes:
        status: The answer's, from :meth:`read_head` on; ``headers`` likewise, with names in lower case and several of
            one name joined as HTTP allows.
        is_complete: Whether the answer has arrived as a whole.
        idle_since_s: For whoever keeps it, in seconds of the loop's clock.
    """

    __slots__ = (
        "_due_s", "_fault", "_framing_bytes", "_has_head", "_held", "_held_bytes", "_holds_back", "_is_paused",
        "_is_sent", "_keeps_alive", "_loop", "_on_lost", "_parser", "_pause_s", "_phase", "_timer", "_timer_s",
        "_transport", "_waiter", "headers", "idle_since_s", "is_complete", "status",
    )  # fmt: skip

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[Connection], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0
        self._is_paused = self._holds_back = False
        self.idle_since_s = 0.0
        self._start_anew()
        self.is_complete = True  # nothing is asked for

    def _start_anew(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self._has_head = False
        self._keeps_alive = False
        self._is_sent = False
        self._held: list[bytes] = []
        self._held_bytes = self._framing_bytes = 0
        self._fault: WireError | None = None
        self._phase: Phase = "first_byte"
        self._due_s: float | None = None
        self._pause_s: float | None = None

    # --- one request and its answer ------------------------------------------------------------------------------

    async def send(self, head: bytes, body: bytes | None, within_s: float | None) -> None:
        """Write a request.

        A server may refuse a long body before it has read it: the rest is then not written.

        Args:
            head: The head, with the empty line behind it.
            body: The body; ``None`` for none.
            within_s: Seconds until the answer must begin, or :meth:`arrivals_within` be called; ``None``: any time.
        """
        self._start_anew()
        if within_s is not None:
            self._set_due(self._loop.time() + within_s)
        transport = self._transport
        if transport.is_closing():
            raise DisconnectedError
        if body is None or len(body) <= MAX_BYTES_AT_ONCE:
            transport.write(head + body if body else head)
            self._is_sent = True
            return
        transport.write(head)
        whole = memoryview(body)
        for start in range(0, len(body), MAX_BYTES_AT_ONCE):
            while self._holds_back and not self._is_refused:
                await self._wait()
            if self._is_refused:
                return
            transport.write(whole[start : start + MAX_BYTES_AT_ONCE])
        self._is_sent = True

    async def read_head(self) -> None:
        """Wait for the answer's head."""
        while not self._has_head:
            if self._fault is not None:
                raise self._fault
            await self._wait()

    async def read_piece(self) -> bytes:
        """Return what has arrived of the body and was not read, and wait for something; nothing means the end."""
        while not self._held:
            if self.is_complete:
                return b""
            if self._fault is not None:
                raise self._fault
            await self._wait()
        held = self._held
        piece = held[0] if len(held) == 1 else b"".join(held)
        self._held = []
        self._held_bytes = 0
        if self._is_paused and not self.is_lost:
            self._is_paused = False
            self._transport.resume_reading()
            if self._pause_s is not None:
                self._set_due(self._loop.time() + self._pause_s)
        return piece

    def arrivals_within(self, pause_s: float | None) -> None:
        """Let from now on so many seconds pass between two arrivals at most; ``None``: any number."""
        if self.is_complete or self._fault is not None:
            return
        self._phase, self._pause_s, self._due_s = "between_chunks", pause_s, None
        if pause_s is not None:
            self._set_due(self._loop.time() + pause_s)

    @property
    def is_reusable(self) -> bool:
        """Whether the next request can be sent: the last one was answered, and both sides keep the connection.

        Not while a task waits for the last one's answer: it would take the next one's.
        """
        is_free = self.is_complete and self._is_sent and not self._is_paused and self._waiter is None
        return is_free and self._keeps_alive and not self._transport.is_closing()

    @property
    def is_lost(self) -> bool:
        """Whether there is no connection any more."""
        return self._parser is None

    @property
    def _is_refused(self) -> bool:
        """Whether nobody reads any more of the request."""
        return self.status >= 300 or self.is_lost or self._fault is not None

    def fail(self, fault: WireError) -> None:
        """Have whoever reads raise this, and end the connection."""
        if not self.is_complete and self._fault is None:
            self._fault = fault
        self.abort()
        self._wake()

    def abort(self) -> None:
        """End the connection at once. A polite end would wait for the server."""
        self._transport.abort()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- deadlines: one timer, which looks whether it is time --------------------------------------------------------

    def _set_due(self, due_s: float) -> None:
        self._due_s = due_s
        if self._timer is None or self._timer_s > due_s:
            self._set_timer(due_s)

    def _set_timer(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = at_s
        self._timer = self._loop.call_at(at_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_s is None or self.is_complete:
            return
        if self._loop.time() < self._due_s:
            self._set_timer(self._due_s)
        else:
            self.fail(OverdueError(self._phase))

    # --- what the loop tells -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer; those that nobody asked for end the connection."""
        if self._parser is None or self.is_complete:
            self._keeps_alive = False
            self.abort()
            return
        if self._pause_s is not None and not self._is_paused:
            self._due_s = self._loop.time() + self._pause_s
        self._parse(self._parser, data)
        self._wake()

    def _parse(self, parser: HttpResponseParser, data: bytes) -> None:
        held_bytes = self._held_bytes
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.is_complete:
                self.fail(NotHttpError())
                return
            self._keeps_alive = False  # more came than the answer: whatever it is, nobody asked for it
        if self.is_complete:
            return
        self._framing_bytes = 0 if self._held_bytes > held_bytes else self._framing_bytes + len(data)
        if self._framing_bytes > MAX_HEAD_BYTES:
            self.fail(NotHttpError())
        elif self._held_bytes > MAX_HELD_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
            if self._pause_s is not None:
                self._due_s = None  # the silence is ours; the first byte is due all the same

    def pause_writing(self) -> None:
        """Hold back: the server does not take what was written."""
        self._holds_back = True

    def resume_writing(self) -> None:
        """Go on writing."""
        self._holds_back = False
        self._wake()

    def eof_received(self) -> None:
        """End the connection, although it could still be written to: a server that has said all reads no more."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way; the end of the connection is that of an answer which says no other."""
        if not self.is_complete and self._fault is None:
            if exc is not None:
                self._fault = BrokenError(exc)
            elif not self._has_head:
                self._fault = DisconnectedError()
            elif self._ends_with_connection():
                self._complete()
            else:
                self._fault = UnreadableError()
        self._keeps_alive = False
        self._parser = None  # they hold each other
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()
        self._on_lost(self)

    # --- what the parser tells -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin with an answer, unless it is one too many."""
        if self.is_complete:
            self._keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer says nothing that is asked for."""
        if self._has_head or self.is_complete:
            return
        key, text = name.decode("utf-8", "surrogateescape").lower(), value.decode("utf-8", "surrogateescape")
        known = self.headers.get(key)
        self.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Know the head, unless it only announces another one."""
        if self._parser is None or self.is_complete:
            return
        status = self._parser.get_status_code()
        if status >= 200:
            self.status, self._has_head = status, True
        else:
            self.headers = {}

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; that of an announcement is none."""
        if self._has_head and not self.is_complete:
            self._held.append(body)
            self._held_bytes += len(body)

    def on_message_complete(self) -> None:
        """Know that the answer is complete."""
        if self._has_head and not self.is_complete and self._parser is not None:
            self._keeps_alive = self._parser.should_keep_alive()
            self._complete()

    def _complete(self) -> None:
        self.is_complete = True
        self._due_s = self._pause_s = None

    def _ends_with_connection(self) -> bool:
        """Whether nothing else says where the body ends."""
        is_framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        return not is_framed and self.status not in _HAVE_NO_BODY
