"""What every payload is made of: the skeleton of a mapping, its bytes, and what a preset is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from dragoman.adapter import Operation, PayloadMapping
from dragoman.errors import DocumentError, MessageError, Problem, ProtocolError
from dragoman.mapping.presets import PayloadPreset
from dragoman.mapping.skeleton import Skeleton, compile_skeleton

JSON = "application/json"


def body_bytes(body: Any, content_type: str) -> bytes:
    """Return a filled skeleton as it goes over the wire: JSON, or text of another type.

    Raises:
        DocumentError: The type is not JSON, and the skeleton gives no text.
        MessageError: Something that a caller gave has no JSON form.
    """
    if "json" not in content_type:
        if not isinstance(body, str):
            problem = Problem("mapping.request", f"gives no text, which a body of type {content_type} is")
            raise DocumentError("mapping", [problem])
        return body.encode()
    try:
        return orjson.dumps(body, default=_plain)
    except TypeError as error:
        raise MessageError(f"the request cannot be written as JSON: {error}") from None


def json_of(body: bytes) -> Any:
    """Return the value that an answer is; raise ``ProtocolError`` where it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ProtocolError("the endpoint's answer is not JSON", hint="check mapping.accept") from None


def skeleton_of(mapping: PayloadMapping, view: Mapping[str, Any], problems: list[Problem]) -> Skeleton | None:
    """Return the compiled request; ``None`` where ``problems`` says why there is none."""
    if "request" not in mapping.model_fields_set:
        problems.append(Problem("mapping.request", "is missing", "write the skeleton of a request, or name a preset"))
        return None
    try:
        return compile_skeleton(mapping.request, view)
    except DocumentError as error:
        problems += error.problems
        return None


def preset_problems(preset: PayloadPreset | None, operation: Operation) -> list[Problem]:
    """Return what is wrong with a preset that was made for another operation."""
    if preset is None or preset.operation == operation:
        return []
    return [Problem("mapping.preset", f"{preset.name} is for operation {preset.operation}, not for {operation}")]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
