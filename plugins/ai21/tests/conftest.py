"""AI21's side of the wire, and an engine that knows this plugin alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.testing.upstream import Upstream

CANARY = "ai21-canary-7f3a9b2c4d5e6f708192"


def answer_of(**message: Any) -> dict[str, Any]:
    """Return an answer in AI21's shape: without object, created and model."""
    said = {"role": "assistant", "content": "hello", "tool_calls": None, **message}
    return {
        "id": "chat-1",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }


def chunk_of(delta: dict[str, Any], finish: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "chat-1", "choices": [choice], **members}


@pytest.fixture
def answer() -> Any:
    return answer_of


@pytest.fixture
def chunk() -> Any:
    return chunk_of


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AI21_API_KEY", CANARY)
    return CANARY


@pytest.fixture
async def engine(canary: str) -> AsyncIterator[Engine]:
    async with Engine(Settings(plugins={"allow": ["ai21"]})) as engine:
        yield engine


@pytest.fixture
def adapter(upstream: Upstream) -> dict[str, Any]:
    """A document for the server on loopback, with one attempt per call."""
    return {
        "name": "on-loopback",
        "provider": "ai21",
        "model": "jamba-mini",
        "connection": {"base_url": f"{upstream.url}/studio/v1"},
        "limits": {"max_attempts": 1, "timeout_s": 20},
    }
