from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dragoman_cohere
import pytest
from dragoman import Engine, Settings
from dragoman.documents import read_document

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_plugin_loads_and_brings_its_provider(engine):
    (loaded,) = (p for p in engine.plugins.loaded if p.name == "cohere")
    assert loaded.distribution == "dragoman-cohere"
    assert [p.kind for p in loaded.providers] == ["cohere"]


def test_the_entry_point_imports_no_sdk_and_no_http_client():
    program = "import sys, dragoman_cohere; print(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"cohere", "langchain_cohere", "langchain_core", "httpx", "httptools", "asyncio", "ssl"}
    assert not heavy & set(shown.stdout.split())


async def test_a_key_implies_adapters_that_work(engine, canary):
    listing = await engine.adapters.list()
    named = [row for row in listing.adapters if row.name.startswith("cohere-")]
    assert {"cohere-command-a-03-2025", "cohere-command-a-reasoning-08-2025"} <= {row.name for row in named}
    assert not [row for row in named if row.problem]
    shown = await engine.dry_run("cohere-command-a-03-2025", "hi")
    assert shown.url == "https://api.cohere.com/v2/chat"


async def test_without_a_key_there_are_none(monkeypatch):
    monkeypatch.delenv("COHERE_API_KEY", raising=False)
    async with Engine(Settings(plugins={"allow": ["cohere"]})) as engine:
        assert not [row for row in (await engine.adapters.list()).adapters if row.name.startswith("cohere-")]


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
async def test_the_readmes_adapters_are_valid(engine, tmp_path, text):
    (tmp_path / "adapter.yaml").write_text(text, "utf-8")
    assert (await engine.resolve(read_document(tmp_path / "adapter.yaml"))).document["provider"] == "cohere"


def test_the_readme_names_every_setting():
    (description,) = dragoman_cohere.dragoman_providers()
    own = set(description.inference.model_fields) - set(description.inference.__mro__[1].model_fields)
    assert not [name for name in own | set(description.connection.model_fields) if f"`{name}" not in README]
