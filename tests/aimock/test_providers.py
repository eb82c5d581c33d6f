"""Our providers against an emulator that others made from the providers' documentation.

It knows nothing of AI21 (version 1.43): what answers there is OpenAI's shape under AI21's path.
"""

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

CONNECTIONS: dict[str, dict[str, Any]] = {
    "openai": {"base_url": "{url}/v1"},
    "azure-openai": {"endpoint": "{url}", "api_version": "2024-10-21"},
    "openai-compatible": {"base_url": "{url}/v1"},
    "ai21": {"base_url": "{url}/studio/v1"},
    "cohere": {"base_url": "{url}"},
}


@pytest.fixture(params=CONNECTIONS)
def adapter(aimock: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AI21_API_KEY", "COHERE_API_KEY"):
        monkeypatch.setenv(name, "key-of-aimock")
    return {
        "provider": request.param,
        "model": "command-a-03-2025",
        "connection": {name: value.format(url=aimock) for name, value in CONNECTIONS[request.param].items()},
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
    # AI21 counts its streams unasked; what answers here is OpenAI's shape, which counts them where it is asked.
    uncounted = streamed and adapter["provider"] == "ai21"
    assert response.usage.source == ("estimated" if uncounted else "provider")


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


@pytest.mark.parametrize("adapter", [name for name in CONNECTIONS if name != "ai21"], indirect=True)
async def test_embeddings(engine: Engine, adapter: dict[str, Any]) -> None:
    response = await engine.embed({**adapter, "operation": "embed"}, ["embed me"], purpose="query")
    assert response.vectors == [[0.25, -0.5, 1.0]]
