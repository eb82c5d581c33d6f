"""What the toy model answers: text, JSON, or tool calls; and the answer as events, cut where the settings say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from dragoman.adapter import ResponseFormat
from dragoman.errors import UnsupportedError
from dragoman.events import Event, Finished, FinishReason, Started, TextDelta, ToolCallDelta, Usage, UsageReported
from dragoman.messages import Tool, ToolCall
from dragoman.plugin import ChatRequest, Inference

from dragoman_local.conversation import Conversation, tool_tokens
from dragoman_local.corpus import english
from dragoman_local.ngram import LanguageModel, Writer
from dragoman_local.plugin import DEFAULT_MIN_TOKENS, MODEL, LocalInference
from dragoman_local.prompted import Prompted
from dragoman_local.sampling import Sampler
from dragoman_local.schema import SchemaError
from dragoman_local.stops import StopFilter
from dragoman_local.tokens import count, pieces, words
from dragoman_local.toolchoice import choose_tools
from dragoman_local.values import conforming_value

#: Of a long conversation the model learns from the last so many characters, and opens with one of the last words.
MAX_PROMPT_CHARS = 20_000
MAX_OPENING_WORDS = 50
#: A text inside JSON has so many tokens.
PHRASE_TOKENS = 6
MAX_JSON_KEYS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be written: tool calls, or else text, which is still being made while it is read."""

    input_tokens: int
    text: Iterator[str]
    calls: tuple[ToolCall, ...] = ()


def check_settings(request: ChatRequest) -> None:
    """Refuse what this model cannot obey.

    Raises:
        UnsupportedError: naming the setting.
    """
    inference = request.settings.inference
    if inference.reasoning is not None:
        raise UnsupportedError("the model does not reason", path="inference.reasoning", hint="remove it with null")
    if not all(inference.stop_sequences or ()):
        raise UnsupportedError("an empty text cannot end an answer", path="inference.stop_sequences")
    for member in ("model_kwargs", "endpoint_kwargs"):
        for name in getattr(request.settings, member):
            raise UnsupportedError("the model takes no such member", path=f"{member}.{name}")


def input_tokens(request: ChatRequest) -> int:
    """Return the size of all that the model reads: messages, tools, and the schema of the answer."""
    wanted = request.settings.inference.response_format
    schema = wanted.json_schema.schema_ if wanted and wanted.json_schema else None
    return (
        Conversation(request.messages).tokens
        + tool_tokens(request.tools)
        + (count(json.dumps(schema, ensure_ascii=False)) if schema else 0)
    )


def answer_to(request: ChatRequest, order: int) -> Answer:
    """Decide what to answer. Blocks, most of all the first time, when the model learns.

    Raises:
        UnsupportedError: The request holds what this model cannot read, obey or satisfy.
    """
    check_settings(request)
    size = input_tokens(request)
    author = _Author(request, order)
    tools = choose_tools(author.conversation, request.tools, request.tool_choice)
    if tools:
        return Answer(size, iter(()), tuple(author.call(request.tools.index(tool), tool) for tool in tools))
    return Answer(size, author.text(request.settings.inference))


class _Author:
    """One call's model, dice and prompt."""

    def __init__(self, request: ChatRequest, order: int) -> None:
        self.conversation = Conversation(request.messages)
        self._sampler = Sampler(request.settings.inference)
        self._prompted = Prompted(self.conversation.question)
        self._opening = words(self.conversation.last[-MAX_PROMPT_CHARS:])[-MAX_OPENING_WORDS:]
        prompt = words(" ".join(self.conversation.texts)[-MAX_PROMPT_CHARS:])
        self._writer = Writer(LanguageModel(english(), prompt, order), self._sampler)
        self._calls = self.conversation.tool_calls

    def text(self, inference: Inference) -> Iterator[str]:
        """Return the tokens of a text, or of JSON where that is asked for."""
        wanted = inference.response_format or ResponseFormat()
        if wanted.type == "json_object":
            keys = list(dict.fromkeys(self._prompted.texts()))[:MAX_JSON_KEYS] or ["answer"]
            return iter(pieces(_json({key: self._phrase(key) for key in keys})))
        if wanted.type == "json_schema":
            schema = wanted.json_schema.schema_ if wanted.json_schema else None
            if schema is None:
                raise UnsupportedError("a schema is needed", path="inference.response_format.json_schema")
            value = self._value(schema, schema, "inference.response_format.json_schema.schema")
            return iter(pieces(_json(value)))
        least = inference.min_tokens if isinstance(inference, LocalInference) else None
        return self._writer.write(self._opening, least or DEFAULT_MIN_TOKENS)

    def call(self, index: int, tool: Tool) -> ToolCall:
        """Return a call with arguments that conform to the tool's parameters."""
        schema = tool.parameters if tool.parameters is not None else {"properties": {}}
        value = self._value({"allOf": [schema, {"type": "object"}]}, schema, f"tools[{index}].parameters")
        self._calls += 1
        return ToolCall(f"call_{self._calls}", tool.name, _json(value))

    def _value(self, schema: Any, root: Any, path: str) -> Any:
        try:
            return conforming_value(schema, root, sampler=self._sampler, prompted=self._prompted, phrase=self._phrase)
        except SchemaError as error:
            raise UnsupportedError(f"the schema {error}", path=path) from None

    def _phrase(self, name: str) -> str:
        about = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+", " ", name).lower()
        tokens = islice(self._writer.write(words(about) or self._opening, PHRASE_TOKENS), PHRASE_TOKENS)
        return "".join(tokens).rstrip(".,;:!?")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- as events ---------------------------------------------------------------------------------------------------


def events_of(answer: Answer, max_tokens: int | None, stop_sequences: Sequence[str]) -> Iterator[Event]:
    """Yield an answer token by token.

    Stop sequences end texts; the arguments of a tool call are no text. ``max_tokens`` cuts both, and ``None`` is none.
    """
    meter = _Meter(max_tokens)
    yield Started(model=MODEL)
    if answer.calls:
        yield from _call_events(answer.calls, meter)
    else:
        yield from _text_events(answer.text, meter, StopFilter(stop_sequences))
    yield UsageReported(
        Usage(answer.input_tokens, meter.written, answer.input_tokens + meter.written, source="provider")
    )
    yield Finished(meter.reason)


class _Meter:
    """Counts what is written, and remembers why it ended."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self.written = 0
        self.reason: FinishReason = "stop"

    def has_room(self) -> bool:
        """Take one more token; where there is no room for it, the answer ends with ``length``."""
        if self._most is not None and self.written >= self._most:
            self.reason = "length"
            return False
        self.written += 1
        return True


def _text_events(tokens: Iterator[str], meter: _Meter, stops: StopFilter) -> Iterator[Event]:
    for token in tokens:
        if not meter.has_room():
            break
        if text := stops.feed(token):
            yield TextDelta(text)
        if stops.hit:
            meter.reason = "stop_sequence"
            return
    if text := stops.rest():
        yield TextDelta(text)


def _call_events(calls: Sequence[ToolCall], meter: _Meter) -> Iterator[Event]:
    for position, call in enumerate(calls):
        if not meter.has_room():
            return
        yield ToolCallDelta(position, call.id, call.name)
        for piece in pieces(call.arguments):
            if not meter.has_room():
                return
            yield ToolCallDelta(position, arguments=piece)
    meter.reason = "tool_calls"
