"""The chunks of a streamed answer as events.

The hot path of the plugin: one table look-up for each member of a delta, no model objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from dragoman.errors import ProtocolError, ProviderError
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
)
from dragoman.messages import Reasoning, Refusal, Text
from dragoman.plugin import Frame, StreamDecoder, WireReply

from dragoman_openai.codec.content import arguments_of, call_id, content_pieces
from dragoman_openai.codec.errors import error_in_answer, request_id_of
from dragoman_openai.codec.extra import ANSWER_MEMBERS, Extra, pick
from dragoman_openai.codec.vocabulary import finish_reason, usage_of

#: Members that most chunks repeat; those of the last chunk that has them count.
_REPEATED = ("created", "service_tier", "system_fingerprint")
_CHUNK_MEMBERS = ANSWER_MEMBERS.union(_REPEATED)
#: A choice of these alone, without log probabilities, has nothing to keep: nearly all of them.
_PLAIN_CHOICE = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})

Events = list[Event]


class ChatStreamDecoder(StreamDecoder):
    """Decodes one stream.

    The finish comes with the chunk that gives its reason. Usage and extra members come once, when the stream ends:
    with ``[DONE]``, or without it, as some servers do. A stream with ``[DONE]`` and no reason is complete as well.
    """

    def __init__(self, reply: WireReply, reports: tuple[Report, ...] = ()) -> None:
        self._reply = reply
        self._reports = reports
        self._started = False
        self._finished = False
        self._closed = False
        self._usage: Any = None
        self._last: Mapping[str, Any] = {}
        self._extra = Extra()
        self._calls = _Calls()
        self._refused = False
        self._reasoning_member: str | None = None

    def feed(self, frame: Frame) -> Iterable[Event]:
        if self._closed:
            return ()
        data = frame.data
        if frame.event == "error":
            raise self._reported(data)
        if data[:1] != b"{":
            data = data.strip()
            if not data:
                return ()
            if data == b"[DONE]":
                return self._close()
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._broken("a frame of the stream is not JSON") from None
        if type(chunk) is not dict:
            raise self._broken("a frame of the stream is no JSON object")
        if chunk.get("error"):
            raise error_in_answer(chunk, self._reply)
        return self._chunk(chunk)

    def end(self) -> Iterable[Event]:
        return self._close() if self._finished and not self._closed else ()

    def _chunk(self, chunk: dict[str, Any]) -> Events:
        events: Events = []
        choices = chunk.get("choices")
        if not self._started and (choices or chunk.get("id")):
            self._start(chunk, events)
        if choices:
            self._last = chunk
            for choice in choices:
                if not choice.get("index"):  # one answer is asked for; others cannot be told apart in a stream
                    self._choice(choice, events)
        if usage := chunk.get("usage"):
            self._usage = usage
        if not _CHUNK_MEMBERS.issuperset(chunk):
            self._extra.keep(chunk, _CHUNK_MEMBERS)
        return events

    def _start(self, chunk: Mapping[str, Any], events: Events) -> None:
        self._started = True
        events.append(Started(chunk.get("id") or None, chunk.get("model") or None, request_id_of(self._reply)))
        events += [Reported(report) for report in self._reports]

    def _choice(self, choice: Mapping[str, Any], events: Events) -> None:
        delta = choice.get("delta") or choice.get("message")
        if delta:
            for name, value in delta.items():
                read = _DELTA.get(name)
                if read is None:
                    self._extra.keep({name: value}, frozenset(), "message.")
                elif value:
                    read(self, value, events)
        if (word := choice.get("finish_reason")) and not self._finished:
            self._end(word, events)
        if choice.get("logprobs") or not _PLAIN_CHOICE.issuperset(choice):
            self._extra.keep_choice(choice)

    def _end(self, word: str | None, events: Events) -> None:
        self._finished = True
        events.append(Finished(finish_reason(word, refused=self._refused, called=self._calls.count > 0), word))

    def _close(self) -> Events:
        self._closed = True
        events: Events = []
        if not self._started:
            return events
        self._extra.keep(pick(self._last, _REPEATED), frozenset())
        if self._extra.fields:
            events.append(ProviderFields(self._extra.fields))
        if self._usage:
            events.append(UsageReported(usage_of(self._usage)))
        if not self._finished:
            self._end(None, events)
        return events

    def _reported(self, data: bytes) -> ProviderError:
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError:
            said = data.decode("utf-8", "replace")
        return error_in_answer(said if isinstance(said, dict) else {"error": said}, self._reply)

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(what, status=self._reply.status, request_id=request_id_of(self._reply))

    # --- members of a delta --------------------------------------------------------------------------------------

    def _role(self, value: Any, events: Events) -> None:
        """Say nothing: it is always the assistant's."""

    def _content(self, value: Any, events: Events) -> None:
        if type(value) is str:
            events.append(TextDelta(value))
            return
        pieces, unknown = content_pieces(value)
        for piece in pieces:
            self._refused = self._refused or isinstance(piece, Refusal)
            events.append(_PIECE_EVENTS[type(piece)](piece))
        if unknown:
            self._extra.keep({"content": unknown}, frozenset(), "message.")

    def _refusal(self, value: Any, events: Events) -> None:
        self._refused = True
        events.append(RefusalDelta(str(value)))

    def _audio(self, value: Any, events: Events) -> None:
        self._extra.keep_audio(value)

    def _reasoning(self, member: str, value: Any, events: Events) -> None:
        # Some servers send the same text under both names; the first name that comes is the one that counts.
        self._reasoning_member = self._reasoning_member or member
        if not isinstance(value, str):
            self._extra.keep({"reasoning": value}, frozenset(), "message.")
        elif member == self._reasoning_member:
            events.append(ReasoningDelta(value))

    def _reasoning_content(self, value: Any, events: Events) -> None:
        self._reasoning("reasoning_content", value, events)

    def _plain_reasoning(self, value: Any, events: Events) -> None:
        self._reasoning("reasoning", value, events)

    def _tool_calls(self, value: Any, events: Events) -> None:
        for piece in value if isinstance(value, list) else [value]:
            if isinstance(piece, Mapping) and (piece.get("type") or "function") == "function":
                events.append(self._calls.delta(piece))
            else:
                self._extra.keep_call(piece)

    def _function_call(self, value: Any, events: Events) -> None:
        events.append(self._calls.delta({"index": "function_call", "function": value}))  # the protocol of 2023


_DELTA: dict[str, Callable[[ChatStreamDecoder, Any, Events], None]] = {
    "content": ChatStreamDecoder._content,
    "role": ChatStreamDecoder._role,
    "tool_calls": ChatStreamDecoder._tool_calls,
    "reasoning_content": ChatStreamDecoder._reasoning_content,
    "reasoning": ChatStreamDecoder._plain_reasoning,
    "refusal": ChatStreamDecoder._refusal,
    "audio": ChatStreamDecoder._audio,
    "function_call": ChatStreamDecoder._function_call,
}

_PIECE_EVENTS: dict[type, Callable[[Any], Event]] = {
    Text: lambda piece: TextDelta(piece.text),
    Reasoning: lambda piece: ReasoningDelta(piece.text),
    Refusal: lambda piece: RefusalDelta(piece.text),
}


class _Call:
    """A call that is being written: what is known of it so far."""

    __slots__ = ("has_name", "id", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        self.id: str | None = None
        self.has_name = False


class _Calls:
    """Tells which call a piece belongs to.

    Pieces carry an index. Some servers leave it out and send each call whole, with its id; some give several calls
    one index, each with an id and a name of its own; some repeat id and name with every piece.
    """

    __slots__ = ("_by_index", "_last", "count")

    def __init__(self) -> None:
        self.count = 0
        self._by_index: dict[Any, _Call] = {}
        self._last: _Call | None = None

    def delta(self, piece: Mapping[str, Any]) -> ToolCallDelta:
        """Return the event of one piece; id and name are told once."""
        index, given_id = piece.get("index"), piece.get("id") or None
        function = piece.get("function") or {}
        name = function.get("name") or None
        call = self._call_of(index, given_id, name)
        told_id = None
        if call is None:
            call = self._open(index)
            told_id = given_id or call_id(call.position)
        elif call.id is None:
            told_id = given_id  # it came without one; what was told before is replaced
        self._last = call
        call.id = call.id or given_id
        told_name = None if call.has_name else name
        call.has_name = call.has_name or name is not None
        return ToolCallDelta(call.position, told_id, told_name, arguments_of(function.get("arguments")))

    def _call_of(self, index: Any, given_id: str | None, name: str | None) -> _Call | None:
        if index is not None:
            call = self._by_index.get(index)
            is_another = (
                call is not None and name is not None and given_id is not None and call.id not in (None, given_id)
            )
            return None if is_another else call
        if given_id is not None:
            return self._last if self._last is not None and self._last.id == given_id else None
        return None if name is not None else self._last

    def _open(self, index: Any) -> _Call:
        call = _Call(self.count)
        self.count += 1
        if index is not None:
            self._by_index[index] = call
        return call
