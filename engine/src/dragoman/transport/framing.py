"""Framings: how the bytes of a stream are cut into frames, wherever the network cut them.

Bytes are never decoded here, so a cut inside a UTF-8 sequence is harmless. A framing serves one stream.
"""

from __future__ import annotations

from typing import NoReturn

from dragoman.errors import PluginError, ProtocolError
from dragoman.provider import Frame, Framing, FramingChoice

#: A frame longer than this ends the stream with an error: no provider sends one, and a server that never ends its
#: frame must not fill the memory. The largest real frames carry an image in base64, a few MiB.
MAX_FRAME_BYTES = 16 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """Cuts bytes at newlines. What follows the last newline is held, in pieces, so that a long line costs no more."""

    __slots__ = ("_held", "held_bytes")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self.held_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        lines = piece.split(b"\n")
        if len(lines) == 1:
            self._hold(piece)
            return []
        if self._held:
            self._held.append(lines[0])
            lines[0] = self.take()
        self._hold(lines.pop())
        return lines

    def take(self) -> bytes:
        """Return the line that has not ended, and forget it."""
        line = b"".join(self._held)
        self._held.clear()
        self.held_bytes = 0
        return line

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)
            self.held_bytes += len(piece)


class SSE:
    r"""Server-sent events, as servers really send them.

    Lines end in ``\n``, ``\r\n`` or ``\r``; the ``data`` lines of one event are joined by a newline; comments, ``id``
    and ``retry`` are skipped; a byte order mark is tolerated; the last event counts even without its blank line. An
    event without data gives no frame, as the standard says (WHATWG HTML, 9.2.6), and neither does empty data without
    an event name, which some servers send to keep the line open.
    """

    __slots__ = ("_after_cr", "_at_start", "_data", "_event", "_event_bytes", "_lines", "_max_frame_bytes")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._lines = Lines()
        self._data: list[bytes] = []
        self._event: str | None = None
        self._event_bytes = 0  # of the event that has not ended: its lines without their ends
        self._at_start = True
        self._after_cr = False

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that are complete with this piece."""
        if self._at_start or self._after_cr or b"\r" in piece:
            piece = self._plain(piece)
        frames = self._read(self._lines.feed(piece))
        if self._event_bytes + self._lines.held_bytes > self._max_frame_bytes:
            _too_long(self._max_frame_bytes)
        return frames

    def end(self) -> list[Frame]:
        """Return the last event if no blank line ended it."""
        return self._read([self._lines.take(), b""])

    def _read(self, lines: list[bytes]) -> list[Frame]:
        frames = []
        for line in lines:
            if line:
                self._event_bytes += len(line)
                if line[:6] == b"data: ":
                    self._data.append(line[6:])
                else:
                    self._field(line)
            elif self._event_bytes and (frame := self._finish()):
                frames.append(frame)
        return frames

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")  # a comment has no name
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace") or None

    def _finish(self) -> Frame | None:
        lines, event, size = self._data, self._event, self._event_bytes
        self._event, self._event_bytes = None, 0
        if size > self._max_frame_bytes:
            _too_long(self._max_frame_bytes)
        if not lines:
            return None
        data = lines[0] if len(lines) == 1 else b"\n".join(lines)
        lines.clear()
        return Frame(data, event) if data or event else None

    def _plain(self, piece: bytes) -> bytes:
        r"""Return the piece with ``\n`` as its only line end and without a byte order mark."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")  # the other half of a line end that was cut in two
            self._after_cr = False
        if self._at_start:
            piece = self._lines.take() + piece
            if len(piece) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(piece):
                return piece  # held until it is clear what it is
            self._at_start = False
            piece = piece.removeprefix(_BYTE_ORDER_MARK)
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return piece


class JSONLines:
    """One JSON value a line; empty lines are skipped, white space around a value is cut off."""

    __slots__ = ("_lines", "_max_frame_bytes")

    def __init__(self, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._lines = Lines()

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the lines that are complete with this piece."""
        frames = self._read(self._lines.feed(piece))
        if self._lines.held_bytes > self._max_frame_bytes:
            _too_long(self._max_frame_bytes)
        return frames

    def end(self) -> list[Frame]:
        """Return the last line if no newline ended it."""
        return self._read([self._lines.take()])

    def _read(self, lines: list[bytes]) -> list[Frame]:
        if any(len(line) > self._max_frame_bytes for line in lines):
            _too_long(self._max_frame_bytes)
        return [Frame(value) for line in lines if (value := line.strip())]


class Raw:
    """The pieces as they come; nothing is held back."""

    __slots__ = ()

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the piece."""
        return [Frame(piece)] if piece else []

    def end(self) -> list[Frame]:
        """Return nothing."""
        return []


FRAMINGS: dict[str, type[SSE | JSONLines | Raw]] = {"sse": SSE, "jsonl": JSONLines, "raw": Raw}


def framing_for(choice: FramingChoice) -> Framing:
    """Return a new framing for one stream."""
    if callable(choice):
        return choice()
    if known := FRAMINGS.get(choice):
        return known()
    raise PluginError(f"the codec's framing {choice!r} is unknown", hint=f"known are {', '.join(FRAMINGS)}")


def _too_long(bound: int) -> NoReturn:
    raise ProtocolError(f"one frame of the provider's stream is longer than {bound} bytes")
