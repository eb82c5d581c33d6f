"""The plugin of docs/langchain.md answers, as it is."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from dragoman import Engine, Settings
from dragoman.errors import UnsupportedError
from dragoman.plugins import load_plugins

PAGE = Path(__file__).parents[1] / "docs" / "langchain.md"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")
    shown = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert shown
    module = ModuleType("plugin_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(shown[1], str(PAGE), "exec"), module.__dict__)  # noqa: S102  (our own page)
    entry = EntryPoint("acme", module.__name__, "dragoman.plugins")
    return Engine(Settings(), plugins=load_plugins(found=[entry]))


@pytest.mark.parametrize("streamed", [False, True])
async def test_it_answers(engine: Engine, streamed: bool) -> None:
    document = {"provider": "acme", "model": "acme-1", "runtime": "langchain"}
    async with engine:
        if streamed:
            text = "".join([piece async for piece in engine.stream(document, "hi").text()])
        else:
            text = (await engine.chat(document, "hi")).text
    assert text == "acme-1 says hello"


async def test_what_it_does_not_look_at_is_refused(engine: Engine) -> None:
    document = {"provider": "acme", "model": "acme-1", "runtime": "langchain"}
    async with engine:
        with pytest.raises(UnsupportedError, match=r"inference\.temperature"):
            await engine.chat(document, "hi", temperature=0)
