"""The parts of an answer's message: one function for each shape that servers really send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from dragoman.messages import Reasoning, Refusal, Text

Piece = Text | Reasoning | Refusal


def content_pieces(content: Any) -> tuple[list[Piece], list[Any]]:
    """Return what a message's ``content`` says, and the parts of it that have no place.

    It is text, nothing, or a list of parts (Mistral's reasoning models, some proxies).
    """
    if not content:
        return [], []
    if isinstance(content, str):
        return [Text(content)], []
    pieces: list[Piece] = []
    unknown: list[Any] = []
    for part in content if isinstance(content, list) else [content]:
        read = _PARTS.get(part.get("type", "")) if isinstance(part, Mapping) else None
        if isinstance(part, str):
            pieces.append(Text(part))
        elif read is not None:
            pieces.append(read(part))
        else:
            unknown.append(part)
    return pieces, unknown


def _text(part: Mapping[str, Any]) -> Piece:
    return Text(text_of(part.get("text")))


def _refusal(part: Mapping[str, Any]) -> Piece:
    return Refusal(text_of(part.get("refusal")))


def _thinking(part: Mapping[str, Any]) -> Piece:
    return Reasoning(text_of(part.get("thinking") or part.get("reasoning") or part.get("text")))


_PARTS: dict[str, Callable[[Mapping[str, Any]], Piece]] = {
    "text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "thinking": _thinking,
    "reasoning": _thinking,
}


def text_of(value: Any) -> str:
    """Return the text of a string, or of a list of text parts; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return "".join(text_of(v.get("text") if isinstance(v, Mapping) else v) for v in value)
    return ""


def arguments_of(value: Any) -> str:
    """Return a call's arguments as JSON text; some servers send the object itself, or nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def call_id(position: int) -> str:
    """Return an id for a call that came without one, so that its result can name it."""
    return f"call_{position}"
