"""The vectors of an answer, by the shape of its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dragoman.errors import ProtocolError


class Vectors(NamedTuple):
    """What an answer holds: a vector for each text, ``None`` where only other forms were asked for, and those forms."""

    floats: list[list[float] | None]
    encodings: dict[str, list[Any]]


def _titan(answer: Mapping[str, Any]) -> Vectors:
    forms = answer.get("embeddingsByType") or {}
    vector = answer.get("embedding") or forms.get("float")
    others = {name: [form] for name, form in forms.items() if name != "float"}
    return Vectors([_vector(vector, "embedding", is_optional=bool(others))], others)


def _cohere(answer: Mapping[str, Any]) -> Vectors:
    found = answer.get("embeddings")
    if isinstance(found, list):
        return Vectors([_vector(vector, "embeddings") for vector in found], {})
    if not isinstance(found, dict) or not found:
        raise ProtocolError("the answer has no embeddings")
    others = {name: list(forms) for name, forms in found.items() if name != "float"}
    count = max(len(forms) for forms in found.values())
    floats = found.get("float") or [None] * count
    return Vectors([_vector(v, "embeddings.float", is_optional=bool(others)) for v in floats], others)


def _nova(answer: Mapping[str, Any]) -> Vectors:
    found = answer.get("embeddings")
    if not isinstance(found, list):
        raise ProtocolError("the answer has no embeddings")
    return Vectors([_vector(one.get("embedding"), "embeddings[].embedding") for one in found], {})


def _vector(value: Any, place: str, *, is_optional: bool = False) -> list[float] | None:
    if value is None and is_optional:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(number, int | float) for number in value):
        raise ProtocolError(f"the answer has no vector at {place}")
    return value


READERS: Mapping[str, Callable[[Mapping[str, Any]], Vectors]] = {"titan": _titan, "cohere": _cohere, "nova": _nova}
