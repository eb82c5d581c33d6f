"""The scripted mind behind the wire of Cohere's chat."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dragoman.testing.upstream import Received, Reply

from .mind import CACHED, READ, WRITTEN, Thought, Turn, think

FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "call": "TOOL_CALL"}
USAGE = {
    "billed_units": {"input_tokens": READ - CACHED, "output_tokens": WRITTEN},
    "tokens": {"input_tokens": READ, "output_tokens": WRITTEN},
    "cached_tokens": CACHED,
}


def answer(request: Received) -> Reply:
    asked = request.json()
    thought = think(_turn(asked))
    end = {"finish_reason": FINISH[thought.why], "usage": USAGE}
    if not asked.get("stream"):
        return Reply.json({"id": "a-1", "message": _message(thought), **end})
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events = [_event("message-start", **start), *_deltas(thought), {"type": "message-end", "delta": end}]
    frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply((*frames, b"data: [DONE]\n\n"), 200, {"content-type": "text/event-stream"})


def _event(kind: str, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": 0, "delta": {"message": message}}


def _message(thought: Thought) -> dict[str, Any]:
    if thought.call is None:
        return {"role": "assistant", "content": [{"type": "text", "text": thought.text}]}
    return {"role": "assistant", "tool_calls": [_call(*thought.call)]}


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def _deltas(thought: Thought) -> list[dict[str, Any]]:
    if thought.call is None:
        first = _event("content-start", content={"type": "text", "text": ""})
        rest = [_event("content-delta", content={"text": piece}) for piece in thought.pieces]
        return [first, *rest, {"type": "content-end", "index": 0}]
    first = _event("tool-call-start", tool_calls=_call(thought.call[0], ""))
    rest = [_event("tool-call-delta", tool_calls={"function": {"arguments": piece}}) for piece in thought.pieces]
    return [first, *rest, {"type": "tool-call-end", "index": 0}]


def _turn(asked: Mapping[str, Any]) -> Turn:
    wanted = asked.get("response_format") or {}
    return Turn(
        prompt=_text(next(m["content"] for m in reversed(asked["messages"]) if m["role"] == "user")),
        tools={t["function"]["name"]: t["function"].get("parameters") for t in asked.get("tools") or ()},
        forced="any" if asked.get("tool_choice") == "REQUIRED" else None,
        is_after_tool=asked["messages"][-1]["role"] == "tool",
        schema=wanted.get("json_schema"),
        wants_json=wanted.get("type") == "json_object",
        stop=asked.get("stop_sequences") or (),
        max_tokens=asked.get("max_tokens"),
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
