"""The scripted mind behind the wire of chat completions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dragoman.testing.upstream import Received, Reply

from .mind import CACHED, READ, REASONED, WRITTEN, Thought, Turn, think

FINISH = {"stop": "stop", "length": "length", "call": "tool_calls"}
USAGE = {
    "prompt_tokens": READ,
    "completion_tokens": WRITTEN,
    "total_tokens": READ + WRITTEN,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": REASONED},
}


def answer(request: Received) -> Reply:
    asked = request.json()
    thought = think(_turn(asked))
    said = {"id": "chatcmpl-1", "created": 1, "model": asked.get("model") or _model_in(request.target)}
    if not asked.get("stream"):
        choice = {"index": 0, "message": _message(thought), "finish_reason": FINISH[thought.why]}
        return Reply.json({**said, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    deltas = [{"role": "assistant", "content": ""}, *_deltas(thought)]
    chunks = [_chunk(said, delta) for delta in deltas]
    chunks.append(_chunk(said, {}, FINISH[thought.why]))
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({**said, "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    return Reply.sse(chunks, done="[DONE]")


def _model_in(target: str) -> str:
    """Return the model that an address names; some servers answer for one alone, and are asked for none."""
    named = re.search(r"/v1/(?:openai/)?([^/]+)/chat/completions", target)
    return named[1] if named else "m-1"


def _chunk(said: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**said, "object": "chat.completion.chunk", "choices": [choice]}


def _message(thought: Thought) -> dict[str, Any]:
    if thought.call is None:
        return {"role": "assistant", "content": thought.text}
    name, arguments = thought.call
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _deltas(thought: Thought) -> list[dict[str, Any]]:
    if thought.call is None:
        return [{"content": piece} for piece in thought.pieces]
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": thought.call[0], "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in thought.pieces]
    return [{"tool_calls": [call]} for call in (first, *rest)]


def _turn(asked: Mapping[str, Any]) -> Turn:
    choice = asked.get("tool_choice")
    forced = choice["function"]["name"] if isinstance(choice, dict) else "any" if choice == "required" else None
    wanted = asked.get("response_format") or {}
    stop = asked.get("stop") or []
    return Turn(
        prompt=_text(next(m["content"] for m in reversed(asked["messages"]) if m["role"] == "user")),
        tools={t["function"]["name"]: t["function"].get("parameters") for t in asked.get("tools") or ()},
        forced=forced,
        is_after_tool=asked["messages"][-1]["role"] == "tool",
        schema=wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None,
        wants_json=wanted.get("type") == "json_object",
        stop=[stop] if isinstance(stop, str) else stop,
        max_tokens=asked.get("max_completion_tokens") or asked.get("max_tokens"),
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
