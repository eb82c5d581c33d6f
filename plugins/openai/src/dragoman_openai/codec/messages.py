"""Messages, tools and tool choice as the chat-completions protocol writes them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

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
)

from dragoman_openai.codec.dialect import Dialect

Wire = dict[str, Any]


def encode_messages(messages: Sequence[Message], dialect: Dialect) -> list[Wire]:
    """Return the body's ``messages``; raise ``UnsupportedError`` with the path of a part that cannot be said."""
    wire: list[Wire] = []
    for index, message in enumerate(messages):
        wire += _ROLES[message.role](message, f"messages[{index}]", dialect)
    return wire


def left_out(messages: Sequence[Message], dialect: Dialect) -> tuple[Report, ...]:
    """Return what :func:`encode_messages` does not send, for the caller to know: one report for each kind."""
    reports: dict[str, Report] = {}
    keeps_reasoning = dialect.send_reasoning != "never"
    for message in messages:
        if message.role in _ROLES_THAT_LOSE:
            for part in message.parts:
                if type(part) is Reasoning and not (keeps_reasoning and part.text):
                    reports["reasoning"] = _NO_REASONING
                elif type(part) is ToolResult and part.is_error:
                    reports["error"] = _NO_ERROR_FLAG
    return tuple(reports.values())


_ROLES_THAT_LOSE = frozenset({"assistant", "tool"})
_NO_REASONING = Report(
    "reasoning_not_sent",
    "earlier reasoning was not sent back; this protocol has no place for it that every server knows",
    "messages",
)
_NO_ERROR_FLAG = Report(
    "tool_error_not_marked", "this protocol cannot mark a tool result as an error; its text was sent", "messages"
)


# --- one function for each role ----------------------------------------------------------------------------------


def _system(message: Message, at: str, dialect: Dialect) -> list[Wire]:
    role = message.role if dialect.system_role == "as_given" else dialect.system_role
    wire = {"role": role, "content": _texts(message.parts, at, message.role, dialect)}
    return [_named(message, wire, at, dialect)]


def _user(message: Message, at: str, dialect: Dialect) -> list[Wire]:
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0], Text):
        return [_named(message, {"role": "user", "content": parts[0].text}, at, dialect)]
    content: str | list[Wire]
    if dialect.media:
        content = [_content_part(part, f"{at}.content[{i}]") for i, part in enumerate(parts)]
    else:
        content = _texts(parts, at, "user", dialect)
    return [_named(message, {"role": "user", "content": content}, at, dialect)]


def _assistant(message: Message, at: str, dialect: Dialect) -> list[Wire]:
    said: dict[type[Part], list[Any]] = {Text: [], Refusal: [], Reasoning: [], ToolCall: []}
    for i, part in enumerate(message.parts):
        if type(part) not in said:
            _refuse_part(part, f"{at}.content[{i}]", "assistant")
        said[type(part)].append(part)
    texts = [part.text for part in said[Text]]
    refusal = "".join(part.text for part in said[Refusal])
    wire: Wire = {"role": "assistant"}
    if refusal and dialect.refusals:
        wire["refusal"] = refusal
    elif refusal:
        texts.append(refusal)
    if said[ToolCall]:
        wire["tool_calls"] = [_tool_call(call) for call in said[ToolCall]]
    if said[Reasoning] and dialect.send_reasoning != "never":
        wire[dialect.send_reasoning] = "".join(part.text for part in said[Reasoning])
    nothing = None if "tool_calls" in wire or "refusal" in wire else ""
    wire["content"] = _text_content(texts, dialect) or nothing
    return [_named(message, wire, at, dialect)]


def _tool_results(message: Message, at: str, dialect: Dialect) -> list[Wire]:
    wire = []
    for i, part in enumerate(message.parts):
        if not isinstance(part, ToolResult):
            _refuse_part(part, f"{at}.content[{i}]", "tool")
        content = _texts(part.parts, at, "tool", dialect)
        wire.append({"role": "tool", "tool_call_id": part.tool_call_id, "content": content})
    return wire


_ROLES: dict[str, Callable[[Message, str, Dialect], list[Wire]]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool_results,
}


def _named(message: Message, wire: Wire, at: str, dialect: Dialect) -> Wire:
    if message.name is not None:
        if not dialect.names:
            _refuse(f"{dialect.name} takes no names of authors", f"{at}.name", hint="write it into the text")
        wire["name"] = message.name
    return wire


def _texts(parts: Sequence[Part], at: str, role: str, dialect: Dialect) -> str | list[Wire]:
    texts = []
    for i, part in enumerate(parts):
        if not isinstance(part, Text):
            _refuse_part(part, f"{at}.content[{i}]", role)
        texts.append(part.text)
    return _text_content(texts, dialect)


def _text_content(texts: list[str], dialect: Dialect) -> str | list[Wire]:
    if len(texts) > 1 and dialect.text_lists:
        return [{"type": "text", "text": text} for text in texts]
    return "".join(texts)


def _tool_call(call: ToolCall) -> Wire:
    # A model that calls a tool without arguments may write nothing at all; servers that parse what comes back want
    # an object.
    arguments = call.arguments if call.arguments.strip() else "{}"
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


# --- one function for each part of a user message ----------------------------------------------------------------


def _content_part(part: Part, at: str) -> Wire:
    write = _PARTS.get(type(part))
    if write is None:
        _refuse_part(part, at, "user")
    return write(part, at)


def _text_part(part: Text, at: str) -> Wire:
    return {"type": "text", "text": part.text}


def _image_part(part: Image, at: str) -> Wire:
    if part.data is not None:
        if part.media_type is None:
            _refuse("image bytes need a media_type, for example image/png", at)
        url = _data_url(part.media_type, part.data)
    elif part.url is not None:
        url = part.url
    else:
        _refuse("the image has neither bytes nor an address", at)
    detail = {} if part.detail is None else {"detail": part.detail}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _audio_part(part: Audio, at: str) -> Wire:
    return {"type": "input_audio", "input_audio": {"data": b64encode(part.data).decode(), "format": part.format}}


def _document_part(part: Document, at: str) -> Wire:
    if part.special:
        _refuse(f"this protocol has no place for a document's {part.special}", at)
    if part.file_id is not None:
        return {"type": "file", "file": {"file_id": part.file_id}}
    if part.data is None:
        _refuse(
            "a document goes as bytes or as the id of an uploaded file",
            at,
            hint="fetch the address first, or send the text as a text part",
        )
    media_type = part.media_type or _media_type_of(part.name or "")
    if media_type is None:
        _refuse("document bytes need a media_type, for example application/pdf", at)
    # The protocol wants a name beside the bytes.
    name = part.name or f"document{_SUFFIXES.get(media_type, '')}"
    return {"type": "file", "file": {"filename": name, "file_data": _data_url(media_type, part.data)}}


_PARTS: dict[type[Part], Callable[[Any, str], Wire]] = {
    Text: _text_part,
    Image: _image_part,
    Audio: _audio_part,
    Document: _document_part,
}


#: A table of our own: the standard library's reads files of the system, and an encoder reads none.
_SUFFIXES = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
}


def _media_type_of(name: str) -> str | None:
    return next((media_type for media_type, suffix in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def _refuse_part(part: Part, at: str, role: str) -> NoReturn:
    _refuse(f"a message of role {role} cannot hold {type(part).__name__} in this protocol", at)


def _refuse(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=at, hint=hint)


# --- tools -------------------------------------------------------------------------------------------------------

_NO_PARAMETERS: Wire = {"type": "object", "properties": {}}


def encode_tool(tool: Tool, at: str, dialect: Dialect) -> Wire:
    """Return one of the body's ``tools``. A tool without parameters gets an empty object: some servers require one."""
    if tool.strict and not dialect.strict_tools:
        _refuse(f"{dialect.name} has no strict tools", f"{at}.strict", hint="leave it out")
    function: Wire = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    if tool.strict is not None and dialect.strict_tools:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def encode_tool_choice(choice: ToolChoice) -> str | Wire:
    """Return the body's ``tool_choice``."""
    if choice.mode != "tool":
        return choice.mode
    if not choice.name:
        _refuse("names no tool", "tool_choice.name")
    return {"type": "function", "function": {"name": choice.name}}


def refuse_choice(choice: ToolChoice, dialect: Dialect) -> None:
    """Refuse a choice that a server without ``tool_choice`` cannot be told; that the model decides needs no words."""
    if choice.mode != "auto":
        hint = "send no tools with this call" if choice.mode == "none" else "ask for the tool in the prompt"
        _refuse(f"{dialect.name} cannot be told which tool to call", "tool_choice", hint=hint)
    if choice.parallel is not None:
        _refuse(f"{dialect.name} cannot be told how many tools to call", "tool_choice.parallel")
