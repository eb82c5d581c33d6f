"""The scripted mind behind the wire of Converse and ConverseStream, in real event-stream frames."""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Mapping
from struct import pack
from typing import Any

from dragoman.testing.upstream import Received, Reply

from .mind import CACHED, READ, WRITTEN, Thought, Turn, think

FINISH = {"stop": "end_turn", "length": "max_tokens", "call": "tool_use"}
FIGURES = {
    "metrics": {"latencyMs": 341},
    "usage": {
        "inputTokens": READ - CACHED, "cacheReadInputTokens": CACHED, "cacheWriteInputTokens": 0,
        "outputTokens": WRITTEN, "totalTokens": READ + WRITTEN,
    },
}  # fmt: skip


def answer(request: Received) -> Reply:
    thought = think(_turn(request.json()))
    if request.target.endswith("/converse-stream"):
        pieces = tuple(_frame(kind, payload) for kind, payload in _events(thought))
        return Reply(pieces, 200, {"content-type": "application/vnd.amazon.eventstream"})
    if thought.call is None:
        content: Any = {"text": thought.text}
    else:
        content = {"toolUse": {**_call(thought.call[0]), "input": json.loads(thought.call[1])}}
    message = {"role": "assistant", "content": [content]}
    return Reply.json({"output": {"message": message}, "stopReason": FINISH[thought.why], **FIGURES})


def _events(thought: Thought) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = [("messageStart", {"role": "assistant"})]
    if thought.call is not None:
        events.append(("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": _call(thought.call[0])}}))
    for piece in thought.pieces:
        delta = {"text": piece} if thought.call is None else {"toolUse": {"input": piece}}
        events.append(("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}))
    events.append(("contentBlockStop", {"contentBlockIndex": 0}))
    return [*events, ("messageStop", {"stopReason": FINISH[thought.why]}), ("metadata", FIGURES)]


def _call(name: str) -> dict[str, Any]:
    return {"toolUseId": "tooluse_1", "name": name}


def _frame(kind: str, payload: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    block = b"".join(
        pack(">B", len(name)) + name.encode() + b"\x07" + pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = pack(">II", 16 + len(block) + len(body), len(block))
    whole = prelude + pack(">I", crc32(prelude)) + block + body
    return whole + pack(">I", crc32(whole))


def _turn(asked: Mapping[str, Any]) -> Turn:
    offered = asked.get("toolConfig") or {}
    choice = offered.get("toolChoice") or {}
    config = asked.get("inferenceConfig") or {}
    structure = ((asked.get("outputConfig") or {}).get("textFormat") or {}).get("structure")
    spoken = [m["content"] for m in asked["messages"] if m["role"] == "user" and any("text" in b for b in m["content"])]
    return Turn(
        prompt="".join(block.get("text", "") for block in spoken[-1]),
        tools={t["toolSpec"]["name"]: t["toolSpec"]["inputSchema"]["json"] for t in offered.get("tools") or ()},
        forced=choice["tool"]["name"] if "tool" in choice else "any" if "any" in choice else None,
        is_after_tool=any("toolResult" in block for block in asked["messages"][-1]["content"]),
        schema=json.loads(structure["jsonSchema"]["schema"]) if structure else None,
        stop=config.get("stopSequences") or (),
        max_tokens=config.get("maxTokens"),
    )
