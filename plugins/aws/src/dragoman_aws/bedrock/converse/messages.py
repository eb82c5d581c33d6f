"""Messages as Converse writes them: system apart, roles alternating, a block for each part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NoReturn

import orjson
from dragoman.errors import UnsupportedError
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Part,
    ProviderPart,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

from dragoman_aws.bedrock.converse.media import audio_block, document_block, document_name, image_block, video_block
from dragoman_aws.bedrock.converse.own import own_block

Wire = dict[str, Any]
Blocks = list[Wire]
#: Numbers the documents of one request, for those without a name.
Numbers = Iterator[int]
Write = Callable[[Any, str, Numbers], Blocks]

SYSTEM_ROLES = frozenset({"system", "developer"})


def encode_messages(messages: Sequence[Message]) -> tuple[Blocks, list[Wire]]:
    """Return the request's ``system`` and ``messages``.

    Consecutive messages of one side become one, for Bedrock wants the sides to alternate: what tools answered is the
    user's. System messages go into ``system``, wherever they stood.

    Raises:
        UnsupportedError: Converse has no place for a part; the error names its path.
    """
    system: Blocks = []
    wire: list[Wire] = []
    last: str | None = None
    numbers = count(1)
    for index, message in enumerate(messages):
        blocks = _blocks(message, index, numbers)
        if message.role in SYSTEM_ROLES:
            system += blocks
        elif blocks:
            role = "assistant" if message.role == "assistant" else "user"
            if role == last:
                wire[-1]["content"] += blocks
            else:
                wire.append({"role": role, "content": blocks})
                last = role
    return system, wire


def cache_point(ttl: str | None) -> Wire:
    """Return a block that marks a cache point; ``ttl`` is ``5m`` or ``1h``, ``None`` = Bedrock's default."""
    return {"cachePoint": {"type": "default"} if ttl is None else {"type": "default", "ttl": ttl}}


def is_sent(reasoning: Reasoning) -> bool:
    """Whether Bedrock takes this reasoning back: it wants proof that it is its own."""
    return reasoning.signature is not None or reasoning.redacted is not None


def documents_of(messages: Sequence[Message]) -> Iterator[tuple[str, Document]]:
    """Yield path and document of every document, in the order in which they are numbered."""
    for index, message in enumerate(messages):
        for position, part in enumerate(message.parts):
            at = f"messages[{index}].content[{position}]"
            if isinstance(part, Document):
                yield at, part
            elif isinstance(part, ToolResult):
                yield from ((f"{at}.content[{i}]", p) for i, p in enumerate(part.parts) if isinstance(p, Document))


# --- one function for each kind of part --------------------------------------------------------------------------


def _blocks(message: Message, index: int, numbers: Numbers) -> Blocks:
    parts, kinds = message.parts, _KINDS[message.role]
    if len(parts) == 1 and type(part := parts[0]) is Text and message.role != "tool":
        return [{"text": part.text}] if part.text else []
    blocks: Blocks = []
    for position, part in enumerate(parts):
        at = f"messages[{index}].content[{position}]"
        write = kinds.get(type(part))
        if write is None:
            _refuse(f"a message of role {message.role} cannot hold {type(part).__name__} in Converse", at)
        blocks += write(part, at, numbers)
    return blocks


def _text(part: Text | Refusal, at: str, numbers: Numbers) -> Blocks:
    return [{"text": part.text}] if part.text else []  # Bedrock refuses an empty one, and it says nothing


def _image(part: Image, at: str, numbers: Numbers) -> Blocks:
    return [image_block(part, at)]


def _audio(part: Audio, at: str, numbers: Numbers) -> Blocks:
    return [audio_block(part, at)]


def _video(part: Video, at: str, numbers: Numbers) -> Blocks:
    return [video_block(part, at)]


def _own(place: str) -> Write:
    return lambda part, at, numbers: [own_block(part, place, at)]


def _document(part: Document, at: str, numbers: Numbers) -> Blocks:
    return [document_block(part, document_name(part, next(numbers)), at)]


def _cache(part: CachePoint, at: str, numbers: Numbers) -> Blocks:
    return [cache_point(part.ttl)]


def _reasoning(part: Reasoning, at: str, numbers: Numbers) -> Blocks:
    blocks: Blocks = []
    if part.signature is not None:
        blocks.append({"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}})
    if part.redacted is not None:
        blocks.append({"reasoningContent": {"redactedContent": part.redacted}})
    return blocks


def _tool_call(part: ToolCall, at: str, numbers: Numbers) -> Blocks:
    arguments = part.arguments.strip() or "{}"
    if not _is_object(arguments):
        _refuse("the arguments of the tool call are no JSON object", at, "repair them, or leave the call out")
    return [{"toolUse": {"toolUseId": part.id, "name": part.name, "input": orjson.Fragment(arguments)}}]


def _tool_result(part: ToolResult, at: str, numbers: Numbers) -> Blocks:
    content: Blocks = []
    for position, inner in enumerate(part.parts):
        content += _RESULT_KINDS[type(inner)](inner, f"{at}.content[{position}]", numbers)
    result: Wire = {"toolUseId": part.tool_call_id, "content": content}
    if part.is_error:
        result["status"] = "error"  # without it Bedrock assumes success; some models take no status at all
    return [{"toolResult": result}]


def _result_text(part: Text, at: str, numbers: Numbers) -> Blocks:
    text = part.text
    return [{"json": orjson.Fragment(text)} if _is_object(text) else {"text": text}]


def _is_object(text: str) -> bool:
    """Whether a text is a JSON object; it is then sent as it stands, with its numbers as they were written."""
    if text.lstrip()[:1] != "{":
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


_SYSTEM: Mapping[type[Part], Write] = {Text: _text, CachePoint: _cache, ProviderPart: _own("system")}
_KINDS: Mapping[str, Mapping[type[Part], Write]] = {
    "system": _SYSTEM,
    "developer": _SYSTEM,
    "user": {
        Text: _text,
        Image: _image,
        Audio: _audio,
        Video: _video,
        Document: _document,
        CachePoint: _cache,
        ProviderPart: _own("user"),
    },
    "assistant": {
        Text: _text,
        Refusal: _text,
        Reasoning: _reasoning,
        ToolCall: _tool_call,
        CachePoint: _cache,
        ProviderPart: _own("assistant"),
    },
    "tool": {ToolResult: _tool_result, CachePoint: _cache},
}
_RESULT_KINDS: Mapping[type[Part], Write] = {
    Text: _result_text,
    Image: _image,
    Video: _video,
    Document: _document,
    ProviderPart: _own("tool"),
}


def _refuse(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=at, hint=hint)
