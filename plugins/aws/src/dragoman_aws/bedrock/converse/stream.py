"""The events of ConverseStream as ours.

The hot path: one look-up for a frame, one for a delta, no model objects. Blocks of text have no start of their own;
usage comes in ``metadata``, after ``messageStop``; every payload may hold a padding member, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from dragoman.plugin import StreamDecoder, WireReply

from dragoman_aws.bedrock.converse.decode import OTHER_BLOCKS, SERVER_TOOL
from dragoman_aws.bedrock.converse.vocabulary import finish_reason, usage_of
from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER, error_in_stream
from dragoman_aws.eventstream import EventFrame

Payload = Mapping[str, Any]
Events = Sequence[Event]


class ConverseStreamDecoder(StreamDecoder):
    """Decodes one stream. The finish comes with ``messageStop``; a stream without it is the engine's to refuse."""

    __slots__ = ("_additional", "_blocks", "_calls", "_extra", "_reply", "_reports", "_who")

    def __init__(self, reply: WireReply, who: str, reports: tuple[Report, ...] = ()) -> None:
        self._reply = reply
        self._who = who
        self._reports = reports
        self._calls = 0
        self._blocks: dict[int, _Block] = {}
        self._extra: dict[str, Any] = {}
        self._additional: Any = None

    def feed(self, frame: EventFrame) -> Events:
        data, event, kind, _ = frame
        if kind != "event":
            raise error_in_stream(frame, self._reply, self._who)
        read = _EVENTS.get(event)
        if read is None:
            return ()  # a kind of event that is newer than this codec
        try:
            payload = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ProtocolError(
                f"the payload of {event} is not JSON",
                status=self._reply.status,
                request_id=self._reply.headers.get(REQUEST_ID_HEADER),
            ) from None
        return read(self, payload)

    def end(self) -> Events:
        return self._leave_extra()

    # --- one function for each event -----------------------------------------------------------------------------

    def _message_start(self, payload: Payload) -> Events:
        started = Started(request_id=self._reply.headers.get(REQUEST_ID_HEADER))
        return [started, *(Reported(report) for report in self._reports)]

    def _block_start(self, payload: Payload) -> Events:
        start = payload.get("start") or {}
        index = payload["contentBlockIndex"]
        use = start.get("toolUse")
        if use is None or use.get("type") == SERVER_TOOL:
            self._blocks[index] = _OtherBlock(start)
            return ()
        call = self._blocks[index] = _CallBlock(self._calls)
        self._calls += 1
        return (ToolCallDelta(call.position, use["toolUseId"], use["name"]),)

    def _block_delta(self, payload: Payload) -> Events:
        delta = payload["delta"]
        block = self._blocks.get(payload["contentBlockIndex"])
        if block is None:  # text and reasoning have no start
            kind = next((kind for member, kind in _DELTAS.items() if member in delta), _OtherBlock)
            block = self._blocks[payload["contentBlockIndex"]] = kind()
        return block.add(delta)

    def _block_stop(self, payload: Payload) -> Events:
        block = self._blocks.pop(payload["contentBlockIndex"], None)
        return block.close(self._extra) if block is not None else ()

    def _message_stop(self, payload: Payload) -> Events:
        events: list[Event] = []
        for block in self._blocks.values():  # blocks that were never closed
            events += block.close(self._extra)
        self._blocks.clear()
        self._additional = payload.get("additionalModelResponseFields")
        if self._additional is not None:
            self._extra["additionalModelResponseFields"] = self._additional
        word = payload.get("stopReason")
        reason, report = finish_reason(word)
        if report is not None:
            events.append(Reported(report))
        events.append(Finished(reason, word))
        return events

    def _metadata(self, payload: Payload) -> Events:
        self._extra.update((name, value) for name, value in payload.items() if name not in _PLACED)
        return [*self._leave_extra(), UsageReported(usage_of(payload.get("usage"), self._additional))]

    def _leave_extra(self) -> Events:
        if not self._extra:
            return ()
        fields, self._extra = self._extra, {}
        return (ProviderFields(fields),)


_EVENTS: Mapping[str, Callable[[ConverseStreamDecoder, Payload], Events]] = {
    "contentBlockDelta": ConverseStreamDecoder._block_delta,
    "contentBlockStart": ConverseStreamDecoder._block_start,
    "contentBlockStop": ConverseStreamDecoder._block_stop,
    "messageStart": ConverseStreamDecoder._message_start,
    "messageStop": ConverseStreamDecoder._message_stop,
    "metadata": ConverseStreamDecoder._metadata,
}
_PLACED = frozenset({"usage", "p"})


# --- blocks ------------------------------------------------------------------------------------------------------


class _Block:
    """A block that is being written."""

    __slots__ = ()

    def add(self, delta: Payload) -> Events:
        raise NotImplementedError

    def close(self, extra: dict[str, Any]) -> Events:
        return ()


class _TextBlock(_Block):
    """Text, and the citations that it rests on."""

    __slots__ = ("_citations", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._citations: list[Any] = []

    def add(self, delta: Payload) -> Events:
        text = delta.get("text")
        if text:
            self._pieces.append(text)
            return (TextDelta(text),)
        if "citation" in delta:
            self._citations.append(delta["citation"])
        return ()

    def close(self, extra: dict[str, Any]) -> Events:
        if self._citations:
            content = [{"text": "".join(self._pieces)}]
            extra.setdefault("citations", []).append({"content": content, "citations": self._citations})
        return ()


class _ReasoningBlock(_Block):
    """Reasoning; its proof and its sealed part are told once, whole."""

    __slots__ = ("_redacted", "_signature")

    def __init__(self) -> None:
        self._signature = ""
        self._redacted: list[str] = []

    def add(self, delta: Payload) -> Events:
        content = delta["reasoningContent"]
        self._signature += content.get("signature") or ""
        if sealed := content.get("redactedContent"):
            self._redacted.append(sealed)
        text = content.get("text")
        return (ReasoningDelta(text),) if text else ()

    def close(self, extra: dict[str, Any]) -> Events:
        events = [ReasoningDelta(signature=self._signature)] if self._signature else []
        return [*events, *(ReasoningDelta(redacted=sealed) for sealed in self._redacted)]


class _CallBlock(_Block):
    """A call of a tool; one without arguments gets an empty object, as in a whole answer."""

    __slots__ = ("_empty", "position")

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._empty = True

    def add(self, delta: Payload) -> Events:
        piece = delta["toolUse"].get("input")
        if not piece:
            return ()
        self._empty = False
        return (ToolCallDelta(self.position, arguments=piece),)

    def close(self, extra: dict[str, Any]) -> Events:
        return (ToolCallDelta(self.position, arguments="{}"),) if self._empty else ()


class _OtherBlock(_Block):
    """A block without a place of its own, put together as a whole answer would hold it."""

    __slots__ = ("_deltas", "_start")

    def __init__(self, start: Payload | None = None) -> None:
        self._start = start or {}
        self._deltas: list[Payload] = []

    def add(self, delta: Payload) -> Events:
        self._deltas.append(delta)
        return ()

    def close(self, extra: dict[str, Any]) -> Events:
        extra.setdefault(OTHER_BLOCKS, []).append(_whole(self._start, self._deltas))
        return ()


def _whole(start: Payload, deltas: Sequence[Payload]) -> dict[str, Any]:
    """Put a started block and its pieces together; pieces of an unknown kind stay as they came."""
    if "toolUse" in start:
        text = "".join(d["toolUse"].get("input", "") for d in deltas if "toolUse" in d)
        return {"toolUse": {**start["toolUse"], "input": _json(text) if text else {}}}
    if "toolResult" in start:
        content = [piece for d in deltas for piece in d.get("toolResult", ())]
        return {"toolResult": {**start["toolResult"], "content": content}}
    if len(deltas) == 1 and not start:
        return dict(deltas[0])
    return {**start, "deltas": list(deltas)}


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


_DELTAS: Mapping[str, Callable[[], _Block]] = {
    "text": _TextBlock,
    "toolUse": _CallBlock,
    "reasoningContent": _ReasoningBlock,
    "citation": _TextBlock,
}
