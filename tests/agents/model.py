"""A model on loopback that says and calls what a test lists, in the shape of chat completions, whole or as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dragoman.testing.upstream import Received, Reply

Script = Callable[[Received], Reply]


def says(text: str, **usage: int) -> Script:
    """Return an answer of text."""
    return lambda request: _reply(request, {"role": "assistant", "content": text}, "stop", usage)


def calls(*wanted: tuple[str, Any], text: str | None = None, why: str = "tool_calls") -> Script:
    """Return an answer that calls tools, each by its name with its arguments; a text stands for itself."""
    made = [
        {
            "id": f"call-{name}-{number}",
            "type": "function",
            "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
        }
        for number, (name, given) in enumerate(wanted)
    ]
    return lambda request: _reply(request, {"role": "assistant", "content": text, "tool_calls": made}, why, {})


def _reply(request: Received, message: dict[str, Any], why: str, usage: dict[str, int]) -> Reply:
    figures = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, **usage}
    whole = {"id": "answer", "object": "chat.completion", "created": 1, "model": "m-1", "usage": figures}
    if not request.json().get("stream"):
        return Reply.json({**whole, "choices": [{"index": 0, "message": message, "finish_reason": why}]})
    texts = (message.get("content") or "").split(" ")
    deltas: list[dict[str, Any]] = [{"content": t if i == 0 else f" {t}"} for i, t in enumerate(texts) if t]
    deltas += [{"tool_calls": [{"index": i, **call}]} for i, call in enumerate(message.get("tool_calls") or ())]
    head = {**whole, "object": "chat.completion.chunk"}
    head.pop("usage")
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": why}]})
    chunks.append({**head, "choices": [], "usage": figures})
    return Reply.sse(chunks, done="[DONE]")
