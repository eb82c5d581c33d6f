"""Cohere's words for why an answer ended and what it cost, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.events import NO_USAGE, FinishReason, Usage

from dragoman_cohere.wire import figure

FINISH_REASONS: Mapping[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
    "TIMEOUT": "error",
}


def finish_reason(word: str | None) -> FinishReason:
    """Return our word for an answer's end; ``unknown`` for a new one of theirs."""
    return FINISH_REASONS.get(word, "unknown") if isinstance(word, str) else "unknown"


def usage_of(raw: Any) -> Usage:
    """Return the figures of a ``usage`` object: its ``tokens``.

    ``billed_units`` count less (what Cohere adds to a prompt is not billed); they stay in ``detail``. Tokens of images
    are not part of ``input_tokens``: recorded answers to one and two images, and to none, differ in ``image_tokens``
    and ``billed_units`` alone.
    """
    if not isinstance(raw, Mapping) or not isinstance(tokens := raw.get("tokens"), Mapping):
        return NO_USAGE
    read, written = figure(tokens, "input_tokens"), figure(tokens, "output_tokens")
    if read is None and written is None:
        return NO_USAGE
    if read is not None:
        read += figure(tokens, "image_tokens") or 0
    return Usage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=None if read is None or written is None else read + written,
        cached_input_tokens=figure(raw, "cached_tokens"),
        source="provider",
        detail=raw,
    )
