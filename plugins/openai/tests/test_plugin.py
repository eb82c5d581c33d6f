from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dragoman_openai
import pytest
from dragoman.documents import read_document
from dragoman_openai.servers import SERVERS

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_the_plugin_loads_and_brings_its_providers(engine):
    (loaded,) = (p for p in engine.plugins.loaded if p.name == "openai")
    assert loaded.distribution == "dragoman-openai"
    assert [p.kind for p in loaded.providers] == ["openai", "azure-openai", "openai-compatible"]


def test_the_entry_point_imports_no_sdk_and_no_http_client():
    program = "import sys, dragoman_openai; print(' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"openai", "langchain_openai", "langchain_core", "httpx", "httpx2", "httptools", "asyncio", "ssl"}
    assert not heavy & set(shown.stdout.split())


def test_the_codec_is_imported_on_first_use_only():
    program = "import sys, dragoman_openai; print('dragoman_openai.provider' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_models_give_a_schema_for_the_form():
    for description in dragoman_openai.dragoman_providers():
        connection = description.connection.model_json_schema()
        assert all("description" in p or "$ref" in p or "default" in p for p in connection["properties"].values())
        assert description.inference.model_json_schema()["properties"]


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
async def test_the_readmes_adapters_are_valid(engine, tmp_path, text):
    (tmp_path / "adapter.yaml").write_text(text, "utf-8")
    document = read_document(tmp_path / "adapter.yaml")
    if document.get("operation") == "embed":
        shown = await engine.embed_dry_run(document, "hi")
    elif document.get("operation") == "rerank":
        shown = await engine.rerank_dry_run(document, "hi", ["a"])
    else:
        shown = await engine.dry_run(document, "hi")
    assert shown.url.startswith("http")


def test_the_readme_names_every_server():
    listed = re.search(r"server: ollama}\s+# (.*)", README)
    assert listed is not None
    assert listed[1].split(", ") == list(SERVERS)


def test_the_readmes_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102
    assert names["MyProvider"]
