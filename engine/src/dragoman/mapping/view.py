"""The request as expressions see it: plain JSON values, and no more of them than a mapping reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from dragoman.adapter import InferenceSettings, ResponseFormat
from dragoman.errors import UnsupportedError
from dragoman.mapping.blocks import BLOCK_MEMBERS, CALL_MEMBERS, BlockWriter
from dragoman.mapping.prompt import BLANK_LINE, PromptWriter, text_of
from dragoman.mapping.reads import Path, Reads
from dragoman.messages import Message, Text, Tool, ToolCall, ToolResult
from dragoman.provider import ChatRequest

Json = dict[str, Any]

#: Every member of the request view; ``None`` for one whose own members are not fixed.
CHAT_VIEW: Json = {
    "prompt": None,
    "messages": {
        **dict.fromkeys(("role", "name", "content", "tool_call_id", "is_error")),
        "blocks": BLOCK_MEMBERS,
        "tool_calls": CALL_MEMBERS,
    },
    "turns": {"role": None, "content": None, "blocks": BLOCK_MEMBERS},
    "system": None,
    "params": None,
    "tools": dict.fromkeys(("name", "description", "parameters", "strict")),
    "tool_choice": dict.fromkeys(("mode", "name", "parallel")),
    "stream": None,
    "model": None,
    "model_kwargs": None,
}
#: The view of a request for embeddings.
EMBED_VIEW: Json = dict.fromkeys(("texts", "purpose", "params", "model", "model_kwargs"))
#: The view of a request to rank documents.
RERANK_VIEW: Json = dict.fromkeys(("query", "documents", "top_n", "params", "model", "model_kwargs"))


def unknown_member(path: Path, view: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a path that an expression reads; ``None`` where it exists."""
    known: Any = view
    for depth, name in enumerate(path):
        if known is None:
            return None
        if name not in known:
            place = ".".join(path[:depth]) or "the request"
            return f"{place} has no {name!r}; there are {', '.join(known)}"
        known = known[name]
    return None


class View(NamedTuple):
    """A request's view, and the path of each block that a mapping may have no case for, by the block's ``id()``."""

    values: Json
    origins: Mapping[int, str]


class ViewBuilder:
    """Builds the view of one mapping's requests.

    Args:
        reads: What the mapping's skeleton reads.
        cases: The values that its switches have a case for.
        prompt: Writes ``prompt``.
        streams: Whether a stream can be decoded; where not, none is asked for.
    """

    def __init__(self, reads: Reads, cases: frozenset[str], prompt: PromptWriter, *, streams: bool) -> None:
        self.reads = reads
        self.cases = cases
        self.prompt = prompt
        self.streams = streams
        self._makers = [(name, make) for name, make in _MAKERS.items() if reads.holds(name)]

    def build(self, request: ChatRequest, model: str, settings: Json) -> View:
        """Return the view; ``settings`` are those of :func:`settings_of`.

        Raises:
            UnsupportedError: The mapping has no place for a part of the conversation; the path names it.
            MessageError: An earlier tool call's arguments are wanted as an object and are none.
        """
        making = _Making(self, request, model, settings)
        values = {name: value for name, make in self._makers if (value := make(making)) is not None}
        return View(values, making.writer.origins)


class _Making:
    """The making of one view. Where ``system`` is read, system messages are only there."""

    def __init__(self, builder: ViewBuilder, request: ChatRequest, model: str, settings: Json) -> None:
        self.builder = builder
        self.settings = settings
        self.request = request
        self.model = model
        self.reads = builder.reads
        self.writer = BlockWriter(builder.reads, builder.cases)
        self.first = _count_system(request.messages) if builder.reads.holds("system") else 0

    # --- the conversation ----------------------------------------------------------------------------------------

    def prompt(self) -> str:
        return self.builder.prompt.write(self.request.messages, self.first)

    def system(self) -> str | None:
        messages = self.request.messages[: self.first]
        return BLANK_LINE.join(text_of(m.parts, f"messages[{i}]") for i, m in enumerate(messages)) or None

    def messages(self) -> list[Json]:
        return [seen for message, at in self._conversation() for seen in self._message(message, at)]

    def turns(self) -> list[Json]:
        turns: list[Json] = []
        for message, at in self._conversation():
            turn = self._turn(message, at)
            if turns and turns[-1]["role"] == turn["role"]:
                _join(turns[-1], turn)
            else:
                turns.append(turn)
        return turns

    def _conversation(self) -> Iterator[tuple[Message, str]]:
        for index, message in enumerate(self.request.messages[self.first :], self.first):
            yield message, f"messages[{index}]"

    def _message(self, message: Message, at: str) -> Iterator[Json]:
        if message.role == "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    yield self._tool_message(part, at)
            return
        seen: Json = {"role": "system" if message.role == "developer" else message.role}
        if message.name is not None:
            seen["name"] = message.name
        calls = message.tool_calls
        if calls and not self.reads.holds("messages", "tool_calls"):
            _no_place("tool calls", at)
        # A call leaves an empty text behind, which says nothing, so that the others keep their positions in errors.
        said = [Text("") if isinstance(part, ToolCall) else part for part in message.parts]
        self._say(seen, said, at, ("messages",), silent=bool(calls))
        if calls:
            seen["tool_calls"] = [self.writer.call(call, at) for call in calls]
        yield seen

    def _tool_message(self, part: ToolResult, at: str) -> Json:
        if not self.reads.holds("messages", "tool_call_id"):
            _no_place("tool results", at)
        result = self.writer.result(part, at)
        seen: Json = {"role": "tool", "tool_call_id": result.pop("id"), "content": result.pop("text"), **result}
        if any(not isinstance(inner, Text) for inner in part.parts):
            if not self.reads.holds("messages", "blocks"):
                _no_place("images and documents in tool results", at)
            del seen["content"]
        return seen

    def _turn(self, message: Message, at: str) -> Json:
        if message.role in ("system", "developer"):
            _no_place("system messages", at, "let the skeleton read system")
        seen: Json = {"role": "assistant" if message.role == "assistant" else "user"}
        self._say(seen, message.parts, at, ("turns",), silent=False)
        return seen

    def _say(self, seen: Json, parts: Sequence[Any], at: str, place: Path, *, silent: bool) -> None:
        """Write what a message says: ``blocks``, and ``content`` where that is text alone."""
        if self.reads.holds(*place, "blocks"):
            blocks = list(self.writer.blocks(parts, at))
            if blocks:
                seen["blocks"] = blocks
            if not all(block["type"] == "text" for block in blocks):
                return
            content = "".join(block["text"] for block in blocks)
        else:
            content = text_of(parts, at)
        if content or not silent:
            seen["content"] = content

    # --- what goes beside it -------------------------------------------------------------------------------------

    def params(self) -> Json:
        return self.settings

    def tools(self) -> list[Json] | None:
        return [_tool(tool) for tool in self.request.tools] or None

    def tool_choice(self) -> Json | None:
        choice = self.request.tool_choice
        if choice is None:
            return None
        return _given(mode=choice.mode, name=choice.name, parallel=choice.parallel)

    def stream(self) -> bool:
        return self.request.stream and self.builder.streams

    def model_name(self) -> str:
        return self.model

    def model_kwargs(self) -> Json | None:
        return dict(self.request.settings.model_kwargs) or None


_MAKERS: dict[str, Callable[[_Making], Any]] = {
    "prompt": _Making.prompt,
    "messages": _Making.messages,
    "turns": _Making.turns,
    "system": _Making.system,
    "params": _Making.params,
    "tools": _Making.tools,
    "tool_choice": _Making.tool_choice,
    "stream": _Making.stream,
    "model": _Making.model_name,
    "model_kwargs": _Making.model_kwargs,
}


def _count_system(messages: Sequence[Message]) -> int:
    """Return how many system messages stand before the conversation; refuse one that stands in it."""
    roles = [message.role in ("system", "developer") for message in messages]
    if False not in roles:
        _no_place("system messages without a conversation", "messages", "add a user message")
    count = roles.index(False)
    if True in roles[count:]:
        at = f"messages[{roles.index(True, count)}]"
        _no_place("system messages after the conversation began", at, "put it before the conversation")
    return count


def _join(turn: Json, more: Json) -> None:
    if "blocks" in more:
        turn["blocks"] = [*turn.get("blocks", ()), *more["blocks"]]
    if "content" in turn and "content" in more:
        turn["content"] += BLANK_LINE + more["content"]
    else:
        turn.pop("content", None)


def _tool(tool: Tool) -> Json:
    parameters = tool.parameters if tool.parameters is not None else {"type": "object", "properties": {}}
    return _given(name=tool.name, description=tool.description, parameters=parameters, strict=tool.strict)


def _given(**members: Any) -> Json:
    return {name: value for name, value in members.items() if value is not None}


@lru_cache(maxsize=32)
def _setting_names(model: type[InferenceSettings]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def settings_of(inference: InferenceSettings) -> Json:
    """Return the inference settings that are set and mean something: no ``null``, no empty list of stop sequences."""
    settings: Json = {}
    for name in (*_setting_names(type(inference)), *(inference.model_extra or ())):
        value = getattr(inference, name)
        if name == "reasoning" and value is not None:
            value = value.model_dump(exclude_none=True) or None
        elif name == "response_format" and value is not None:
            value = _response_format(value)
        if value is not None and value != [] and name != "configuration":
            settings[name] = value
    return settings


def _response_format(value: ResponseFormat) -> Json | None:
    if value.type == "text":
        return None
    seen: Json = {"type": value.type}
    if value.json_schema is not None:
        seen["json_schema"] = value.json_schema.model_dump(exclude={"schema_"}, exclude_none=True)
        if value.json_schema.schema_ is not None:
            seen["json_schema"]["schema"] = value.json_schema.schema_  # whole: a null inside a schema means something
    return seen


def _no_place(what: str, at: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(f"this mapping has no place for {what}", path=at, hint=hint)
