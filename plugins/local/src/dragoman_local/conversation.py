"""What the toy model reads of a conversation: its text, and which tools have been called since the user spoke."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dragoman.errors import UnsupportedError
from dragoman.messages import Message, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult

from dragoman_local.tokens import count


class Conversation:
    """The messages of one call, as text.

    Raises:
        UnsupportedError: A part is not text; the path names it.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self.texts = tuple(_read(message, f"messages[{i}]") for i, message in enumerate(messages))
        self._messages = messages
        spoke = [i for i, message in enumerate(messages) if message.role == "user"]
        self._asked = spoke[-1] if spoke else 0

    @property
    def last(self) -> str:
        """The last message, which an answer goes on from."""
        return self.texts[-1]

    @property
    def question(self) -> str:
        """What the user said last."""
        return self.texts[self._asked]

    @property
    def answers_a_tool(self) -> bool:
        """Whether the last message brings a tool's result."""
        return self._messages[-1].role == "tool"

    @property
    def called(self) -> frozenset[str]:
        """Names of the tools that were called since the user spoke."""
        return frozenset(call.name for message in self._messages[self._asked :] for call in message.tool_calls)

    @property
    def tool_calls(self) -> int:
        """How many tool calls the whole conversation holds."""
        return sum(len(message.tool_calls) for message in self._messages)

    @property
    def tokens(self) -> int:
        """The size of all messages."""
        return sum(map(count, self.texts))


def tool_tokens(tools: Sequence[Tool]) -> int:
    """Return the size of the tools' descriptions."""
    return sum(count(json.dumps([t.name, t.description, t.parameters], ensure_ascii=False)) for t in tools)


def _read(message: Message, path: str) -> str:
    return " ".join(_texts(message.parts, f"{path}.content"))


def _texts(parts: Sequence[Any], path: str) -> Iterator[str]:
    for i, part in enumerate(parts):
        if isinstance(part, ToolResult):
            yield from _texts(part.parts, path)
        elif read := _READ.get(type(part)):
            yield read(part)
        else:
            kind = type(part).__name__.lower()
            raise UnsupportedError(f"the model reads text only, this is of kind {kind}", path=f"{path}[{i}]")


_READ: dict[type, Callable[[Any], str]] = {
    Text: lambda part: part.text,
    Reasoning: lambda part: part.text,
    Refusal: lambda part: part.text,
    ToolCall: lambda part: f"{part.name} {part.arguments}",
}
