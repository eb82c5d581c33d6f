"""The protocol's words for why an answer ended and what it cost, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.events import NO_USAGE, FinishReason, Usage

#: The protocol's own words, and those that compatible servers use instead; read in their source, November 2026.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "eos_token": "stop",  # TGI
    "stop_sequence": "stop_sequence",  # TGI
    "model_length": "length",  # Mistral
    "abort": "error",  # vLLM
    "error": "error",
    "insufficient_system_resource": "error",  # DeepSeek
}


def finish_reason(word: str | None, *, refused: bool, called: bool) -> FinishReason:
    """Return our word for an answer's end.

    ``stop`` also ends an answer by a stop sequence; the protocol does not tell the two apart. It ends a refusal, and
    calls of a tool that was demanded by name, as well: those are told apart by what the answer holds.
    """
    if word is None:
        return "unknown"
    reason = FINISH_REASONS.get(word, "unknown")
    if reason == "stop":
        return "tool_calls" if called else "refusal" if refused else "stop"
    return reason


def usage_of(raw: Any) -> Usage:
    """Return the figures of a ``usage`` object; figures that are no integers count as not given."""
    if not isinstance(raw, dict) or not raw:
        return NO_USAGE
    read, written = _figure(raw, "prompt_tokens"), _figure(raw, "completion_tokens")
    total = _figure(raw, "total_tokens")
    if total is None and read is not None and written is not None:
        total = read + written
    read_details = raw.get("prompt_tokens_details") or {}
    cached = _figure(read_details, "cached_tokens")
    if cached is None:
        cached = _figure(raw, "prompt_cache_hit_tokens")  # DeepSeek
    return Usage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=total,
        cached_input_tokens=cached,
        cache_write_input_tokens=_figure(read_details, "cache_write_tokens"),
        reasoning_tokens=_figure(raw.get("completion_tokens_details") or {}, "reasoning_tokens"),
        source="provider",
        detail=raw,
    )


def _figure(raw: Mapping[str, Any], name: str) -> int | None:
    value = raw.get(name)
    return value if isinstance(value, int) else None
