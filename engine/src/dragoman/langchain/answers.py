"""Our events as LangChain's message chunks, and a whole answer as the message that they amount to.

Text alone is plain text. With reasoning or citations an answer is a list of LangChain's standard content blocks; a
block's ``index`` is what LangChain merges the chunks of a stream by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.messages.utils import message_chunk_to_message

from dragoman.events import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    Response,
    TextDelta,
    ToolCallDelta,
    Usage,
    replay,
)
from dragoman.langchain_driver.outgoing import call_out
from dragoman.messages import Reasoning

#: Members of a provider's answer that say where its text comes from.
_CITATIONS = ("annotations", "citations")


def message_of(response: Response, model: str | None = None) -> AIMessage:
    """Return a whole answer as a message; ``model`` as in :meth:`ChunkWriter.last`."""
    has_blocks = any(isinstance(part, Reasoning) for part in response.message.parts)
    writer = ChunkWriter(in_blocks=has_blocks or any(response.extra.get(name) for name in _CITATIONS))
    chunks = [chunk for event in replay(response) if (chunk := writer.chunk(event)) is not None]
    first, *rest = [*chunks, writer.last(response, model)]
    message: Any = message_chunk_to_message(first.__add__(rest) if rest else first)
    # Merging chunks reads arguments that are cut off as if they were whole.
    calls = [call_out(part) for part in response.tool_calls]
    message.tool_calls = [call for call in calls if call["type"] == "tool_call"]
    message.invalid_tool_calls = [call for call in calls if call["type"] == "invalid_tool_call"]
    if isinstance(message.content, list):
        message.content = [{k: v for k, v in block.items() if k != "index"} for block in message.content]
    return message  # type: ignore[no-any-return]


class ChunkWriter:
    """Writes the chunks of one answer.

    Args:
        in_blocks: Whether text is written as blocks from the beginning; otherwise it is from the first reasoning on.
    """

    def __init__(self, *, in_blocks: bool = False) -> None:
        self._in_blocks = in_blocks
        self._blocks = 0
        self._kind: str | None = None
        self._is_signed = self._is_sealed = False

    def chunk(self, event: Event) -> AIMessageChunk | None:
        """Return the chunk of an event; ``None`` for one that :meth:`last` tells."""
        write = _WRITERS.get(type(event))
        return write(self, event) if write else None

    def last(self, response: Response, model: str | None = None) -> AIMessageChunk:
        """Return the last chunk: usage, why and by whom, and what the provider said beside its answer.

        Args:
            response: The whole answer.
            model: What the call addressed, for providers that do not say which model answered.
        """
        beside = dict(response.extra)
        notes = [_annotation(note) for name in _CITATIONS for note in beside.pop(name, None) or ()]
        content: Any = [] if self._in_blocks else ""
        if notes:
            content = [{"type": "text", "text": "", "index": self._at("text"), "annotations": notes}]
        return AIMessageChunk(
            content=content,
            additional_kwargs=beside,
            response_metadata=metadata_of(response, model),
            usage_metadata=usage_of(response.usage),
            chunk_position="last",
        )

    # --- one method for each event -------------------------------------------------------------------------------

    def _text(self, event: TextDelta) -> AIMessageChunk:
        if not self._in_blocks:
            return AIMessageChunk(content=event.text)
        return AIMessageChunk(content=[{"type": "text", "text": event.text, "index": self._at("text")}])

    def _reasoning(self, event: ReasoningDelta) -> AIMessageChunk:
        self._in_blocks = True
        if (self._is_signed and event.text) or (self._is_sealed and (event.text or event.redacted)):
            self._kind = None  # as in dragoman.events: a signature closes its part, and so does a sealed one
        block: dict[str, Any] = {"type": "reasoning", "reasoning": event.text, "index": self._at("reasoning")}
        sealed = {"signature": event.signature, "redacted_content": event.redacted}
        if extras := {name: value for name, value in sealed.items() if value}:
            block["extras"] = extras
        self._is_signed |= event.signature is not None
        self._is_sealed |= event.redacted is not None
        return AIMessageChunk(content=[block])

    def _refusal(self, event: RefusalDelta) -> AIMessageChunk:
        return AIMessageChunk(content="", additional_kwargs={"refusal": event.text})

    def _tool_call(self, event: ToolCallDelta) -> AIMessageChunk:
        call = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.position)
        return AIMessageChunk(content="", tool_call_chunks=[call])

    def _at(self, kind: str) -> str:
        """Return the index of the block that is written: a name, since tool calls have the numbers to themselves."""
        if kind != self._kind:
            self._kind = kind
            self._blocks += 1
            self._is_signed = self._is_sealed = False
        return f"lc_{kind}_{self._blocks}"


_WRITERS: Mapping[type, Callable[[ChunkWriter, Any], AIMessageChunk | None]] = {
    TextDelta: ChunkWriter._text,
    ReasoningDelta: ChunkWriter._reasoning,
    RefusalDelta: ChunkWriter._refusal,
    ToolCallDelta: ChunkWriter._tool_call,
}


def _annotation(note: Any) -> dict[str, Any]:
    """Return a citation as LangChain's standard one where it is of the one shape that many write, else as it came."""
    inside = note.get("url_citation") if isinstance(note, Mapping) else None
    if not isinstance(inside, Mapping):
        return {"type": "non_standard_annotation", "value": note}
    known = {name: inside[name] for name in ("url", "title", "start_index", "end_index") if name in inside}
    beside = {name: value for name, value in inside.items() if name not in known}
    return {"type": "citation", **known, **({"extras": beside} if beside else {})}


# --- metadata ------------------------------------------------------------------------------------------------------


def metadata_of(response: Response, model: str | None) -> dict[str, Any]:
    """Return an answer's ``response_metadata``: what is known, nothing that is not."""
    told: dict[str, Any] = {
        "model_name": response.model or model,
        "finish_reason": response.finish_reason,
        "provider_finish_reason": response.provider_finish_reason,
        "adapter": response.adapter,
        "provider": response.provider,
        "upstream": response.upstream,
        "response_id": response.response_id,
        "request_id": response.request_id,
        "usage_source": response.usage.source,
        "reports": [report._asdict() for report in response.reports],
    }
    return {name: value for name, value in told.items() if value not in (None, [])}


def usage_of(usage: Usage) -> UsageMetadata | None:
    """Return an answer's ``usage_metadata``; ``None`` where nobody counted."""
    if usage.source == "absent":
        return None
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    figures = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written if usage.total_tokens is None else usage.total_tokens,
    )
    inside = {"cache_read": usage.cached_input_tokens, "cache_creation": usage.cache_write_input_tokens}
    if known := {name: tokens for name, tokens in inside.items() if tokens is not None}:
        figures["input_token_details"] = known  # type: ignore[typeddict-item]
    if usage.reasoning_tokens is not None:
        figures["output_token_details"] = {"reasoning": usage.reasoning_tokens}
    return figures
