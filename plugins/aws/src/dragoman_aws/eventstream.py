"""AWS's event-stream framing (``application/vnd.amazon.eventstream``), cut anywhere.

A message is its total length and its headers' length (4 bytes each, big-endian), the CRC-32 of those eight bytes, the
headers, the payload, and the CRC-32 of everything before it. Held equal to ``botocore.eventstream`` by tests.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from dragoman.errors import ProtocolError

HeaderValue = str | bytes | int | bool

#: What a message may hold; the same figures as botocore's.
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024

_PRELUDE = Struct(">III")
_PRELUDE_BYTES = 12
_CRC_BYTES = 4
_AROUND_BYTES = _PRELUDE_BYTES + _CRC_BYTES
_UINT32 = Struct(">I")

#: Preludes whose check is kept, by all streams together: the lengths of a service's events repeat, too.
_KEPT_PRELUDES = 512
#: Header blocks whose parse is kept, by all streams together: a service's streams repeat a handful of them.
_KEPT_BLOCKS = 64
_KEPT_BLOCK_BYTES = 256


class EventFrame(NamedTuple):
    """One message of a stream.

    Args:
        data: The payload.
        event: The event's type, the exception's type, or an error's code; empty where the headers name none.
        kind: ``event``, ``exception`` or ``error``.
        headers: All headers, with their names as they came (``:content-type``).
    """

    data: bytes
    event: str
    kind: str
    headers: Mapping[str, HeaderValue]


_new = tuple.__new__  # what the class itself calls, without a function between: half the time


class EventStream:
    """Cuts one stream into :class:`EventFrame`; a codec's ``framing``."""

    __slots__ = ("_held", "_needed")

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = _PRELUDE_BYTES  # bytes until something can be read

    def feed(self, piece: bytes) -> Iterable[EventFrame]:
        """Return the messages that are complete with this piece.

        Where one is broken, those before it are returned and then ``ProtocolError`` is raised.
        """
        held = self._held
        if held:
            held += piece
            if len(held) < self._needed:
                return ()
            piece = bytes(held)
            held.clear()
        frames: list[EventFrame] = []
        try:
            read = self._read(piece, frames)
        except ProtocolError as error:
            return _then_raise(frames, error)
        if read < len(piece):
            held += piece[read:]
        return frames

    def end(self) -> Iterable[EventFrame]:
        """Return nothing; raise ``ProtocolError`` where the stream ended inside a message."""
        if self._held:
            raise ProtocolError(f"the event stream ended inside a message, {len(self._held)} bytes into it")
        return ()

    def _read(self, data: bytes, frames: list[EventFrame]) -> int:
        """Append every complete message and return how many bytes they took."""
        start, size = 0, len(data)
        while size - start >= _PRELUDE_BYTES:
            total, headers_bytes = _lengths(data[start : start + _PRELUDE_BYTES])
            end = start + total
            if end > size:
                self._needed = total
                return start
            payload_end = end - _CRC_BYTES
            if crc32(data[start:payload_end]) != _UINT32.unpack_from(data, payload_end)[0]:
                raise ProtocolError("a message of the event stream has a wrong checksum")
            payload_start = start + _PRELUDE_BYTES + headers_bytes
            raw = data[start + _PRELUDE_BYTES : payload_start]
            block = _kept(raw) if headers_bytes <= _KEPT_BLOCK_BYTES else _parse(raw)
            frames.append(_new(EventFrame, (data[payload_start:payload_end], *block)))
            start = end
        self._needed = _PRELUDE_BYTES
        return start


def _then_raise(frames: list[EventFrame], error: ProtocolError) -> Iterator[EventFrame]:
    yield from frames
    raise error


@lru_cache(maxsize=_KEPT_PRELUDES)
def _lengths(prelude: bytes) -> tuple[int, int]:
    """Return the length of a message and that of its headers."""
    total, headers_bytes, crc = _PRELUDE.unpack(prelude)
    if crc32(prelude[:8]) != crc:
        raise ProtocolError("a message of the event stream has a wrong prelude checksum")
    if headers_bytes > MAX_HEADERS_BYTES:
        raise ProtocolError(f"a message of the event stream has more than {MAX_HEADERS_BYTES} bytes of headers")
    payload_bytes = total - headers_bytes - _AROUND_BYTES
    if payload_bytes > MAX_PAYLOAD_BYTES:
        raise ProtocolError(f"a message of the event stream is longer than {MAX_PAYLOAD_BYTES} bytes")
    if payload_bytes < 0:
        raise ProtocolError("a message of the event stream contradicts itself about its length")
    return total, headers_bytes


# --- headers -----------------------------------------------------------------------------------------------------


class _Block(NamedTuple):
    """A parsed header block: the members of :class:`EventFrame` that follow from it."""

    event: str
    kind: str
    headers: Mapping[str, HeaderValue]


#: The header that names what a message is, by its ``:message-type``.
_NAMED_BY = {"event": ":event-type", "exception": ":exception-type", "error": ":error-code"}


@lru_cache(maxsize=_KEPT_BLOCKS)
def _kept(raw: bytes) -> _Block:
    return _parse(raw)


def _parse(raw: bytes) -> _Block:
    headers = _headers(raw)
    kind = headers.get(":message-type", "event")
    if not isinstance(kind, str) or kind not in _NAMED_BY:
        raise ProtocolError("a message of the event stream is neither an event nor an exception nor an error")
    event = headers.get(_NAMED_BY[kind], "")
    return _Block(event if isinstance(event, str) else "", kind, headers)


def _headers(raw: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    reader = _Reader(raw)
    while reader.at < len(raw):
        name = reader.text(reader.number(1))
        kind = reader.number(1)
        if name in headers:
            raise ProtocolError("a message of the event stream has one header twice")
        if kind not in _VALUES:
            raise ProtocolError(f"a message of the event stream has a header of the unknown type {kind}")
        headers[name] = _VALUES[kind](reader)
    return headers


class _Reader:
    """Reads a header block from its start to its end."""

    __slots__ = ("_raw", "at")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.at = 0

    def take(self, count: int) -> bytes:
        taken = self._raw[self.at : self.at + count]
        if len(taken) < count:
            raise ProtocolError("the headers of a message of the event stream are cut off")
        self.at += count
        return taken

    def number(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "big", signed=signed)

    def text(self, count: int) -> str:
        try:
            return self.take(count).decode()
        except UnicodeDecodeError:
            raise ProtocolError("a header of the event stream is not UTF-8 text") from None


_VALUES: dict[int, Callable[[_Reader], HeaderValue]] = {
    0: lambda reader: True,
    1: lambda reader: False,
    2: lambda reader: reader.number(1, signed=True),
    3: lambda reader: reader.number(2, signed=True),
    4: lambda reader: reader.number(4, signed=True),
    5: lambda reader: reader.number(8, signed=True),
    6: lambda reader: reader.take(reader.number(2)),
    7: lambda reader: reader.text(reader.number(2)),
    8: lambda reader: reader.number(8, signed=True),  # a time stamp, milliseconds since 1970
    9: lambda reader: reader.take(16),  # a UUID
}
