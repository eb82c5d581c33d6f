"""A whole answer in OpenAI's shape, and the words that it has in common with a stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dragoman.events import FinishReason, Report, Response, Usage
from dragoman.gateway_settings import RoleName
from dragoman.messages import Reasoning, ToolCall

#: Our reasons in OpenAI's words. A refusal ends as any answer does: its text is in ``refusal``.
FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "refusal": "stop",
    "unknown": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",  # OpenAI has no word for an answer that broke off
}

#: Members of a provider's answer that OpenAI's shape has a place for.
ANSWER_MEMBERS = ("system_fingerprint", "service_tier")
CHOICE_MEMBERS = ("logprobs", "content_filter_results")
MESSAGE_MEMBERS = ("audio", "annotations")
_PLACED = frozenset((*ANSWER_MEMBERS, *CHOICE_MEMBERS, *MESSAGE_MEMBERS, "created"))

#: Reports that say where a call went.
_PRIVILEGED_REPORTS = frozenset({"upstream"})


def chat_answer(response: Response, *, id: str, created: int, model: str, role: RoleName) -> dict[str, Any]:
    """Return the answer's body.

    Args:
        response: The engine's answer.
        id: What the answer is called.
        created: Seconds since 1970.
        model: The adapter's name; what the provider calls its model is not told.
        role: Of the caller: how much of the provider's own members they see.
    """
    extra = response.extra
    message: dict[str, Any] = {"role": "assistant", "content": response.text or None}
    if response.reasoning:
        message["reasoning_content"] = response.reasoning
    if blocks := [b for part in response.message.parts if isinstance(part, Reasoning) for b in thinking_blocks(part)]:
        message["thinking_blocks"] = blocks
    message["refusal"] = response.message.refusal or None
    if response.tool_calls:
        message["tool_calls"] = [_call(call) for call in response.tool_calls]
    elif message["content"] is None and message["refusal"] is None:
        message["content"] = ""
    message.update(_picked(extra, MESSAGE_MEMBERS))
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": FINISH_REASONS[response.finish_reason],
        **_picked(extra, CHOICE_MEMBERS),
    }
    answer = {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": usage_object(response.usage),
        **_picked(extra, ANSWER_MEMBERS),
    }
    if aside := aside_object(response.reports, response.usage, extra, role):
        answer["dragoman"] = aside
    return answer


def thinking_blocks(part: Reasoning) -> list[dict[str, Any]]:
    """Return what of a part its provider wants back as it came: signed or sealed reasoning."""
    blocks = []
    if part.signature is not None:
        blocks.append({"type": "thinking", "thinking": part.text, "signature": part.signature})
    if part.redacted is not None:
        blocks.append({"type": "redacted_thinking", "data": part.redacted})
    return blocks


def usage_object(usage: Usage) -> dict[str, Any]:
    """Return usage in OpenAI's shape; a figure that nobody knows is 0 there."""
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    shown: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": usage.total_tokens if usage.total_tokens is not None else read + written,
    }
    if usage.cached_input_tokens is not None or usage.cache_write_input_tokens is not None:
        shown["prompt_tokens_details"] = {"cached_tokens": usage.cached_input_tokens or 0}
        if usage.cache_write_input_tokens is not None:
            shown["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write_input_tokens
    if usage.reasoning_tokens is not None:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return shown


def aside_object(reports: Iterable[Report], usage: Usage, extra: Mapping[str, Any], role: RoleName) -> dict[str, Any]:
    """Return what OpenAI's shape has no place for: reports, who counted, for developers the provider's own members."""
    aside: dict[str, Any] = {}
    if shown := [report._asdict() for report in reports if role == "admin" or report.code not in _PRIVILEGED_REPORTS]:
        aside["reports"] = shown
    if usage.source != "provider":
        aside["usage_source"] = usage.source
    if role != "user" and (others := {name: value for name, value in extra.items() if name not in _PLACED}):
        aside["extra"] = others
    return aside


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _picked(extra: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: extra[name] for name in names if name in extra} if extra else {}
