"""The parts of messages as the blocks that expressions see. A block's ``type`` also says how the part came."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import orjson

from dragoman.errors import MessageError, UnsupportedError
from dragoman.mapping.reads import Reads
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Part,
    ProviderPart,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

Block = dict[str, Any]

_MEMBERS: dict[str, Any] = dict.fromkeys(
    (
        "type", "text", "media_type", "format", "data", "data_url", "url", "detail", "file_id", "name", "signature",
        "redacted", "id", "arguments", "input", "is_error", "ttl",
    )
)  # fmt: skip
#: What a block may have; the blocks inside a tool result have the same.
BLOCK_MEMBERS: dict[str, Any] = {**_MEMBERS, "blocks": _MEMBERS}
CALL_MEMBERS: dict[str, Any] = dict.fromkeys(("id", "name", "arguments", "input"))

_PLACES = (("messages", "blocks"), ("turns", "blocks"), ("turns", "blocks", "blocks"), ("messages", "tool_calls"))


class BlockWriter:
    """Writes parts as blocks.

    Args:
        reads: What a mapping reads: bytes are encoded and arguments parsed only where they are wanted.
        cases: The values that the mapping has a case for. Reasoning that has none is left out, any other block stays
            for the mapping to refuse.
    """

    def __init__(self, reads: Reads, cases: frozenset[str]) -> None:
        wanted = {name for name in ("data", "data_url", "input") if any(reads.holds(*p, name) for p in _PLACES)}
        self._wants_data = "data" in wanted
        self._wants_data_url = "data_url" in wanted
        self._wants_input = "input" in wanted
        self._cases = cases
        #: The path of each block written that is no text, by the block's ``id()``.
        self.origins: dict[int, str] = {}

    def blocks(self, parts: Sequence[Part], at: str) -> Iterator[Block]:
        """Yield the blocks of a message's parts; empty texts say nothing and are left out.

        Raises:
            MessageError: A tool call's arguments are wanted as an object and are none.
            UnsupportedError: An image or a document holds neither bytes nor an address.
        """
        for index, part in enumerate(parts):
            if isinstance(part, Text | Refusal):
                if part.text:
                    yield {"type": "text", "text": part.text}
                continue
            path = f"{at}.content[{index}]"
            for block in _WRITERS[type(part)](self, part, path):
                self.origins[id(block)] = path
                yield block

    def call(self, part: ToolCall, at: str) -> Block:
        """Return a tool call's members. Arguments that were never written count as none given: ``{}``."""
        call: Block = {"id": part.id, "name": part.name, "arguments": part.arguments.strip() or "{}"}
        if self._wants_input:
            call["input"] = _arguments_object(call["arguments"], at)
        return call

    def result(self, part: ToolResult, at: str) -> Block:
        """Return a tool result's members, ``blocks`` being its parts."""
        result: Block = {"id": part.tool_call_id, "text": part.text}
        if part.name is not None:
            result["name"] = part.name
        if part.is_error:
            result["is_error"] = True
        if blocks := list(self.blocks(part.parts, at)):
            result["blocks"] = blocks
        return result

    # --- one function for each kind of part ----------------------------------------------------------------------

    def _image(self, part: Image, at: str) -> Iterator[Block]:
        block: Block = {} if part.detail is None else {"detail": part.detail}
        if part.data is not None:
            if part.media_type is None:
                _refuse("image bytes need a media_type, for example image/png", at)
            yield {"type": "image", **self._bytes(part.data, part.media_type), **block}
        elif part.url is not None:
            yield {"type": "image_url", "url": part.url, **block}
        else:
            _refuse("the image has neither bytes nor an address", at)

    def _audio(self, part: Audio, at: str) -> Iterator[Block]:
        yield {"type": "audio", **self._bytes(part.data, f"audio/{part.format}")}

    def _video(self, part: Video, at: str) -> Iterator[Block]:
        if part.data is not None:
            if part.media_type is None:
                _refuse("a film's bytes need a media_type, for example video/mp4", at)
            yield {"type": "video", **self._bytes(part.data, part.media_type)}
        elif part.url is not None:
            yield {"type": "video_url", "url": part.url}
        else:
            _refuse("the film has neither bytes nor an address", at)

    def _document(self, part: Document, at: str) -> Iterator[Block]:
        if part.special:
            _refuse(f"a mapping has no place for a document's {part.special}", at)
        block: Block = {} if part.name is None else {"name": part.name}
        if part.file_id is not None:
            yield {"type": "document_file", "file_id": part.file_id, **block}
        elif part.text is not None:
            yield {"type": "document_text", "text": part.text, **block}
        elif part.data is not None:
            if part.media_type is None:
                _refuse("document bytes need a media_type, for example application/pdf", at)
            yield {"type": "document", **self._bytes(part.data, part.media_type), **block}
        elif part.url is not None:
            yield {"type": "document_url", "url": part.url, **block}
        else:
            _refuse("the document has neither text, bytes, an address nor an id", at)

    def _bytes(self, data: bytes, media_type: str) -> Block:
        block: Block = {"media_type": media_type, "format": media_type.rpartition("/")[2]}
        if self._wants_data or self._wants_data_url:
            encoded = b64encode(data).decode()
            if self._wants_data:
                block["data"] = encoded
            if self._wants_data_url:
                block["data_url"] = f"data:{media_type};base64,{encoded}"
        return block

    def _reasoning(self, part: Reasoning, at: str) -> Iterator[Block]:
        if part.signature is not None and "reasoning_signed" in self._cases:
            yield {"type": "reasoning_signed", "text": part.text, "signature": part.signature}
        elif part.text and "reasoning" in self._cases:
            yield {"type": "reasoning", "text": part.text}
        if part.redacted is not None and "reasoning_redacted" in self._cases:
            yield {"type": "reasoning_redacted", "redacted": part.redacted}

    def _tool_call(self, part: ToolCall, at: str) -> Iterator[Block]:
        yield {"type": "tool_call", **self.call(part, at)}

    def _tool_result(self, part: ToolResult, at: str) -> Iterator[Block]:
        yield {"type": "tool_result", **self.result(part, at)}

    def _provider_part(self, part: ProviderPart, at: str) -> Iterator[Block]:
        _refuse(f"the part is in the words of {part.provider}, which a mapping does not speak", at)

    def _cache_point(self, part: CachePoint, at: str) -> Iterator[Block]:
        yield {"type": "cache_point"} if part.ttl is None else {"type": "cache_point", "ttl": part.ttl}


_WRITERS: dict[type, Callable[[BlockWriter, Any, str], Iterator[Block]]] = {
    Image: BlockWriter._image,
    Audio: BlockWriter._audio,
    Video: BlockWriter._video,
    Document: BlockWriter._document,
    Reasoning: BlockWriter._reasoning,
    ToolCall: BlockWriter._tool_call,
    ToolResult: BlockWriter._tool_result,
    CachePoint: BlockWriter._cache_point,
    ProviderPart: BlockWriter._provider_part,
}


def _arguments_object(arguments: str, at: str) -> dict[str, Any]:
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise MessageError(f"{at}: the tool call's arguments are no JSON object, which this endpoint needs")
    return value


def _refuse(what: str, at: str) -> NoReturn:
    raise UnsupportedError(what, path=at)
