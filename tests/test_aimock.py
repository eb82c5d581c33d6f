"""A server that others wrote: aimock (npm ``@copilotkit/aimock``) speaks OpenAI's and Azure's shapes to our plugins.

It knows nothing of AI21 (version 1.43): what answers there is OpenAI's shape under AI21's path. The package is no part
of this repository: ``npm install @copilotkit/aimock`` here, or name its folder with ``DRAGOMAN_AIMOCK``; else: skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.errors import RateLimitedError

ROOT = Path(__file__).parents[1]
PACKAGE = Path(os.environ.get("DRAGOMAN_AIMOCK") or ROOT / "node_modules" / "@copilotkit" / "aimock")

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
FIXTURES = {
    "fixtures": [
        {"match": {"userMessage": "hello"}, "response": {"content": "Hello! How can I help you today?"}},
        {
            "match": {"userMessage": "weather"},
            "response": {"toolCalls": [{"name": "weather", "arguments": {"city": "Paris"}}]},
        },
        {
            "match": {"userMessage": "limited"},
            "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429},
        },
        {"match": {"inputText": "embed me"}, "response": {"embedding": [0.25, -0.5, 1.0]}},
    ]
}

CONNECTIONS: dict[str, dict[str, Any]] = {
    "openai": {"base_url": "{url}/v1"},
    "azure-openai": {"endpoint": "{url}", "api_version": "2024-10-21"},
    "openai-compatible": {"base_url": "{url}/v1"},
    "ai21": {"base_url": "{url}/studio/v1"},
}


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server and return its address."""
    node = shutil.which("node") or pytest.skip("aimock needs node")
    program = PACKAGE / "dist" / "cli.js"
    if not program.is_file():
        pytest.skip(f"aimock is not in {PACKAGE}: npm install @copilotkit/aimock, or set DRAGOMAN_AIMOCK")
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps(FIXTURES), encoding="utf-8")
    command = [node, str(program), "--port", "0", "--fixtures", str(fixtures)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    pytest.fail(f"aimock ended: {''.join(said)}")


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AI21_API_KEY"):
        monkeypatch.setenv(name, "k")
    async with Engine(Settings()) as engine:
        yield engine


def document(provider: str, url: str, **members: Any) -> dict[str, Any]:
    connection = {name: value.format(url=url) for name, value in CONNECTIONS[provider].items()}
    limits = {"max_attempts": 1, "timeout_s": 30}
    return {"provider": provider, "model": "m", "connection": connection, "limits": limits, **members}


@pytest.mark.parametrize("provider", CONNECTIONS)
async def test_it_answers_a_chat_whole_and_in_pieces(engine: Engine, aimock: str, provider: str) -> None:
    adapter = document(provider, aimock)
    whole = await engine.chat(adapter, "hello")
    async with engine.stream(adapter, "hello") as stream:
        events = [event async for event in stream]
    assert whole.text == stream.response.text == "Hello! How can I help you today?"
    assert whole.finish_reason == stream.response.finish_reason == "stop"
    assert len(events) > 3
    assert whole.usage.source == "provider"


@pytest.mark.parametrize("provider", CONNECTIONS)
async def test_it_calls_a_tool(engine: Engine, aimock: str, provider: str) -> None:
    response = await engine.chat(document(provider, aimock), "weather", tools=[TOOL])
    (call,) = response.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Paris"})
    assert response.finish_reason == "tool_calls"


@pytest.mark.parametrize("provider", CONNECTIONS)
async def test_it_refuses(engine: Engine, aimock: str, provider: str) -> None:
    with pytest.raises(RateLimitedError, match="slow down"):
        await engine.chat(document(provider, aimock), "limited")


@pytest.mark.parametrize("provider", ["openai", "azure-openai", "openai-compatible"])
async def test_it_embeds(engine: Engine, aimock: str, provider: str) -> None:
    response = await engine.embed(document(provider, aimock, operation="embed"), ["embed me", "embed me"])
    assert response.vectors == [[0.25, -0.5, 1.0]] * 2
