"""The scripted mind behind the wire of Cohere's chat, version 2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dragoman.testing.upstream import Received, Reply

from .mind import CACHED, READ, WRITTEN, Thought, Turn, think

FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "call": "TOOL_CALL"}
USAGE = {
    "billed_units": {"input_tokens": 5, "output_tokens": WRITTEN},
    "tokens": {"input_tokens": READ, "output_tokens": WRITTEN},
    "cached_tokens": CACHED,
}


def answer(request: Received) -> Reply:
    asked = request.json()
    thought = think(_turn(asked))
    if asked.get("stream"):
        events = [{"id": "c-1", "type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}}]
        events += [
            *_events(thought),
            {"type": "message-end", "delta": {"finish_reason": FINISH[thought.why], "usage": USAGE}},
        ]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
        return Reply((*lines, b"data: [DONE]\n\n"), 200, {"content-type": "text/event-stream"})
    message: dict[str, Any] = {"role": "assistant"}
    if thought.call is None:
        message["content"] = [{"type": "text", "text": thought.text}]
    else:
        message["tool_calls"] = [_call(*thought.call)]
    return Reply.json({"id": "c-1", "finish_reason": FINISH[thought.why], "message": message, "usage": USAGE})


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def _events(thought: Thought) -> list[dict[str, Any]]:
    if thought.call is None:
        kind, member = "content", "content"
        start: Any = {"type": "text", "text": ""}
        deltas: list[Any] = [{"text": piece} for piece in thought.pieces]
    else:
        kind, member = "tool-call", "tool_calls"
        start = _call(thought.call[0], "")
        deltas = [{"function": {"arguments": piece}} for piece in thought.pieces]
    return [
        {"type": f"{kind}-start", "index": 0, "delta": {"message": {member: start}}},
        *({"type": f"{kind}-delta", "index": 0, "delta": {"message": {member: delta}}} for delta in deltas),
        {"type": f"{kind}-end", "index": 0},
    ]


def _turn(asked: Mapping[str, Any]) -> Turn:
    wanted = asked.get("response_format") or {}
    tools = {t["function"]["name"]: t["function"].get("parameters") for t in asked.get("tools") or ()}
    return Turn(
        prompt=_text(next(m["content"] for m in reversed(asked["messages"]) if m["role"] == "user")),
        tools=tools,
        forced="any" if asked.get("tool_choice") == "REQUIRED" else None,
        is_after_tool=asked["messages"][-1]["role"] == "tool",
        schema=wanted.get("json_schema"),
        wants_json=wanted.get("type") == "json_object",
        stop=asked.get("stop_sequences") or (),
        max_tokens=asked.get("max_tokens"),
    )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
