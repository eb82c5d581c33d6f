"""What docs/langchain.md shows works, as it is: the bridge's configuration, and each plugin."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.documents import parse_document
from dragoman.errors import UnsupportedError
from dragoman.plugins import load_plugins
from dragoman.testing.upstream import Reply, Upstream

PAGE = Path(__file__).parents[1] / "docs" / "langchain.md"
MAX_LINES = 15

ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "mistral-small-latest",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Bonjour"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
}


def shown(language: str, holding: str) -> str:
    """Return the page's code block in a language that holds some text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if holding in block]
    return str(block)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], EntryPoint]:
    """Make an entry point of a plugin that the page shows."""
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")

    def make(name: str, text: str) -> EntryPoint:
        module = ModuleType(f"{name}_of_the_page")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text, str(PAGE), "exec"), module.__dict__)  # noqa: S102  (our own page)
        return EntryPoint(name, module.__name__, "dragoman.plugins")

    return make


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    pytest.importorskip("langchain_mistralai", reason="langchain-mistralai is not installed")
    monkeypatch.setenv("MISTRAL_API_KEY", "sk-of-the-test")
    with Upstream() as upstream:
        upstream.answer(Reply.json(ANSWER))
        yield upstream


async def ask(engine: Engine, document: dict[str, Any], upstream: Upstream) -> None:
    response = await engine.chat(document, "Hello", temperature=0.5, max_tokens=9)
    assert (response.text, response.usage.total_tokens) == ("Bonjour", 8)
    (request,) = upstream.received
    assert request.headers["authorization"] == "Bearer sk-of-the-test"
    asked = request.json()
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("mistral-small-latest", 0.5, 9)


async def test_configuration_alone_calls_a_class(tmp_path: Path, upstream: Upstream) -> None:
    (tmp_path / "dragoman.toml").write_text(shown("toml", "mistral"), encoding="utf-8")
    document = parse_document(shown("yaml", "class: mistral"), ".yaml", "the page")
    document["connection"]["arguments"]["base_url"] = f"{upstream.url}/v1"
    async with Engine.from_config(tmp_path) as engine:
        await ask(engine, document, upstream)


async def test_a_plugin_that_is_one_class_is_short_and_answers(
    plugin: Callable[[str, str], EntryPoint], upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown("python", "LangChainProvider")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= MAX_LINES
    monkeypatch.setenv("MISTRAL_BASE_URL", "http://127.0.0.1:9")  # the class would follow it
    entry = plugin("mistral", text)
    async with Engine(Settings(), plugins=load_plugins(found=[entry])) as engine:
        document = {"provider": "mistral", "model": "mistral-small-latest"}
        assert (await engine.langchain_model(document)).endpoint == "https://api.mistral.ai/v1"
        await ask(engine, {**document, "connection": {"base_url": f"{upstream.url}/v1"}}, upstream)


@pytest.fixture
def engine(plugin: Callable[[str, str], EntryPoint]) -> Engine:
    return Engine(Settings(), plugins=load_plugins(found=[plugin("acme", shown("python", "AcmeProvider"))]))


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_plugin_that_builds_its_model_answers(engine: Engine, streamed: bool) -> None:
    document = {"provider": "acme", "model": "acme-1"}
    async with engine:
        if streamed:
            text = "".join([piece async for piece in engine.stream(document, "hi").text()])
        else:
            text = (await engine.chat(document, "hi")).text
    assert text == "acme-1 says hello"


async def test_what_it_does_not_look_at_is_refused(engine: Engine) -> None:
    document = {"provider": "acme", "model": "acme-1"}
    async with engine:
        with pytest.raises(UnsupportedError, match=r"inference\.temperature"):
            await engine.chat(document, "hi", temperature=0)
