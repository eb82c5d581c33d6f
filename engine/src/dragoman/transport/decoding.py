"""What a codec makes of an answer, with its failures in our terms. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

from dragoman.errors import DragomanError, ProtocolError
from dragoman.events import Event, Finished
from dragoman.provider import Framing, StreamDecoder, WireReply

T = TypeVar("T")


class Decoding:
    """The way of one streamed answer from bytes to events, and what is promised about their order.

    All frames of a piece are decoded at once. What fails is kept until the events before it have been taken; then
    :meth:`raise_failure` raises it.
    """

    __slots__ = ("_decoder", "_failure", "_finished", "_framing", "_reply")

    def __init__(self, framing: Framing, decoder: StreamDecoder, reply: WireReply) -> None:
        self._framing = framing
        self._decoder = decoder
        self._reply = reply
        self._finished = False
        self._failure: DragomanError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the answer has its finish and nothing failed; only figures about it may still come."""
        return self._finished and self._failure is None

    def feed(self, piece: bytes) -> Sequence[Event]:
        """Return the events of the frames that are complete with this piece."""
        events: list[Event] = []
        try:
            for frame in self._framing.feed(piece):
                events += self._decoder.feed(frame)
        except Exception as error:  # noqa: BLE001  (a plugin's code may raise anything)
            self._failure = failure_of(error, self._reply)
        return self._checked(events)

    def end(self, *, broken: bool = False) -> Sequence[Event]:
        """Return what was held back; an answer without its finish has failed.

        Args:
            broken: The connection broke: what the framing holds is half a frame, and no frame.
        """
        events: list[Event] = []
        try:
            for frame in () if broken else self._framing.end():
                events += self._decoder.feed(frame)
            events += self._decoder.end()
        except Exception as error:  # noqa: BLE001  (a plugin's code may raise anything)
            self._failure = failure_of(error, self._reply)
        checked = self._checked(events)
        if not self._finished and self._failure is None:
            self._failure = ProtocolError("the stream ended before the answer was complete", hint=_hint(self._reply))
        return checked

    def raise_failure(self) -> None:
        """Raise what failed after the events that were returned; do nothing where all went well."""
        if self._failure is not None:
            raise self._failure

    def _checked(self, events: list[Event]) -> Sequence[Event]:
        """Return the events up to what must not be: a second finish."""
        for position, event in enumerate(events):
            if type(event) is Finished:
                if self._finished:
                    self._failure = ProtocolError("the answer was finished twice")
                    return events[:position]
                self._finished = True
        return events


def reading(reply: WireReply, read: Callable[..., T], *arguments: Any) -> T:
    """Return what a codec's function returns; raise an error of ours for whatever it raises."""
    try:
        return read(*arguments)
    except Exception as error:  # noqa: BLE001  (a plugin's code may raise anything)
        raise failure_of(error, reply) from None


def failure_of(error: Exception, reply: WireReply) -> DragomanError:
    """Return an error of ours as it is, and for any other one a protocol error.

    It names the type and the line that raised, which say what a developer needs, and not the text, which may hold a
    piece of the answer.
    """
    if isinstance(error, DragomanError):
        return error
    place = ""
    if (trace := error.__traceback__) is not None:
        while trace.tb_next is not None:
            trace = trace.tb_next
        place = f" in {PurePath(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
    return ProtocolError(
        f"the answer does not have the form that was expected: {type(error).__name__}{place}",
        status=reply.status,
        hint=_hint(reply),
    )


_EXPECTED = ("json", "event-stream", "octet-stream", "eventstream")


def _hint(reply: WireReply) -> str | None:
    """Say so where the answer is a web page or the like: the usual sign of a wrong address."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()
    if not kind or any(expected in kind for expected in _EXPECTED):
        return None
    return f"its content type is {kind[:80]}; check the address in the adapter's connection"
