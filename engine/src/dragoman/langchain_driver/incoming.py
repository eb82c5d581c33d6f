"""What a LangChain class answers, chunk by chunk or whole, as our events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

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
)
from dragoman.langchain_driver.vocabulary import (
    FINISH_MEMBERS,
    MODEL_MEMBERS,
    REQUEST_ID_PATHS,
    USAGE_MEMBERS,
    finish_reason,
    first_text,
    usage_of,
)

if TYPE_CHECKING:
    from langchain_core.outputs import ChatGeneration, ChatResult

#: Members of ``response_metadata`` that have a place of their own, or are LangChain's marks for itself.
_KNOWN_METADATA = frozenset({*FINISH_MEMBERS, *MODEL_MEMBERS, *USAGE_MEMBERS, "id", "model_provider", "output_version"})
#: Members of ``additional_kwargs`` that the message holds in another place as well.
_KNOWN_KWARGS = frozenset({"tool_calls", "reasoning_content", "refusal", "parsed"})
#: What LangChain itself makes up begins with one of these.
_MADE_UP_IDS = ("run-", "lc_")


class AnswerDecoder:
    """Decodes one answer. Metadata of a stream's chunks: texts and numbers are replaced by later ones, lists grow."""

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._reports = tuple(reports)
        self._started = False
        self._metadata: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}
        self._usage: Any = None
        self._calls = _Calls()
        self._refused = False

    @property
    def model_provider(self) -> str | None:
        """The word by which the class marks its messages; ``None`` where it does not."""
        return first_text(self._metadata, ("model_provider",))

    def result(self, result: ChatResult) -> list[Event]:
        """Return the events of a whole answer, the end included."""
        if not result.generations:
            raise ProtocolError("the LangChain class returned no answer")
        return [*self.feed(result.generations[0], result.llm_output), *self.end()]

    def feed(self, generation: ChatGeneration, beside: Mapping[str, Any] | None = None) -> list[Event]:
        """Return the events of a chunk, or of a whole message.

        Args:
            generation: With the message, and metadata that the class put beside it.
            beside: Metadata of the whole result (``llm_output``).
        """
        message: Any = generation.message
        metadata = {**(beside or {}), **(generation.generation_info or {}), **message.response_metadata}
        events: list[Event] = []
        if not self._started:
            self._start(message, metadata, events)
        for name, value in metadata.items():
            self._metadata[name] = _grown(self._metadata.get(name), value)
        self._add_usage(getattr(message, "usage_metadata", None))
        self._read_kwargs(message.additional_kwargs, events)
        self._read_content(message, events)
        self._calls.read(message, events)
        return events

    def end(self) -> list[Event]:
        """Return the last events.

        Raises:
            ProtocolError: There was no chunk at all.
        """
        if not self._started:
            raise ProtocolError("the LangChain class returned no answer")
        events: list[Event] = []
        own = next((self._metadata[name] for name in USAGE_MEMBERS if self._metadata.get(name)), None)
        usage = usage_of(self._usage, own)
        if usage.source != "absent":
            events.append(UsageReported(usage))
        unplaced = {n: v for n, v in self._metadata.items() if n not in _KNOWN_METADATA and not _is_empty(v)}
        if extra := {**unplaced, **self._extra}:
            events.append(ProviderFields({name: _plain(value) for name, value in extra.items()}))
        word = first_text(self._metadata, FINISH_MEMBERS)
        events.append(Finished(finish_reason(word, refused=self._refused, called=self._calls.count > 0), word))
        return events

    def _start(self, message: Any, metadata: Mapping[str, Any], events: list[Event]) -> None:
        self._started = True
        own_id = message.id if message.id and not message.id.startswith(_MADE_UP_IDS) else None
        response_id = first_text(metadata, ("id",)) or own_id
        events.append(Started(response_id, first_text(metadata, MODEL_MEMBERS), first_text(metadata, REQUEST_ID_PATHS)))
        events += [Reported(report) for report in self._reports]

    def _add_usage(self, usage: Any) -> None:
        if usage:
            from langchain_core.messages.ai import add_usage

            self._usage = add_usage(self._usage, usage) if self._usage else usage

    def _read_kwargs(self, kwargs: Mapping[str, Any], events: list[Event]) -> None:
        if isinstance(refusal := kwargs.get("refusal"), str) and refusal:
            self._refuse(refusal, events)
        for name, value in kwargs.items():
            if name not in _KNOWN_KWARGS and not _is_empty(value):
                self._extra[name] = _grown(self._extra.get(name), value)

    def _read_content(self, message: Any, events: list[Event]) -> None:
        if isinstance(message.content, str):
            if isinstance(thought := message.additional_kwargs.get("reasoning_content"), str) and thought:
                events.append(ReasoningDelta(thought))
            if message.content:
                events.append(TextDelta(message.content))
            return
        for block in message.content_blocks:
            shape: Mapping[str, Any] = block
            if block["type"] == "non_standard" and isinstance(block.get("value"), Mapping):
                shape = block["value"]
            read = _BLOCKS.get(shape.get("type", ""), AnswerDecoder._unplaced)
            read(self, shape, events)

    # --- one method for each type of block -------------------------------------------------------------------------

    def _text(self, block: Mapping[str, Any], events: list[Event]) -> None:
        if text := block.get("text"):
            events.append(TextDelta(text))
        if notes := block.get("annotations"):
            self._extra["annotations"] = _grown(self._extra.get("annotations"), list(notes))

    def _reasoning(self, block: Mapping[str, Any], events: list[Event]) -> None:
        extras = block.get("extras") or {}
        delta = ReasoningDelta(
            block.get("reasoning") or "", extras.get("signature"), _sealed(extras.get("redacted_content"))
        )
        if delta.text or delta.signature or delta.redacted:
            events.append(delta)

    def _thinking(self, block: Mapping[str, Any], events: list[Event]) -> None:
        events.append(ReasoningDelta(block.get("thinking") or "", block.get("signature")))

    def _redacted(self, block: Mapping[str, Any], events: list[Event]) -> None:
        events.append(ReasoningDelta(redacted=_sealed(block.get("data"))))

    def _refusal(self, block: Mapping[str, Any], events: list[Event]) -> None:
        self._refuse(block.get("refusal") or "", events)

    def _held_elsewhere(self, block: Mapping[str, Any], events: list[Event]) -> None:
        """Say nothing: calls are read from the message's own list of them."""

    def _unplaced(self, block: Mapping[str, Any], events: list[Event]) -> None:
        self._extra["content"] = _grown(self._extra.get("content"), [dict(block)])

    def _refuse(self, text: str, events: list[Event]) -> None:
        self._refused = True
        events.append(RefusalDelta(text))


_BLOCKS: Mapping[str, Callable[[AnswerDecoder, Mapping[str, Any], list[Event]], None]] = {
    "text": AnswerDecoder._text,
    "reasoning": AnswerDecoder._reasoning,
    "thinking": AnswerDecoder._thinking,
    "redacted_thinking": AnswerDecoder._redacted,
    "refusal": AnswerDecoder._refusal,
    "tool_call": AnswerDecoder._held_elsewhere,
    "tool_call_chunk": AnswerDecoder._held_elsewhere,
    "invalid_tool_call": AnswerDecoder._held_elsewhere,
    "tool_use": AnswerDecoder._held_elsewhere,
    "input_json_delta": AnswerDecoder._held_elsewhere,
}


class _Calls:
    """The tool calls of one answer, by their position.

    A chunk belongs to the call of its ``index``, as LangChain's own merging has it, unless its id says otherwise.
    Without an index, one with a name begins a call and one without continues the last.
    """

    def __init__(self) -> None:
        self.count = 0
        self._of_index: dict[Any, int] = {}
        self._ids: list[str | None] = []
        self._named: list[bool] = []

    def read(self, message: Any, events: list[Event]) -> None:
        chunks = getattr(message, "tool_call_chunks", None)
        if chunks is None:
            chunks = [
                {**call, "args": json.dumps(call["args"], ensure_ascii=False)}
                for call in getattr(message, "tool_calls", ())
            ] + list(getattr(message, "invalid_tool_calls", ()))
        for chunk in chunks:
            self._chunk(chunk, events)

    def _chunk(self, chunk: Mapping[str, Any], events: list[Event]) -> None:
        own_id, name = chunk.get("id") or None, chunk.get("name") or None
        position = self._position(chunk.get("index"), own_id, name)
        call_id = None
        if position == self.count:
            self.count += 1
            self._ids.append(None)
            self._named.append(False)
            call_id = f"call_{position}"  # its result must be able to name it
        if own_id and self._ids[position] is None:
            call_id = self._ids[position] = own_id
        if name and self._named[position]:
            name = None
        self._named[position] |= name is not None
        events.append(ToolCallDelta(position, call_id, name, chunk.get("args") or ""))

    def _position(self, index: Any, own_id: str | None, name: str | None) -> int:
        if index is None:
            return self.count if own_id or name or not self.count else self.count - 1
        position = self._of_index.get(index)
        if position is None or (own_id and self._ids[position] not in (None, own_id)):
            position = self._of_index[index] = self.count
        return position


# --- values --------------------------------------------------------------------------------------------------------


def _sealed(value: Any) -> str | None:
    """Return a sealed part as text; bytes as base64."""
    if isinstance(value, bytes):
        from base64 import b64encode

        return b64encode(value).decode()
    return value if isinstance(value, str) and value else None


def _grown(before: Any, value: Any) -> Any:
    if isinstance(before, list) and isinstance(value, list):
        return [*before, *value]
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        return {**before, **{name: _grown(before.get(name), inner) for name, inner in value.items()}}
    return before if value is None else value


def _is_empty(value: Any) -> bool:
    return value is None or (not value and isinstance(value, str | list | dict))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; a class may pass on objects of its SDK."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)
