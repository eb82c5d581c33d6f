"""An answer as server-sent events in OpenAI's shape.

The frames of a stream differ in one member, so what surrounds it is written once for each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from dragoman.events import (
    Event,
    Finished,
    FinishReason,
    ProviderFields,
    ReasoningDelta,
    RefusalDelta,
    Report,
    Reported,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from dragoman.gateway_settings import RoleName
from dragoman.messages import Reasoning
from dragoman.server.doors.chat_answer import (
    CHOICE_MEMBERS,
    FINISH_REASONS,
    aside_object,
    thinking_blocks,
    usage_object,
)
from dragoman.server.refusals import Refusal

DONE = b"data: [DONE]\n\n"


class ChatFrames:
    """Writes the frames of one answer; the arguments are those of :func:`~.chat_answer.chat_answer`."""

    __slots__ = (
        "_after", "_before", "_finish", "_head", "_include_usage", "_reports", "_role", "_thought", "_usage_null",
        "extra",
    )  # fmt: skip

    def __init__(self, *, id: str, created: int, model: str, role: RoleName, include_usage: bool) -> None:
        head = orjson.dumps({"id": id, "object": "chat.completion.chunk", "created": created, "model": model})[:-1]
        self._role = role
        self._include_usage = include_usage
        self._usage_null = b',"usage":null' if include_usage else b""
        self._head = b"data: " + head
        self._before = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._after = b'},"logprobs":null,"finish_reason":null}]' + self._usage_null + b"}\n\n"
        self._finish: FinishReason = "unknown"
        self._reports: list[Report] = []
        self._thought: list[str] = []
        self.extra: dict[str, Any] = {}

    def first(self) -> bytes:
        """Return the frame that opens the answer."""
        return self._delta({"role": "assistant", "content": ""})

    def frame(self, event: Event) -> bytes:
        """Return the frame of an event; empty where it goes with the last ones, or says nothing to a client."""
        if type(event) is TextDelta:  # nearly all events of a stream
            return self._before + orjson.dumps(event.text) + self._after
        write = _FRAMES.get(type(event))
        return b"" if write is None else write(self, event)

    def last(self, usage: Usage) -> bytes:
        """Return the frames that close the answer, all but :data:`DONE`."""
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH_REASONS[self._finish]}
        choice.update({name: self.extra[name] for name in CHOICE_MEMBERS if name in self.extra})
        members: dict[str, Any] = {"choices": [choice]}
        if self._include_usage:
            members["usage"] = None
        if aside := aside_object(self._reports, usage, self.extra, self._role):
            members["dragoman"] = aside
        frames = self._members(members)
        if self._include_usage:
            frames += self._members({"choices": [], "usage": usage_object(usage)})
        return frames

    def error(self, refusal: Refusal) -> bytes:
        """Return the frame that says that the answer broke off."""
        return b"data: " + refusal.body() + b"\n\n"

    # --- events --------------------------------------------------------------------------------------------------

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        self._thought.append(event.text)
        if event.signature is not None or event.redacted is not None:  # with which a block is whole
            whole = Reasoning("".join(self._thought), event.signature, event.redacted)
            delta["thinking_blocks"] = thinking_blocks(whole)
            self._thought.clear()
        return self._delta(delta) if delta else b""

    def _refusal(self, event: RefusalDelta) -> bytes:
        return self._delta({"refusal": event.text})

    def _tool_call(self, event: ToolCallDelta) -> bytes:
        function: dict[str, Any] = {"arguments": event.arguments}
        call: dict[str, Any] = {"index": event.position, "function": function}
        if event.name is not None:
            function["name"] = event.name
        if event.id is not None:
            call["id"], call["type"] = event.id, "function"
        return self._delta({"tool_calls": [call]})

    def _report(self, event: Reported) -> bytes:
        self._reports.append(event.report)
        return b""

    def _fields(self, event: ProviderFields) -> bytes:
        self.extra.update(event.fields)
        return b""

    def _finished(self, event: Finished) -> bytes:
        self._finish = event.reason
        return b""

    # --- frames --------------------------------------------------------------------------------------------------

    def _delta(self, delta: Mapping[str, Any]) -> bytes:
        inside = orjson.dumps(delta)
        middle = b',"choices":[{"index":0,"delta":' + inside + b',"logprobs":null,"finish_reason":null}]'
        return self._head + middle + self._usage_null + b"}\n\n"

    def _members(self, members: Mapping[str, Any]) -> bytes:
        return self._head + b"," + orjson.dumps(members)[1:] + b"\n\n"


_FRAMES: dict[type, Callable[[ChatFrames, Any], bytes]] = {
    ReasoningDelta: ChatFrames._reasoning,
    RefusalDelta: ChatFrames._refusal,
    ToolCallDelta: ChatFrames._tool_call,
    Reported: ChatFrames._report,
    ProviderFields: ChatFrames._fields,
    Finished: ChatFrames._finished,
}
