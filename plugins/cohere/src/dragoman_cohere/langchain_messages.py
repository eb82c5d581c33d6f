"""LangChain's messages as ours, and our answers as LangChain's, by their standard content blocks."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dragoman.events import (
    Event,
    Finished,
    ProviderFields,
    ReasoningDelta,
    Response,
    Started,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageReported,
)
from dragoman.messages import Document, Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ToolMessage,
)
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from dragoman_cohere.wire import refuse

Block = Mapping[str, Any]

# --- theirs as ours --------------------------------------------------------------------------------------------------


def messages_in(messages: Sequence[BaseMessage]) -> list[Message]:
    """Return our messages; raise ``UnsupportedError`` for a block or a message that Cohere has no place for."""
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: BaseMessage, at: str) -> Message:
    if isinstance(message, ToolMessage):
        parts: Any = tuple(_parts(message, at))
        result = ToolResult(message.tool_call_id, parts, is_error=message.status == "error", name=message.name)
        return Message("tool", (result,))
    if isinstance(message, AIMessage):
        calls = [
            ToolCall(c["id"] or "", c["name"], json.dumps(c["args"], ensure_ascii=False)) for c in message.tool_calls
        ]
        calls += [ToolCall(c["id"] or "", c["name"] or "", c["args"] or "") for c in message.invalid_tool_calls]
        kept = {name: value for name, value in message.additional_kwargs.items() if name == "citations"}
        return Message("assistant", (*_parts(message, at), *calls), message.name, extra=kept)
    return Message(_role(message, at), tuple(_parts(message, at)), message.name)


def _role(message: BaseMessage, at: str) -> Role:
    said = message.role if isinstance(message, ChatMessage) else message.type
    role = _ROLES.get(said)
    if role is None:
        refuse(f"a {type(message).__name__} has no place in Cohere's chat", at)
    return role


#: LangChain's word for who speaks -> ours.
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "assistant": "assistant",
}


def _parts(message: BaseMessage, at: str) -> Iterable[Part]:
    if isinstance(message.content, str):
        return [Text(message.content)] if message.content else []
    parts = []
    for index, block in enumerate(message.content_blocks):
        path = f"{at}.content[{index}]"
        read = _BLOCKS.get(block["type"])
        if read is None:
            refuse(f"a block of type {block['type']} has no place in Cohere's chat", path)
        if (part := read(block, path)) is not None:
            parts.append(part)
    return parts


def _text(block: Block, at: str) -> Part:
    return Text(block["text"])


def _image(block: Block, at: str) -> Part:
    detail = (block.get("extras") or {}).get("detail")
    if url := block.get("url"):
        return Image(url=url, detail=detail)
    if not block.get("base64"):
        refuse("the image has neither bytes nor an address", at)
    return Image(data=b64decode(block["base64"]), media_type=block.get("mime_type"), detail=detail)


def _reasoning(block: Block, at: str) -> Part:
    return Reasoning(block.get("reasoning") or "", (block.get("extras") or {}).get("signature"))


def _document(block: Block, at: str) -> Part:
    return Document(text=block.get("text"), media_type=block.get("mime_type"), name=block.get("title"))


def _held_elsewhere(block: Block, at: str) -> None:
    """Return nothing: calls are read from the message's own list of them."""


_BLOCKS: Mapping[str, Callable[[Any, str], Part | None]] = {
    "text": _text,
    "image": _image,
    "reasoning": _reasoning,
    "text-plain": _document,
    "tool_call": _held_elsewhere,
    "tool_call_chunk": _held_elsewhere,
    "invalid_tool_call": _held_elsewhere,
}


# --- ours as theirs --------------------------------------------------------------------------------------------------


def message_out(response: Response, model: str) -> AIMessage:
    """Return a whole answer as a message: plain text where it is no more than that, else blocks."""
    parts = [part for part in response.message.parts if not isinstance(part, ToolCall)]
    plain = all(isinstance(part, Text) for part in parts)
    content: Any = response.text if plain else [_block(part) for part in parts]
    calls, broken = [], []
    for call in response.tool_calls:
        arguments = _object(call.arguments)
        if arguments is None:
            broken.append(invalid_tool_call(name=call.name, args=call.arguments, id=call.id))
        else:
            calls.append(tool_call(name=call.name, args=arguments, id=call.id))
    return AIMessage(
        content,
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=usage_out(response.usage),
        response_metadata=_metadata(response.provider_finish_reason, response.usage, model, response.response_id),
        additional_kwargs=dict(response.extra),
    )


class ChunkWriter:
    """Writes the events of a stream as chunks that add up to the message of the same answer."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._response_id: str | None = None
        self._usage = Usage()
        self._extra: dict[str, Any] = {}
        self._index = 0
        self._kind: type | None = None
        self._in_blocks = False

    def write(self, event: Event) -> AIMessageChunk | None:
        """Return the chunk of an event; ``None`` for one that comes with the last chunk."""
        write = _CHUNKS.get(type(event))
        return None if write is None else write(self, event)

    def _text(self, event: TextDelta) -> AIMessageChunk:
        if not self._in_blocks:
            return AIMessageChunk(content=event.text)
        return AIMessageChunk(content=[{"type": "text", "text": event.text, "index": self._place(TextDelta)}])

    def _reasoning(self, event: ReasoningDelta) -> AIMessageChunk:
        self._in_blocks = True
        extras = {"extras": {"signature": event.signature}} if event.signature else {}
        block = {"type": "reasoning", "reasoning": event.text, "index": self._place(ReasoningDelta), **extras}
        if event.signature:
            self._kind = None  # it closes its block
        return AIMessageChunk(content=[block])

    def _place(self, kind: type) -> int:
        if kind is not self._kind:
            self._kind = kind
            self._index += 1
        return self._index

    def _call(self, event: ToolCallDelta) -> AIMessageChunk:
        chunk = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.position)
        return AIMessageChunk(content="", tool_call_chunks=[chunk])

    def _start(self, event: Started) -> None:
        self._response_id = event.response_id

    def _take_usage(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _fields(self, event: ProviderFields) -> None:
        self._extra.update(event.fields)

    def _last(self, event: Finished) -> AIMessageChunk:
        return AIMessageChunk(
            content="",
            usage_metadata=usage_out(self._usage),
            response_metadata=_metadata(event.provider_reason, self._usage, self._model, self._response_id),
            additional_kwargs=self._extra,
            chunk_position="last",
        )


_CHUNKS: Mapping[type, Callable[[ChunkWriter, Any], AIMessageChunk | None]] = {
    Started: ChunkWriter._start,
    TextDelta: ChunkWriter._text,
    ReasoningDelta: ChunkWriter._reasoning,
    ToolCallDelta: ChunkWriter._call,
    UsageReported: ChunkWriter._take_usage,
    ProviderFields: ChunkWriter._fields,
    Finished: ChunkWriter._last,
}


def usage_out(usage: Usage) -> UsageMetadata | None:
    """Return LangChain's figures; ``None`` where Cohere gave none."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    figures = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
    )
    if usage.cached_input_tokens is not None:
        figures["input_token_details"] = InputTokenDetails(cache_read=usage.cached_input_tokens)
    return figures


def _metadata(word: str | None, usage: Usage, model: str, response_id: str | None) -> dict[str, Any]:
    said = {"finish_reason": word, "id": response_id, "usage": usage.detail}
    return {"model_name": model, "model_provider": "cohere", **{k: v for k, v in said.items() if v is not None}}


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Reasoning):
        extras = {"extras": {"signature": part.signature}} if part.signature else {}
        return {"type": "reasoning", "reasoning": part.text, **extras}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    raise TypeError(f"an answer of Cohere's holds no {type(part).__name__}")


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
