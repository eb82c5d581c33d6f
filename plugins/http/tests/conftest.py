"""An endpoint with JSON of its own on loopback, and adapters for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Reply, Upstream

CANARY = "canary-5c0ffee5ec2e7a11"

#: An endpoint that nobody else has: it takes a question and says an answer.
MAPPING = {
    "request": {
        "question": {"$": "prompt"},
        "heat": {"$": "params.temperature"},
        "live": {"$": "stream"},
    },
    "response": {
        "text": "answer",
        "finish": "why",
        "tokens_in": "cost.read",
        "tokens_out": "cost.written",
        "error": "fault.text",
        "error_code": "fault.code",
    },
    "stream": {"text": "piece", "finish": "why", "tokens_out": "cost.written"},
    "finish_map": {"done": "stop", "full": "length"},
    "error_map": {"busy": "rate_limited", "too-long": "context_overflow"},
}

ANSWER = Reply.json({"answer": "Hello", "why": "done", "cost": {"read": 3, "written": 1}}, x_request_id="r-1")


@pytest.fixture
def endpoint() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.answer(ANSWER)
        yield upstream


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setenv("THE_SECRET", CANARY)
    async with Engine(Settings()) as engine:
        yield engine


@pytest.fixture
def document(endpoint: Upstream) -> Callable[..., dict[str, Any]]:
    """Return a way to adapters for the endpoint, with one attempt per call; keywords go into the connection."""

    def make(members: dict[str, Any] | None = None, /, **connection: Any) -> dict[str, Any]:
        return {
            "provider": "http",
            "model": "m-1",
            "mapping": MAPPING,
            "limits": {"max_attempts": 1, "timeout_s": 20},
            **(members or {}),
            "connection": {"url": f"{endpoint.url}/ask", **connection},
        }

    return make
