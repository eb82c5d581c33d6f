"""Framings for endpoints that bend the rules: how the bytes of a stream become JSON values, wherever they were cut.

Beside the engine's own (:mod:`dragoman.transport.framing`) these know what containers really send: SSE whose events
have no blank line between them, and a JSON value spread over several lines.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

import orjson

from dragoman.errors import ProtocolError
from dragoman.provider import Frame
from dragoman.transport.framing import MAX_FRAME_BYTES, Lines


class Value(NamedTuple):
    """A frame whose JSON is read already."""

    value: Any


class _Values:
    """Puts lines together until they are one JSON value. A line is looked at once, so a long value costs no more."""

    __slots__ = ("_depth", "_held", "_held_bytes", "_max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._depth = 0  # how many objects and lists are open

    @property
    def is_open(self) -> bool:
        """Whether a value has begun and not ended."""
        return bool(self._held)

    def add(self, line: bytes) -> list[Value]:
        """Take a line; return the value that it completes."""
        if not self._held:
            try:
                return [Value(orjson.loads(line))]  # nearly always: one line, one value
            except orjson.JSONDecodeError:
                if line[:1] not in (b"{", b"["):
                    _not_json()
        self._held.append(line)
        self._held_bytes += len(line)
        if self._held_bytes > self._max_bytes:
            _too_long(self._max_bytes)
        self._depth += _nesting(line)
        return self.close() if self._depth <= 0 else []

    def close(self) -> list[Value]:
        """Return the value that is held, whether it seems complete or not."""
        data = b"\n".join(self._held)
        self._held.clear()
        self._held_bytes = self._depth = 0
        if not data:
            return []
        try:
            return [Value(orjson.loads(data))]
        except orjson.JSONDecodeError:
            _not_json()


#: A JSON string cannot hold a line's end, so a line holds whole strings only. One that is not closed is taken to the
#: end of its line: looking again from each of its quotes would take a hostile server's line squared.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?')


def _nesting(line: bytes) -> int:
    """Return how many objects and lists a line opens and does not close."""
    bare = _STRING.sub(b"", line)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: An event's name, its id, and a comment; no line of JSON begins like this.
_OTHER_FIELD = re.compile(rb"(event|id|retry)?:")


class JsonValues:
    """One JSON value after another, each on a line of its own or spread over several."""

    __slots__ = ("_lines", "_max_bytes", "_values")

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lines = Lines()
        self._values = _Values(max_bytes)

    def feed(self, piece: bytes) -> list[Value]:
        """Return the values that are complete with this piece."""
        found = [value for line in self._lines.feed(piece) for value in self._take(line)]
        if self._lines.held_bytes > self._max_bytes:
            _too_long(self._max_bytes)
        return found

    def end(self) -> list[Value]:
        """Return the last value if no line's end followed it."""
        found = self._take(self._lines.take())
        if self._values.is_open:
            _cut_off()
        return found

    def _take(self, line: bytes) -> list[Value]:
        line = line.strip()
        return self._values.add(line) if line else []


class LooseEvents:
    """Server-sent events whose data is JSON, with or without blank lines between them.

    An event ends where its JSON is complete; lines of a value that is not complete may lack their ``data:``. Names,
    ids and comments are skipped: what an event is, its JSON says. Data that is no JSON at all (``[DONE]``) is a frame
    of bytes.
    """

    __slots__ = ("_lines", "_max_bytes", "_values")

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lines = Lines()
        self._values = _Values(max_bytes)

    def feed(self, piece: bytes) -> list[Frame | Value]:
        """Return the events that are complete with this piece."""
        found = [frame for line in self._lines.feed(piece) for frame in self._take(line)]
        if self._lines.held_bytes > self._max_bytes:
            _too_long(self._max_bytes)
        return found

    def end(self) -> list[Frame | Value]:
        """Return the last event if no line's end followed it."""
        found = self._take(self._lines.take())
        if self._values.is_open:
            _cut_off()
        return found

    def _take(self, line: bytes) -> list[Frame | Value]:
        line = line.strip().removeprefix(_BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            line = line[5:].lstrip()
        elif not line:
            return [*self._values.close()]
        elif not self._values.is_open or _OTHER_FIELD.match(line):
            return []
        if line == b"[DONE]" and not self._values.is_open:
            return [Frame(line)]
        return [*self._values.add(line)] if line else []


class Whole:
    """Everything up to the end, as one value."""

    __slots__ = ("_held", "_held_bytes", "_max_bytes")

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0

    def feed(self, piece: bytes) -> list[Frame]:
        """Return nothing: it is not over."""
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > self._max_bytes:
            _too_long(self._max_bytes)
        return []

    def end(self) -> list[Frame]:
        """Return the whole."""
        return [Frame(b"".join(self._held))]


def _not_json() -> NoReturn:
    raise ProtocolError("a frame of the stream is not JSON", hint="check mapping.framing")


def _cut_off() -> NoReturn:
    raise ProtocolError("the stream was cut off inside a JSON value")


def _too_long(bound: int) -> NoReturn:
    raise ProtocolError(f"one frame of the endpoint's stream is longer than {bound} bytes")
