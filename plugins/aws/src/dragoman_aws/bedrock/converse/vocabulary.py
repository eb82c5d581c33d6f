"""Converse's words for why an answer ended and what it cost, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.events import NO_USAGE, FinishReason, Report, Usage

#: All nine of the service model of bedrock-runtime, botocore 1.44.5.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    "model_context_window_exceeded": "length",
}


def finish_reason(word: str | None) -> tuple[FinishReason, Report | None]:
    """Return our word for an answer's end, and a report where Bedrock's is a new one."""
    if word is not None and (known := FINISH_REASONS.get(word)) is not None:
        return known, None
    return "unknown", Report("unknown_stop_reason", f"Bedrock gave a reason for stopping that is not known: {word}")


def usage_of(raw: Any, additional: Any = None) -> Usage:
    """Return the figures of a ``usage`` object.

    Bedrock's ``inputTokens`` leaves out what was read from the cache or written to it; its ``totalTokens`` does not.
    ``additional`` are the model's own fields, where an adapter asks for Claude's ``/usage``: it counts the thinking.
    """
    if not isinstance(raw, dict) or not raw:
        return NO_USAGE
    plain, written = _figure(raw, "inputTokens"), _figure(raw, "outputTokens")
    cached, cache_write = _figure(raw, "cacheReadInputTokens"), _figure(raw, "cacheWriteInputTokens")
    read = None if plain is None else plain + (cached or 0) + (cache_write or 0)
    total = _figure(raw, "totalTokens")
    if total is None and read is not None and written is not None:
        total = read + written
    return Usage(read, written, total, cached, cache_write, _thinking(additional), "provider", raw)


def _thinking(additional: Any) -> int | None:
    for name in ("usage", "output_tokens_details"):
        additional = additional.get(name) if isinstance(additional, dict) else None
    return _figure(additional, "thinking_tokens") if isinstance(additional, dict) else None


def _figure(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    return value if isinstance(value, int) else None
