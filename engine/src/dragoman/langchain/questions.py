"""LangChain's messages as ours; raises ``MessageError`` with the path of what cannot be said."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)
from langchain_core.outputs import ChatGeneration

from dragoman.errors import MessageError
from dragoman.events import collect
from dragoman.langchain_driver.incoming import AnswerDecoder
from dragoman.messages import (
    ROLES,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Part,
    Role,
    Text,
    ToolResult,
    Video,
    split_data_url,
)

Block = Mapping[str, Any]


def messages_in(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """Return our messages; a message that also holds tool results becomes several."""
    return tuple(ours for i, message in enumerate(messages) for ours in _read(message, f"messages[{i}]"))


def _read(message: BaseMessage, at: str) -> Iterator[Message]:
    read = next((_KINDS[kind] for kind in type(message).__mro__ if kind in _KINDS), None)
    if read is None:
        raise MessageError(f"{at}: a {type(message).__name__} cannot be sent", hint="human, AI, system, tool and chat")
    return read(message, at)


# --- one function for each kind of message -------------------------------------------------------------------------


def _human(message: BaseMessage, at: str) -> Iterator[Message]:
    return _spoken("user", message, at)


def _system(message: BaseMessage, at: str) -> Iterator[Message]:
    is_developer = _DEVELOPER.items() <= message.additional_kwargs.items()
    return _spoken("developer" if is_developer else "system", message, at)


#: How LangChain itself marks a developer's message.
_DEVELOPER = convert_to_messages([{"role": "developer", "content": "-"}])[0].additional_kwargs


def _chat(message: BaseMessage, at: str) -> Iterator[Message]:
    role = getattr(message, "role", None)
    if role not in ROLES or role in ("assistant", "tool"):
        raise MessageError(f"{at}.role: is {role!r}; user, system or developer is expected")
    return _spoken(role, message, at)


def _ai(message: BaseMessage, at: str) -> Iterator[Message]:
    decoder = AnswerDecoder()
    told = collect([*decoder.feed(ChatGeneration(message=message)), *decoder.end()])
    if unplaced := told.extra.get("content"):
        _refuse(f"an answer's block of type {unplaced[0].get('type')!r} cannot be sent back", f"{at}.content")
    beside = {name: value for name, value in told.extra.items() if name not in message.response_metadata}
    yield Message("assistant", told.message.parts, message.name, extra=beside)


def _tool(message: BaseMessage, at: str) -> Iterator[Message]:
    found = [part for i, block in enumerate(message.content_blocks) for part in _part(block, f"{at}.content[{i}]")]
    parts = tuple(part for part in found if isinstance(part, Text | Image | Document | Video))
    if len(parts) != len(found):
        raise MessageError(f"{at}.content: a tool's result holds text, images, films and documents only")
    result: Any = message
    yield Message("tool", (ToolResult(result.tool_call_id, parts, result.status == "error", message.name),))


_KINDS: Mapping[type, Callable[[BaseMessage, str], Iterator[Message]]] = {
    HumanMessage: _human,
    SystemMessage: _system,
    ChatMessage: _chat,
    AIMessage: _ai,
    ToolMessage: _tool,
}


def _spoken(role: Role, message: BaseMessage, at: str) -> Iterator[Message]:
    if isinstance(message.content, str):
        yield Message(role, (Text(message.content),), message.name)
        return
    parts: list[Part] = []
    for i, block in enumerate(message.content_blocks):
        found = _part(block, f"{at}.content[{i}]")
        results = [part for part in found if isinstance(part, ToolResult)]
        if results and parts:
            yield Message(role, tuple(parts), message.name)
            parts = []
        yield from (Message("tool", (result,)) for result in results)
        parts += [part for part in found if not isinstance(part, ToolResult)]
    if parts:
        yield Message(role, tuple(parts), message.name)


# --- one function for each type of block ---------------------------------------------------------------------------


def _part(block: Block, at: str) -> tuple[Part, ...]:
    """Return the part of a block, and the cache point behind it where the block is marked with one."""
    if block["type"] == "non_standard":
        block = block["value"]
    read = next((_BLOCKS[name] for name in (block.get("type"), *block) if name in _BLOCKS), None)
    if read is None:
        said = ", ".join(sorted(_BLOCKS))
        raise MessageError(f"{at}: a block of type {block.get('type')!r} cannot be sent", hint=f"there are {said}")
    parts = read(block, at)
    mark = block.get("cache_control") or _extra(block, "cache_control")
    return (*parts, CachePoint(mark.get("ttl"))) if isinstance(mark, Mapping) else parts


def _text(block: Block, at: str) -> tuple[Part, ...]:
    return (Text(_member(block, "text", at)),)


def _image(block: Block, at: str) -> tuple[Part, ...]:
    detail = block.get("detail") or _extra(block, "detail")
    if url := block.get("url"):
        if not url.startswith("data:"):
            return (Image(url=url, media_type=block.get("mime_type"), detail=detail),)
        media_type, data = split_data_url(url, f"{at}.url")
        return (Image(data, media_type=media_type, detail=detail),)
    return (Image(_bytes(block, at), media_type=_member(block, "mime_type", at), detail=detail),)


def _audio(block: Block, at: str) -> tuple[Part, ...]:
    data, media_type = _bytes(block, at), _member(block, "mime_type", at)
    subtype = media_type.partition("/")[2].removeprefix("x-")
    return (Audio(data, _AUDIO_FORMATS.get(subtype, subtype)),)


_AUDIO_FORMATS = {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}


def _video(block: Block, at: str) -> tuple[Part, ...]:
    if url := block.get("url"):
        return (Video(url=url, media_type=block.get("mime_type")),)
    return (Video(_bytes(block, at), media_type=_member(block, "mime_type", at)),)


def _file(block: Block, at: str) -> tuple[Part, ...]:
    name = next((n for m in ("filename", "name", "title") if (n := block.get(m) or _extra(block, m))), None)
    media_type = block.get("mime_type")
    beside = {"media_type": media_type, "name": name, **_told_beside(block)}
    if file_id := block.get("file_id"):
        return (Document(file_id=file_id, **beside),)
    if (url := block.get("url")) and not url.startswith("data:"):
        return (Document(url=url, **beside),)
    if url:
        beside["media_type"], data = split_data_url(url, f"{at}.url")
        return (Document(data, **beside),)
    beside["media_type"] = _member(block, "mime_type", at)
    return (Document(_bytes(block, at), **beside),)


def _plain_text(block: Block, at: str) -> tuple[Part, ...]:
    if "text" not in block:
        return _file(block, at)
    name = block.get("title") or _extra(block, "title")
    text, media_type = _member(block, "text", at), block.get("mime_type")
    return (Document(text=text, media_type=media_type, name=name, **_told_beside(block)),)


def _told_beside(block: Block) -> dict[str, Any]:
    """Return what some providers take with a document: words about it, and whether it is to be cited."""
    context, citations = (block.get(name) or _extra(block, name) for name in ("context", "citations"))
    if isinstance(citations, Mapping):
        citations = citations.get("enabled")
    return {"context": context, "citations": citations}


def _tool_result(block: Block, at: str) -> tuple[Part, ...]:
    call_id = block.get("tool_call_id") or block.get("tool_use_id")
    if not isinstance(call_id, str):
        _refuse("names no tool call", f"{at}.tool_use_id")
    inside = ToolMessage(block.get("content") or "", tool_call_id=call_id)
    (read,) = _tool(inside, at)
    (result,) = read.parts
    assert isinstance(result, ToolResult)  # noqa: S101  (for the type checker)
    return (ToolResult(call_id, result.parts, bool(block.get("is_error"))),)


def _cache_point(block: Block, at: str) -> tuple[Part, ...]:
    inside = block.get("cachePoint", block)
    return (CachePoint(inside.get("ttl")),)


#: By the block's type; a block without one by its only member's name.
_BLOCKS: Mapping[Any, Callable[[Block, str], tuple[Part, ...]]] = {
    "text": _text,
    "image": _image,
    "audio": _audio,
    "video": _video,
    "file": _file,
    "text-plain": _plain_text,
    "tool_result": _tool_result,
    "cache_point": _cache_point,
    "cachePoint": _cache_point,
}


def _extra(block: Block, name: str) -> Any:
    extras = block.get("extras")
    return extras.get(name) if isinstance(extras, Mapping) else None


def _bytes(block: Block, at: str) -> bytes:
    try:
        return base64.b64decode(_member(block, "base64", at), validate=True)
    except ValueError:
        _refuse("is not base64", f"{at}.base64")


def _member(block: Block, name: str, at: str) -> str:
    value = block.get(name)
    if not isinstance(value, str):
        _refuse(f"is {'missing' if value is None else type(value).__name__}; text is expected", f"{at}.{name}")
    return value


def _refuse(what: str, at: str) -> NoReturn:
    raise MessageError(f"{at}: {what}")
