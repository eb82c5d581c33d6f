"""Messages as Cohere writes them.

A **tool plan** is what the model thinks before it calls tools, so it is a :class:`~dragoman.messages.Reasoning` part:
it streams, and a caller who keeps the message sends it back. Thinking blocks of the reasoning models are such parts as
well. The API has a member for each of the two; the part's ``signature`` names the plan's, so that what came as a plan
goes back as one. RubyLLM's source says that newer models refuse a plan (November 2026; not recorded): for them an
adapter's ``connection.send_tool_plan`` is false.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import orjson
from dragoman.events import Report
from dragoman.messages import Document, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

from dragoman_cohere.wire import Wire, refuse

#: The ``signature`` of a tool plan, and of thinking that a plan follows at once.
TOOL_PLAN, THINKING = "tool_plan", "thinking"


def encode_messages(messages: Sequence[Message], *, send_tool_plan: bool) -> list[Wire]:
    """Return the body's ``messages``; raise ``UnsupportedError`` with the path of a part that cannot be said."""
    wire: list[Wire] = []
    for index, message in enumerate(messages):
        if message.role == "user":
            wire.append(_user(message, f"messages[{index}]"))
        elif message.role == "assistant":
            wire.append(_assistant(message, f"messages[{index}]", send_tool_plan))
        else:
            wire += _OTHER_ROLES[message.role](message, f"messages[{index}]")
    return wire


def left_out(messages: Sequence[Message], *, send_tool_plan: bool) -> tuple[Report, ...]:
    """Return what :func:`encode_messages` does not send, for the caller to know: one report for each kind."""
    reports: dict[str, Report] = {}
    for index, message in enumerate(messages):
        if message.name is not None:
            text = "Cohere's messages have no place for a speaker's name; it was not sent"
            reports.setdefault("name", Report("name_not_sent", text, f"messages[{index}].name"))
        if message.role in _ROLES_THAT_LOSE:
            for part in message.parts:
                if type(part) is ToolResult and part.is_error:
                    reports["error"] = _NO_ERROR_FLAG
                elif type(part) is Reasoning and not _is_sent(part, send_tool_plan):
                    reports["reasoning"] = _NO_REASONING
    return tuple(reports.values())


_ROLES_THAT_LOSE = frozenset({"assistant", "tool"})
_NO_ERROR_FLAG = Report(
    "tool_error_not_marked", "Cohere cannot mark a tool result as an error; its text was sent", "messages"
)
_NO_REASONING = Report(
    "reasoning_not_sent",
    "earlier reasoning was not sent back: it is sealed, or a tool plan and connection.send_tool_plan is false",
    "messages",
)


def _is_sent(part: Reasoning, send_tool_plan: bool) -> bool:
    return bool(part.text) and (send_tool_plan or part.signature != TOOL_PLAN)


# --- one function for each role ----------------------------------------------------------------------------------


def _system(message: Message, at: str) -> list[Wire]:
    for i, part in enumerate(message.parts):
        if not isinstance(part, Text):
            _refuse_part(part, f"{at}.content[{i}]", message.role)
    return [{"role": "system", "content": _texts([part.text for part in message.parts if isinstance(part, Text)])}]


def _user(message: Message, at: str) -> Wire:
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is Text:
        return {"role": "user", "content": parts[0].text}
    return {"role": "user", "content": [_written(_USER, p, f"{at}.content[{i}]", "user") for i, p in enumerate(parts)]}


def _assistant(message: Message, at: str, send_tool_plan: bool) -> Wire:
    said = _Said()
    for i, part in enumerate(message.parts):
        write = _ASSISTANT.get(type(part))
        if write is None:
            _refuse_part(part, f"{at}.content[{i}]", "assistant")
        write(said, part)
    wire: Wire = {"role": "assistant", **said.members()}
    if said.plan and send_tool_plan:
        wire["tool_plan"] = "".join(said.plan)
    if citations := message.extra.get("citations"):
        wire["citations"] = citations
    return wire


class _Said:
    """What an assistant said, by the members that it goes into."""

    __slots__ = ("calls", "content", "plan")

    def __init__(self) -> None:
        self.content: list[Wire] = []
        self.plan: list[str] = []
        self.calls: list[Wire] = []

    def text(self, part: Text | Refusal) -> None:
        self.content.append({"type": "text", "text": part.text})

    def reasoning(self, part: Reasoning) -> None:
        if part.signature == TOOL_PLAN:
            self.plan.append(part.text)
        elif part.text:
            self.content.append({"type": "thinking", "thinking": part.text})

    def call(self, part: ToolCall) -> None:
        # A model that calls a tool without arguments may write nothing at all; what comes back is parsed as an object.
        arguments = part.arguments if part.arguments.strip() else "{}"
        function = {"name": part.name, "arguments": arguments}
        self.calls.append({"id": part.id, "type": "function", "function": function})

    def members(self) -> Wire:
        """Return content and calls; one text as it is, and nothing at all as an empty text."""
        calls = {"tool_calls": self.calls} if self.calls else {}
        if len(self.content) == 1 and "text" in self.content[0]:
            return {"content": self.content[0]["text"], **calls}
        if self.content or not calls:
            return {"content": self.content or "", **calls}
        return calls


_ASSISTANT: dict[type[Part], Callable[[_Said, Any], None]] = {
    Text: _Said.text,
    Refusal: _Said.text,
    Reasoning: _Said.reasoning,
    ToolCall: _Said.call,
}


def _tool_results(message: Message, at: str) -> list[Wire]:
    wire = []
    for i, part in enumerate(message.parts):
        if not isinstance(part, ToolResult):
            _refuse_part(part, f"{at}.content[{i}]", "tool")
        wire.append({"role": "tool", "tool_call_id": part.tool_call_id, "content": _result(part, f"{at}.content[{i}]")})
    return wire


def _result(result: ToolResult, at: str) -> str | list[Wire]:
    if all(isinstance(part, Text) for part in result.parts):
        return _texts([part.text for part in result.parts if isinstance(part, Text)])
    return [_written(_RESULT, part, f"{at}.parts[{i}]", "tool") for i, part in enumerate(result.parts)]


_OTHER_ROLES: dict[str, Callable[[Message, str], list[Wire]]] = {
    "system": _system,
    "developer": _system,
    "tool": _tool_results,
}


def _texts(texts: list[str]) -> str | list[Wire]:
    if len(texts) > 1:
        return [{"type": "text", "text": text} for text in texts]
    return "".join(texts)


# --- one function for each part ----------------------------------------------------------------------------------

_Writers = dict[type[Part], Callable[[Any, str], Wire]]


def _written(writers: _Writers, part: Part, at: str, role: str) -> Wire:
    write = writers.get(type(part))
    if write is None:
        _refuse_part(part, at, role)
    return write(part, at)


def _text(part: Text, at: str) -> Wire:
    return {"type": "text", "text": part.text}


def _image(part: Image, at: str) -> Wire:
    if part.data is not None:
        if part.media_type is None:
            refuse("image bytes need a media_type, for example image/png", at)
        url = f"data:{part.media_type};base64,{b64encode(part.data).decode()}"
    elif part.url is not None:
        url = part.url
    else:
        refuse("the image has neither bytes nor an address", at)
    detail = {} if part.detail is None else {"detail": part.detail}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _document(part: Document, at: str) -> Wire:
    """Write a document of a tool result: a JSON object is its data, any other text the ``text`` of its data."""
    if part.text is None:
        refuse("a document of a tool result goes as text", at, "read it first, and give its text")
    data: Wire = {"text": part.text}
    if part.media_type == "application/json":
        try:
            data = orjson.loads(part.text)
        except orjson.JSONDecodeError:
            data = {}
        if not isinstance(data, dict) or not data:
            refuse("a document of type application/json holds a JSON object with members", at)
    return {"type": "document", "document": {**({"id": part.name} if part.name else {}), "data": data}}


_USER: _Writers = {Text: _text, Image: _image}
_RESULT: _Writers = {Text: _text, Document: _document}


def _refuse_part(part: Part, at: str, role: str) -> NoReturn:
    hint = "give its text as inference.documents" if isinstance(part, Document) else None
    refuse(f"a message of role {role} cannot hold {type(part).__name__} in Cohere's chat", at, hint)
