"""Cohere's plugin against an emulator that others made from Cohere's documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import ConnectionFailedError, ProtocolError, RateLimitedError
from dragoman.messages import Message, Text, Tool, ToolResult

WEATHER = Tool(
    "get_weather", "Say what the weather is.", {"type": "object", "properties": {"city": {"type": "string"}}}
)

BOTH_WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def adapter(aimock: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("COHERE_API_KEY", "co-aimock")
    return {
        "provider": "cohere",
        "model": "command-a-03-2025",
        "connection": {"base_url": aimock},
        "limits": {"max_attempts": 1, "timeout_s": 20},
    }


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as engine:
        yield engine


async def answer(engine: Engine, adapter: dict[str, Any], messages: Any, *, streamed: bool, **rest: Any) -> Any:
    if not streamed:
        return await engine.chat(adapter, messages, **rest)
    async with engine.stream(adapter, messages, **rest) as stream:
        async for _ in stream:
            pass
        return stream.response


@BOTH_WAYS
async def test_text(engine: Engine, adapter: dict[str, Any], streamed: bool) -> None:
    response = await answer(engine, adapter, "hello", streamed=streamed)
    assert (response.text, response.finish_reason) == ("Hello there, wörld", "stop")
    assert response.usage.source == "provider"


@BOTH_WAYS
async def test_a_tool_loop(engine: Engine, adapter: dict[str, Any], streamed: bool) -> None:
    asked = Message("user", (Text("weather"),))
    first = await answer(engine, adapter, [asked], streamed=streamed, tools=[WEATHER])
    (call,) = first.tool_calls
    assert (call.name, first.finish_reason) == ("get_weather", "tool_calls")
    assert "Besançon" in call.arguments
    result = Message("tool", (ToolResult(call.id, (Text("rain"),)),))
    last = await answer(engine, adapter, [asked, first.message, result], streamed=streamed, tools=[WEATHER])
    assert last.text == "It rains."


async def test_a_stream_that_breaks_off_is_no_answer(engine: Engine, adapter: dict[str, Any]) -> None:
    with pytest.raises((ProtocolError, ConnectionFailedError)):
        await answer(engine, adapter, "cut", streamed=True)


async def test_a_limit(engine: Engine, adapter: dict[str, Any]) -> None:
    with pytest.raises(RateLimitedError, match="slow down"):
        await engine.chat(adapter, "limit")


async def test_embeddings(engine: Engine, adapter: dict[str, Any]) -> None:
    response = await engine.embed({**adapter, "operation": "embed"}, ["embed me"], purpose="query")
    assert response.vectors == [[0.1, 0.2, 0.3, 0.4]]
