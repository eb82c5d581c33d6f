"""What a scripted upstream thinks: by rules, so that a test of LangChain's can foresee the answer.

With tools and no result yet, it calls the forced tool, else the one that the prompt names, else the first; arguments
follow the tool's JSON Schema, with the prompt's numbers and quoted texts in their order. With a response format it
gives a value of the schema, or an object of the keys that the prompt quotes. Otherwise it greets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GREETING = "Hello there, how are you today?"

#: Figures of every answer: what was read and written, and how much of it from a cache and while reasoning.
READ, CACHED, WRITTEN, REASONED = 42, 10, 7, 3


@dataclass(frozen=True)
class Turn:
    """What was asked, whatever the wire's shape."""

    prompt: str
    tools: Mapping[str, Any] = field(default_factory=dict)
    forced: str | None = None
    is_after_tool: bool = False
    schema: Mapping[str, Any] | None = None
    wants_json: bool = False
    stop: Sequence[str] = ()
    max_tokens: int | None = None


@dataclass(frozen=True)
class Thought:
    """The answer: a text, or one call; ``why`` it ended is ``stop``, ``length`` or ``call``."""

    text: str = ""
    call: tuple[str, str] | None = None
    why: str = "stop"

    @property
    def pieces(self) -> list[str]:
        """The text, or the call's arguments, in the pieces of a stream."""
        return re.findall(r"\S+\s*|\s+", self.text) if self.call is None else re.findall(r".{1,7}", self.call[1])


def think(turn: Turn) -> Thought:
    if turn.tools and (turn.forced or not turn.is_after_tool):
        name = turn.forced if turn.forced in turn.tools else _spoken_of(turn)
        return Thought(call=(name, _written(turn.tools[name] or {}, turn.prompt)), why="call")
    if turn.schema is not None:
        return Thought(_written(turn.schema, turn.prompt))
    if turn.wants_json:
        keys = re.findall(r"['\"](\w+)['\"]", turn.prompt)
        return Thought(json.dumps({key: f"the {key}" for key in keys}))
    return _cut(GREETING, turn)


def _spoken_of(turn: Turn) -> str:
    return next((name for name in turn.tools if name in turn.prompt), next(iter(turn.tools)))


def _cut(text: str, turn: Turn) -> Thought:
    ends = [at for stop in turn.stop if stop and (at := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    words = re.findall(r"\S+\s*", text)
    if turn.max_tokens is not None and len(words) > turn.max_tokens:
        return Thought("".join(words[: turn.max_tokens]), why="length")
    return Thought(text)


def _written(schema: Mapping[str, Any], prompt: str) -> str:
    numbers = (int(found) for found in re.findall(r"(?<![\w.])-?\d+(?![\w.])", prompt))
    texts = (found for found in re.findall(r"['\"]([^'\"]+)['\"]", prompt))
    return json.dumps(_Writer(schema, numbers, texts).value(schema), ensure_ascii=False)


class _Writer:
    """Writes a value that a schema describes."""

    def __init__(self, root: Mapping[str, Any], numbers: Iterator[int], texts: Iterator[str]) -> None:
        self._root, self._numbers, self._texts = root, numbers, texts

    def value(self, schema: Mapping[str, Any]) -> Any:
        if path := schema.get("$ref"):
            return self.value(self._at(path))
        if "enum" in schema:
            return schema["enum"][0]
        if branches := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(next(b for b in branches if b.get("type") != "null"))
        kind = schema.get("type", "object")
        return _VALUES[kind](self, schema)

    def _at(self, path: str) -> Any:
        found: Any = self._root
        for step in path.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _object(self, schema: Mapping[str, Any]) -> Any:
        return {name: self.value(inner) for name, inner in (schema.get("properties") or {}).items()}

    def _array(self, schema: Mapping[str, Any]) -> Any:
        return [self.value(schema.get("items") or {"type": "string"})]

    def _text(self, schema: Mapping[str, Any]) -> Any:
        return next(self._texts, "a text")

    def _number(self, schema: Mapping[str, Any]) -> Any:
        return next(self._numbers, 1)

    def _true(self, schema: Mapping[str, Any]) -> Any:
        return True


_VALUES = {
    "object": _Writer._object,
    "array": _Writer._array,
    "string": _Writer._text,
    "integer": _Writer._number,
    "number": _Writer._number,
    "boolean": _Writer._true,
}
