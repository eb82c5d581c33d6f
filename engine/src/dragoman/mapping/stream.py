"""The frames of a streamed answer as events. The hot path of a mapping: nothing is compiled or looked up here."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

import orjson

from dragoman.errors import ProtocolError
from dragoman.events import (
    Event,
    Finished,
    ProviderFields,
    ReasoningDelta,
    RefusalDelta,
    Report,
    Reported,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    replay,
)
from dragoman.mapping.answer import TEXTLESS, answer_of, call_id
from dragoman.mapping.framing import Value
from dragoman.mapping.rules import CallRules, Rules, usage_of
from dragoman.provider import Frame, StreamDecoder

Events = list[Event]

_DONE = b"[DONE]"


def value_of(frame: Frame | Value, what: str) -> Any:
    """Return a frame's JSON value; a framing of this package has read it already."""
    if isinstance(frame, Value):
        return frame.value
    try:
        return orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        raise ProtocolError(f"{what} is not JSON", hint="check mapping.framing") from None


class RuleDecoder(StreamDecoder):
    """Decodes one stream by a mapping's ``stream`` rules.

    The finish comes with the frame that gives it; figures, and members to keep, come once at the end. Where no rule
    says how a stream ends, its end is the finish.
    """

    def __init__(self, rules: Rules, reports: tuple[Report, ...]) -> None:
        self._rules = rules
        self._reports = reports
        self._calls = _Calls(rules.calls) if rules.calls else None
        self._figures: dict[str, int] = {}
        self._extra: dict[str, Any] = {}
        self._last: Any = None
        self._frames = 0
        self._has_said = False
        self._is_finished = False
        self._is_closed = False

    def feed(self, frame: Frame | Value) -> Iterable[Event]:
        if self._is_closed:
            return ()
        if isinstance(frame, Frame) and frame.data.strip() == _DONE:
            return self._close()
        value = value_of(frame, "a frame of the stream")
        rules = self._rules
        rules.raise_error(value)
        if rules.skip is not None and rules.skip.holds(value):
            return ()
        events: Events = []
        self._frames += 1
        self._last = value
        if self._frames == 1:
            self._start(value, events)
        self._say(value, events)
        if self._calls is not None:
            events += self._calls.deltas(value)
        self._figures.update(rules.figures(value))
        self._extra.update(rules.extras(value))
        if rules.finish is not None and not self._is_finished and (word := rules.finish.word(value)):
            self._finish(word, events)
        if rules.done is not None and rules.done.holds(value):
            events += self._close()
        return events

    def end(self) -> Iterable[Event]:
        if self._is_closed:
            return ()
        if self._is_finished or (self._rules.finish is None and self._rules.done is None):
            return self._close()
        return ()  # cut off: there is no finish, which the engine refuses

    def _start(self, value: Any, events: Events) -> None:
        rules = self._rules
        answer_id = rules.id.word(value) if rules.id else None
        events.append(Started(answer_id, rules.model.word(value) if rules.model else None))
        events += [Reported(report) for report in self._reports]

    def _say(self, value: Any, events: Events) -> None:
        rules = self._rules
        thought = [r.text(value) or None if r else None for r in (rules.reasoning, rules.signature, rules.redacted)]
        if any(thought):
            self._has_said = True
            events.append(ReasoningDelta(thought[0] or "", thought[1], thought[2]))
        if rules.text is not None:
            text = rules.text.text(value)
            if text:
                self._has_said = True
                events.append(TextDelta(text))
            elif text == "" and not self._has_said:
                self._has_said = not rules.text.is_hollow(value)
        if rules.refusal is not None and (refusal := rules.refusal.text(value)):
            self._has_said = True
            events.append(RefusalDelta(refusal))

    def _finish(self, word: str | None, events: Events) -> None:
        called = self._calls is not None and self._calls.count > 0
        reason = self._rules.finish_reason(word, called=called)
        if not (self._has_said or called or reason in TEXTLESS):
            self._refuse_silence()
        self._is_finished = True
        events.append(Finished(reason, word))

    def _refuse_silence(self) -> None:
        rule = self._rules.text
        if rule is None or not self._frames:
            raise ProtocolError("the stream held no answer")
        raise rule.nothing(self._last, f"any of the stream's {self._frames} frames, the last one being this")

    def _close(self) -> Events:
        self._is_closed = True
        events: Events = []
        if self._extra:
            events.append(ProviderFields(self._extra))
        if self._figures:
            events.append(UsageReported(usage_of(self._figures)))
        if not self._is_finished:
            self._finish(None, events)
        return events


class _Calls:
    """Tells which call a piece belongs to: by the ``index`` rule, or, without one, each piece is a whole call."""

    def __init__(self, rules: CallRules) -> None:
        self._rules = rules
        self._positions: dict[Any, int] = {}
        self.count = 0

    def deltas(self, value: Any) -> Iterable[Event]:
        """Return the events of one frame's pieces."""
        return [self._delta(piece) for piece in self._rules.found(value)]

    def _delta(self, piece: Any) -> Event:
        rules = self._rules
        index = rules.index.word(piece) if rules.index else None
        position = self._positions.get(index) if index is not None else None
        arguments = rules.arguments_of(piece)
        if position is not None:
            return ToolCallDelta(position, arguments=arguments)
        position = self.count
        self.count += 1
        if index is not None:
            self._positions[index] = position
        name = rules.name.text(piece) if rules.name else None
        if not name:
            raise ProtocolError(f"{rules.each.path} finds a tool call without a name")
        given = rules.id.word(piece) if rules.id else None
        return ToolCallDelta(position, given or call_id(position), name, arguments)


NOT_STREAMED = Report("not_streamed", "the mapping describes no stream: the answer came whole", "mapping.stream")


class WholeDecoder(StreamDecoder):
    """Decodes a stream that is one whole answer, by the ``response`` rules."""

    def __init__(self, rules: Rules, reports: tuple[Report, ...]) -> None:
        self._rules = rules
        self._reports = reports

    def feed(self, frame: Frame | Value) -> Iterable[Event]:
        return replay(answer_of(value_of(frame, "the answer"), self._rules, (*self._reports, NOT_STREAMED)))

    def end(self) -> Iterable[Event]:
        return ()


class TextDecoder(StreamDecoder):
    """Decodes a stream of nothing but text. It has no finish of its own, so its end is the finish."""

    def __init__(self, reports: tuple[Report, ...]) -> None:
        self._reports = reports
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._has_started = False

    def feed(self, frame: Frame) -> Iterable[Event]:
        events: Events = []
        if not self._has_started:
            self._has_started = True
            events += [Started(), *map(Reported, self._reports)]
        if text := self._decode(frame.data):
            events.append(TextDelta(text))
        return events

    def end(self) -> Iterable[Event]:
        if not self._has_started:
            raise ProtocolError("the stream held no answer")
        self._decode(b"", final=True)
        return [Finished("unknown")]

    def _decode(self, data: bytes, *, final: bool = False) -> str:
        try:
            return self._decoder.decode(data, final)
        except UnicodeDecodeError:
            what = "was cut off inside a character" if final else "is no UTF-8 text"
            raise ProtocolError(f"the stream {what}") from None
