"""Our messages, tools and tool choice as LangChain's: standard content blocks (version 1), plain text where it is."""

from __future__ import annotations

import inspect
import mimetypes
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import orjson

from dragoman.errors import UnsupportedError
from dragoman.events import Report
from dragoman.messages import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

Block = dict[str, Any]

_SEALED = Report(
    "reasoning_not_sent",
    "earlier reasoning that the provider had sealed was not sent back: LangChain has no standard block for it",
    "messages",
)
_NO_TOOLS = Report("tools_not_offered", "tool_choice is none: the tools were not offered to the model", "tool_choice")


def messages_out(messages: Sequence[Message], provider: str | None) -> list[BaseMessage]:
    """Return LangChain messages; raise ``UnsupportedError`` with the path of a part that cannot be said.

    Args:
        messages: Ours.
        provider: The word by which the class marked its earlier answers (``model_provider``). Classes send reasoning
            back only where a message carries their own word. ``None`` where nothing was answered yet.
    """
    return [out for i, m in enumerate(messages) for out in _ROLES[m.role](m, f"messages[{i}]", provider)]


def left_out(messages: Sequence[Message]) -> tuple[Report, ...]:
    """Return what :func:`messages_out` does not say."""
    sealed = any(isinstance(p, Reasoning) and p.redacted for m in messages for p in m.parts)
    return (_SEALED,) if sealed else ()


# --- one function for each role ----------------------------------------------------------------------------------


def _system(message: Message, at: str, provider: str | None) -> list[BaseMessage]:
    from langchain_core.messages import convert_to_messages

    content = _content(message.parts, at, message.role, _TEXTS)
    # LangChain knows how a developer's message is marked for classes that tell it from a system message.
    return convert_to_messages([{"role": message.role, "content": content, "name": message.name}])


def _user(message: Message, at: str, provider: str | None) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage

    return [HumanMessage(_content(message.parts, at, "user", _USER), name=message.name)]


def _assistant(message: Message, at: str, provider: str | None) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage

    calls = [call_out(part) for part in message.tool_calls]
    said: dict[str, Any] = {
        "name": message.name,
        "tool_calls": [call for call in calls if call["type"] == "tool_call"],
        "invalid_tool_calls": [call for call in calls if call["type"] == "invalid_tool_call"],
    }
    parts = [p for p in message.parts if not (isinstance(p, Reasoning) and not p.text and not p.signature)]
    if any(isinstance(part, Reasoning) for part in parts):
        blocks: Any = _blocks(parts, at, "assistant", _ASSISTANT)
        marks = {"output_version": "v1", **({"model_provider": provider} if provider else {})}
        return [AIMessage(blocks, response_metadata=marks, **said)]
    texts = [part for part in parts if not isinstance(part, ToolCall)]
    return [AIMessage(_content(texts, at, "assistant", _ASSISTANT), **said)]


def _tool_results(message: Message, at: str, provider: str | None) -> list[BaseMessage]:
    from langchain_core.messages import ToolMessage

    out: list[BaseMessage] = []
    for i, part in enumerate(message.parts):
        if not isinstance(part, ToolResult):
            _refuse_part(part, f"{at}.content[{i}]", "tool")
        content: Any = _content(part.parts, at, "tool", _RESULT)
        status = "error" if part.is_error else "success"
        out.append(ToolMessage(content, tool_call_id=part.tool_call_id, name=part.name, status=status))
    return out


_ROLES: dict[str, Callable[[Message, str, str | None], list[BaseMessage]]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool_results,
}


# --- one function for each part ----------------------------------------------------------------------------------

_Writers = dict[type[Part], Callable[[Any, str], Block]]


def _content(parts: Sequence[Part], at: str, role: str, writers: _Writers) -> Any:
    """Return plain text for one text and for nothing, else blocks: simple classes take text alone."""
    blocks = _blocks(parts, at, role, writers)
    if not blocks:
        return ""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _blocks(parts: Iterable[Part], at: str, role: str, writers: _Writers) -> list[Block]:
    blocks = []
    for i, part in enumerate(parts):
        path = f"{at}.content[{i}]"
        write = writers.get(type(part))
        if write is None:
            _refuse_part(part, path, role)
        blocks.append(write(part, path))
    return blocks


def _text(part: Text | Refusal, at: str) -> Block:
    return {"type": "text", "text": part.text}


def _image(part: Image, at: str) -> Block:
    if part.data is not None and part.media_type is None:
        _refuse("image bytes need a media_type, for example image/png", at)
    if part.data is None and part.url is None:
        _refuse("the image has neither bytes nor an address", at)
    if part.detail is not None:  # the standard block has no place for it; this older one, which every class knows, has
        url = part.url or f"data:{part.media_type};base64,{_base64(part.data)}"
        return {"type": "image_url", "image_url": {"url": url, "detail": part.detail}}
    if part.data is None:
        return {"type": "image", "url": part.url}
    return {"type": "image", "base64": _base64(part.data), "mime_type": part.media_type}


def _audio(part: Audio, at: str) -> Block:
    return {"type": "audio", "base64": _base64(part.data), "mime_type": f"audio/{part.format}"}


def _video(part: Video, at: str) -> Block:
    if part.data is None:
        if part.url is None:
            _refuse("the film has neither bytes nor an address", at)
        return {"type": "video", "url": part.url}
    if part.media_type is None:
        _refuse("a film's bytes need a media_type, for example video/mp4", at)
    return {"type": "video", "base64": _base64(part.data), "mime_type": part.media_type}


def _document(part: Document, at: str) -> Block:
    if part.special:
        _refuse(f"LangChain's messages have no place for a document's {part.special}", at)
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    if part.text is not None:
        return {"type": "text-plain", "text": part.text, "mime_type": part.media_type or "text/plain", **_title(part)}
    media_type = part.media_type or mimetypes.guess_type(part.name or "")[0]
    if part.url is not None:
        return {"type": "file", "url": part.url, **({"mime_type": media_type} if media_type else {})}
    if part.data is None:
        _refuse("the document has neither bytes, text, an address nor an id", at)
    if media_type is None:
        _refuse("document bytes need a media_type, for example application/pdf", at)
    name = part.name or f"document{mimetypes.guess_extension(media_type) or ''}"
    # Classes differ in which of the two names they look for.
    names = {"filename": name, "name": name}
    return {"type": "file", "base64": _base64(part.data), "mime_type": media_type, "extras": names}


def _title(part: Document) -> Block:
    return {"title": part.name} if part.name else {}


def _reasoning(part: Reasoning, at: str) -> Block:
    block: Block = {"type": "reasoning", "reasoning": part.text}
    return {**block, "extras": {"signature": part.signature}} if part.signature else block


def call_out(part: ToolCall, at: str = "") -> Block:
    """Return a tool call; an invalid one where its arguments are no JSON object."""
    try:
        arguments = orjson.loads(part.arguments) if part.arguments.strip() else {}
    except orjson.JSONDecodeError:
        arguments = None
    call: Block = {"id": part.id, "name": part.name}
    if isinstance(arguments, dict):
        return {"type": "tool_call", **call, "args": arguments}
    return {"type": "invalid_tool_call", **call, "args": part.arguments, "error": None}


_TEXTS: _Writers = {Text: _text}
_USER: _Writers = {Text: _text, Image: _image, Audio: _audio, Video: _video, Document: _document}
_RESULT: _Writers = {Text: _text, Image: _image, Video: _video, Document: _document}
_ASSISTANT: _Writers = {Text: _text, Refusal: _text, Reasoning: _reasoning, ToolCall: call_out}


def _base64(data: bytes | None) -> str:
    return b64encode(data or b"").decode()


def _refuse_part(part: Part, at: str, role: str) -> NoReturn:
    _refuse(f"a message of role {role} cannot hold {type(part).__name__} in LangChain's messages", at)


def _refuse(what: str, at: str) -> NoReturn:
    raise UnsupportedError(what, path=at)


# --- tools -------------------------------------------------------------------------------------------------------

_NO_PARAMETERS: Block = {"type": "object", "properties": {}}


class Offer(NamedTuple):
    """The model with its tools bound, as ``bind_tools`` returned it, and what was left out."""

    model: Any
    reports: tuple[Report, ...] = ()


def offer_tools(model: BaseChatModel, tools: Sequence[Tool], choice: ToolChoice | None) -> Offer:
    """Bind the tools to the model.

    ``tool_choice`` has two standard values, ``any`` and a tool's name. ``auto`` is what a model does by itself; for
    ``none`` the tools are kept from it.

    Raises:
        UnsupportedError: The class takes no tools, or not these; nothing was sent.
    """
    if not tools:
        return Offer(model)
    if choice is not None and choice.mode == "none":
        return Offer(model, (_NO_TOOLS,))
    subject = f"the LangChain class {type(model).__name__}"
    options = _options(model, choice, subject)
    try:
        return Offer(model.bind_tools([_tool(tool) for tool in tools], **options))
    except NotImplementedError:
        raise UnsupportedError(f"{subject} takes no tools", path="tools") from None
    except Exception as error:  # noqa: BLE001  (a foreign class raises what it likes; its text may quote the tools)
        what = f"{subject} does not take these tools, or this tool choice ({type(error).__name__})"
        raise UnsupportedError(what, path="tools") from None


def _options(model: BaseChatModel, choice: ToolChoice | None, subject: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if choice is None:
        return options
    if choice.mode == "tool" and not choice.name:
        _refuse("names no tool", "tool_choice.name")
    if choice.mode != "auto":
        options["tool_choice"] = choice.name if choice.mode == "tool" else "any"
    if choice.parallel is not None:
        if "parallel_tool_calls" not in inspect.signature(model.bind_tools).parameters:
            _refuse(f"{subject} cannot say whether calls may be parallel", "tool_choice.parallel")
        options["parallel_tool_calls"] = choice.parallel
    return options


def _tool(tool: Tool) -> Block:
    function: Block = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = _NO_PARAMETERS if tool.parameters is None else dict(tool.parameters)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
