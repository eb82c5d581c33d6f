"""The events of a streamed answer as ours.

The hot path of the plugin: one table look-up for each frame, by the type of its event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from dragoman.errors import ProtocolError
from dragoman.events import (
    Event,
    Finished,
    ProviderFields,
    ReasoningDelta,
    Report,
    Reported,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from dragoman.plugin import Frame, StreamDecoder, WireReply

from dragoman_cohere.codec.decode import MESSAGE_MEMBERS
from dragoman_cohere.codec.messages import THINKING, TOOL_PLAN
from dragoman_cohere.codec.vocabulary import finish_reason, usage_of
from dragoman_cohere.errors import error_in_answer
from dragoman_cohere.wire import request_id_of

Events = list[Event]
Data = dict[str, Any]

_END_MEMBERS = frozenset({"finish_reason", "usage", "error", "error_type"})


class ChatStreamDecoder(StreamDecoder):
    """Decodes one stream. ``message-end`` ends it, with usage and what has no place of its own."""

    def __init__(self, reply: WireReply, reports: tuple[Report, ...] = ()) -> None:
        self._reply = reply
        self._reports = reports
        self._started = False
        self._finished = False
        self._extra: Data = {}
        self._positions: dict[Any, int] = {}
        self._is_thinking = False
        self._has_plan = False

    def feed(self, frame: Frame) -> Iterable[Event]:
        data = frame.data
        if data[:1] != b"{" and data.strip() in (b"", b"[DONE]"):
            return ()
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._broken("a frame of the stream is not JSON") from None
        if type(event) is not dict:
            raise self._broken("a frame of the stream is no JSON object")
        return self.read(event, frame.event)

    def read(self, event: Data, name: str | None = None) -> Events:
        """Return our events of one of Cohere's; ``name`` counts where it says no type itself."""
        read = _EVENTS.get(event.get("type") or name or "")
        return self._unknown(event, name) if read is None else read(self, event)

    def end(self) -> Iterable[Event]:
        return ()

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(what, status=self._reply.status, request_id=request_id_of(self._reply))

    def _unknown(self, event: Data, name: str | None) -> Events:
        """Keep an event of a new type; raise what is an error by itself."""
        if event.get("error") or name == "error" or (not event.get("type") and event.get("message")):
            raise error_in_answer(event, self._reply)
        self._extra.setdefault("events", []).append(event)
        return []

    # --- one method for each type of event ------------------------------------------------------------------------

    def _message_start(self, event: Data) -> Events:
        if self._started:
            return []
        self._started = True
        message = (event.get("delta") or {}).get("message") or {}
        self._keep({name: value for name, value in message.items() if name not in MESSAGE_MEMBERS})
        return [
            Started(event.get("id") or None, None, request_id_of(self._reply)),
            *(Reported(report) for report in self._reports),
        ]

    def _content(self, event: Data) -> Events:
        """Read the start of a block, or its next piece: text or thinking."""
        if event.get("logprobs"):
            self._extra.setdefault("logprobs", []).append(event["logprobs"])
        content = event["delta"]["message"]["content"]
        if text := content.get("text"):
            self._is_thinking = False
            return [TextDelta(text)]
        if thinking := content.get("thinking"):
            self._is_thinking = True
            return [ReasoningDelta(thinking)]
        if content.get("type", "text") not in ("text", "thinking"):
            self._extra.setdefault("content", []).append(content)
        return []

    def _plan(self, event: Data) -> Events:
        text = event["delta"]["message"]["tool_plan"]
        if not text:
            return []
        events: Events = []
        if self._is_thinking:  # the plan is a part of its own
            events.append(ReasoningDelta(signature=THINKING))
            self._is_thinking = False
        self._has_plan = True
        events.append(ReasoningDelta(text))
        return events

    def _end_plan(self) -> Events:
        """Say which member the reasoning so far came in."""
        if not self._has_plan:
            return []
        self._has_plan = False
        return [ReasoningDelta(signature=TOOL_PLAN)]

    def _call_start(self, event: Data) -> Events:
        call = event["delta"]["message"]["tool_calls"]
        function = call["function"]
        position = self._positions[event.get("index")] = len(self._positions)
        name, arguments = function.get("name") or "", function.get("arguments") or ""
        return [*self._end_plan(), ToolCallDelta(position, call.get("id") or f"call_{position}", name, arguments)]

    def _call_delta(self, event: Data) -> Events:
        arguments = event["delta"]["message"]["tool_calls"]["function"].get("arguments") or ""
        return [ToolCallDelta(self._positions[event.get("index")], arguments=arguments)]

    def _citation(self, event: Data) -> Events:
        found = event["delta"]["message"]["citations"]
        self._extra.setdefault("citations", []).extend(found if isinstance(found, list) else [found])
        return []

    def _debug(self, event: Data) -> Events:
        self._keep({"debug": {name: value for name, value in event.items() if name != "type"}})
        return []

    def _nothing(self, event: Data) -> Events:
        """Say nothing: it only marks an end."""
        return []

    def _message_end(self, event: Data) -> Events:
        delta = event.get("delta") or {}
        if delta.get("error"):
            raise error_in_answer(delta, self._reply)
        if self._finished:
            return []
        self._finished = True
        self._keep({name: value for name, value in delta.items() if name not in _END_MEMBERS})
        events = self._end_plan()
        if self._extra:
            events.append(ProviderFields(self._extra))
        usage = usage_of(delta.get("usage"))
        if usage.source == "provider":
            events.append(UsageReported(usage))
        word = delta.get("finish_reason")
        events.append(Finished(finish_reason(word), word))
        return events

    def _keep(self, members: Data) -> None:
        self._extra.update({name: value for name, value in members.items() if value})


_EVENTS: dict[str, Callable[[ChatStreamDecoder, Data], Events]] = {
    "message-start": ChatStreamDecoder._message_start,
    "content-start": ChatStreamDecoder._content,
    "content-delta": ChatStreamDecoder._content,
    "content-end": ChatStreamDecoder._nothing,
    "tool-plan-delta": ChatStreamDecoder._plan,
    "tool-call-start": ChatStreamDecoder._call_start,
    "tool-call-delta": ChatStreamDecoder._call_delta,
    "tool-call-end": ChatStreamDecoder._nothing,
    "citation-start": ChatStreamDecoder._citation,
    "citation-end": ChatStreamDecoder._nothing,
    "message-end": ChatStreamDecoder._message_end,
    "debug": ChatStreamDecoder._debug,
}
