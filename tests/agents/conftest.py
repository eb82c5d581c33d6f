"""Two servers on loopback, a model and a service, and a deployment that knows both."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain", reason="langchain is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

from dragoman import Engine, Settings
from dragoman.testing.upstream import Upstream

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Upstream, Upstream]]:
    with Upstream() as model, Upstream() as service:
        yield model, service


@pytest.fixture
def model(servers: tuple[Upstream, Upstream]) -> Upstream:
    """The server that plays the model; its script and what it received are new for each test."""
    return _renewed(servers[0])


@pytest.fixture
def service(servers: tuple[Upstream, Upstream]) -> Upstream:
    """The server that the agent's tools call."""
    return _renewed(servers[1])


def _renewed(server: Upstream) -> Upstream:
    server.received.clear()
    server.answer(lambda _: pytest.fail("the test has told this server nothing"))
    return server


@pytest.fixture
def adapter(model: Upstream) -> dict[str, Any]:
    """An adapter of the model, as a document."""
    return {
        "provider": "openai-compatible",
        "model": "m-1",
        "connection": {"base_url": f"{model.url}/v1"},
        "limits": {"max_attempts": 1},
    }


@pytest.fixture
def weather(adapter: dict[str, Any], service: Upstream) -> dict[str, Any]:
    """An agent with a tool over HTTP, as a document."""
    function = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}
    endpoint = {"url": f"{service.url}/weather/{{city}}", "method": "GET"}
    return {
        "name": "weather",
        "adapter": adapter,
        "instruction": "You answer in {{ unit }}.",
        "tools": [{"type": "function", "function": function, "http": endpoint}],
    }


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine(Settings(secrets={"sources": [{"kind": "environment", "variable": "TEST_SECRETS"}]})) as engine:
        yield engine


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Leave what pip leaves of a package that offers tools: a module, and metadata with its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules = []

    def add(package: str, source: str, **tools: str) -> None:
        module = package.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        lines = ["[dragoman.tools]", *(f"{name} = {module}:{attribute}" for name, attribute in tools.items())]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")

    yield add
    for module in modules:
        sys.modules.pop(module, None)
