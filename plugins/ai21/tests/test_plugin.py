from __future__ import annotations

import re
from pathlib import Path

import dragoman_ai21
import pytest
from dragoman import Engine, Settings
from dragoman.documents import read_document

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_plugin_loads_and_brings_its_provider(engine):
    (loaded,) = (p for p in engine.plugins.loaded if p.name == "ai21")
    assert loaded.distribution == "dragoman-ai21"
    assert [p.kind for p in loaded.providers] == ["ai21"]


async def listed() -> set[str]:
    async with Engine(Settings(plugins={"allow": ["ai21"]})) as engine:
        return {row.name for row in (await engine.adapters.list()).adapters}


async def test_a_key_implies_an_adapter_for_each_model(canary):
    assert {"ai21-jamba-mini", "ai21-jamba-large"} <= await listed()


async def test_without_a_key_there_is_none(monkeypatch):
    monkeypatch.delenv("AI21_API_KEY", raising=False)
    assert not {name for name in await listed() if name.startswith("ai21-")}


async def test_implied_adapters_address_their_model_and_refuse_pictures(engine):
    for model in dragoman_ai21.MODELS:
        shown = await engine.dry_run(f"ai21-{model}", "hi")
        assert shown.url == "https://api.ai21.com/studio/v1/chat/completions"
        assert shown.body["model"] == model
        picture = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
        with pytest.raises(Exception, match="images"):
            await engine.chat(f"ai21-{model}", [{"role": "user", "content": [picture]}])


async def test_the_address_is_checked(engine, adapter):
    with pytest.raises(Exception, match=r"connection\.base_url"):
        await engine.resolve({**adapter, "connection": {"base_url": "api.ai21.com"}})


async def test_the_readmes_adapter_is_valid(engine, tmp_path):
    first, *_ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "adapter.yaml").write_text(first, "utf-8")
    shown = await engine.dry_run(read_document(tmp_path / "adapter.yaml"), "hi")
    assert shown.url.startswith("https://api.ai21.com/")
