"""LangChain's and its providers' words for why an answer ended, who gave it, and what it cost, in ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dragoman.events import NO_USAGE, FinishReason, Usage

#: Where classes put the provider's word, in ``response_metadata`` or ``generation_info``. LangChain has no rule.
FINISH_MEMBERS = ("finish_reason", "stop_reason", "stopReason", "done_reason", "completion_reason", "completionReason")
MODEL_MEMBERS = ("model_name", "model", "model_id", "modelId")
REQUEST_ID_PATHS = ("request_id", "ResponseMetadata.RequestId", "headers.x-request-id", "headers.request-id")
USAGE_MEMBERS = ("token_usage", "usage", "usage_metadata")

#: The providers' words in lower case; read in their documentation and in recorded answers, November 2026.
FINISH_REASONS: Mapping[str, FinishReason] = {
    # chat completions, and servers that speak the same
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "eos": "stop",
    "eos_token": "stop",
    "model_length": "length",
    "abort": "error",
    # content blocks: one message as a list of blocks
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "model_context_window_exceeded": "length",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    # upper-case vocabularies
    "complete": "stop",
    "tool_call": "tool_calls",
    "timeout": "error",
    "error": "error",
    "error_toxic": "content_filter",
    "error_limit": "length",
    "user_cancel": "error",
    "finish": "stop",
    "finished": "stop",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "malformed_function_call": "error",
}


def finish_reason(word: str | None, *, refused: bool, called: bool) -> FinishReason:
    """Return our word for an answer's end; ``unknown`` for one that is not in the table, or where there is none.

    Some providers say ``stop`` to a refusal and to calls that were demanded, and some classes say nothing at all: what
    the answer holds decides then.
    """
    reason = "unknown" if word is None else FINISH_REASONS.get(word.lower(), "unknown")
    if reason == "stop" or word is None:
        return "tool_calls" if called else "refusal" if refused else reason
    return reason


def usage_of(standard: Mapping[str, Any] | None, own: Any) -> Usage:
    """Return the figures of an answer.

    Args:
        standard: LangChain's ``usage_metadata``. Its ``input_tokens`` count cached tokens, too.
        own: The provider's own object, where the class passes it on; read where there is no standard one.
    """
    own = own if isinstance(own, Mapping) else {}
    figures = standard or own
    read = _first(figures, ("input_tokens", "prompt_tokens"))
    written = _first(figures, ("output_tokens", "completion_tokens"))
    if read is None and written is None:
        return NO_USAGE
    total = _first(figures, ("total_tokens",))
    inside, outside = figures.get("input_token_details"), figures.get("output_token_details")
    return Usage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=total if total is not None or read is None or written is None else read + written,
        cached_input_tokens=_detail(inside, "cache_read"),
        cache_write_input_tokens=_detail(inside, "cache_creation"),
        reasoning_tokens=_detail(outside, "reasoning"),
        source="provider",
        detail=own or figures,
    )


def _first(figures: Mapping[str, Any], names: Iterable[str]) -> int | None:
    return next((figures[name] for name in names if isinstance(figures.get(name), int)), None)


def _detail(figures: Any, name: str) -> int | None:
    """Return a detail's figure; a service tier may stand before its name (``flex_cache_read``)."""
    if not isinstance(figures, Mapping):
        return None
    return next((v for k, v in figures.items() if isinstance(v, int) and (k == name or k.endswith(f"_{name}"))), None)


def at_path(value: Any, path: str) -> Any:
    """Return what lies at a dotted path of members and attributes; ``None`` where a step leads nowhere."""
    for step in path.split("."):
        try:
            value = value.get(step) if isinstance(value, Mapping) else getattr(value, step, None)
        except Exception:  # noqa: BLE001  (a foreign property may raise whatever it likes)
            return None
        if value is None:
            return None
    return value


def first_text(value: Any, paths: Iterable[str]) -> str | None:
    """Return the first of several places that holds text."""
    found = (at_path(value, path) for path in paths)
    return next((text for text in found if isinstance(text, str) and text), None)
