"""What stands behind the gateway here: OpenAI's wire, a mind that answers by rules, and faults that a prompt asks for.

python upstream.py    prints its address and serves until its standard input ends
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dragoman.testing.upstream import Received, Reply, Upstream

sys.path.insert(0, str(Path(__file__).parents[1]))
from langchain_standard.chat_completions import answer

VECTOR = [0.25, -0.5, 1.0]

FAULTS = {
    "please fail with 429": (429, "rate_limit_exceeded", {"retry-after": "0"}),
    "please fail with 500": (500, "server_error", {}),
    "please fail with 400": (400, "invalid_request_error", {}),
}
BROKEN = "please break off"


def reply(request: Received) -> Reply:
    asked = request.json()
    if request.target.endswith("/embeddings"):
        return _vectors(asked["input"])
    prompt = str(asked["messages"][-1].get("content"))
    for fault, (status, code, headers) in FAULTS.items():
        if fault in prompt:
            error = {"message": f"the upstream says {status}", "type": code, "code": code, "param": None}
            return Reply.json({"error": error}, status, **headers)
    said = answer(request)
    if BROKEN in prompt:
        broken = Reply.sse([{"error": {"message": "it broke", "type": "server_error", "code": "server_error"}}])
        return Reply((*said.body[:3], *broken.body), 200, said.headers)
    return said


def _vectors(texts: str | list[str]) -> Reply:
    count = 1 if isinstance(texts, str) else len(texts)
    data: list[dict[str, Any]] = [{"object": "embedding", "index": i, "embedding": VECTOR} for i in range(count)]
    usage = {"prompt_tokens": 3 * count, "total_tokens": 3 * count}
    return Reply.json({"object": "list", "data": data, "model": "m", "usage": usage})


if __name__ == "__main__":
    with Upstream() as upstream:
        upstream.answer(reply)
        print(upstream.url, flush=True)
        sys.stdin.read()
