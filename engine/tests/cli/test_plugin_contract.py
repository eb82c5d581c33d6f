"""What a plugin's commands are given beside the engine: prompts, and adapters that the gateway saved."""

from __future__ import annotations

import pytest
from dragoman import Engine, Settings
from dragoman.cli.plugin import checked_prompt, prompt_from, saved_adapters
from dragoman.errors import DocumentError, DocumentNotFoundError


@pytest.fixture
async def engine(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "greet.yaml").write_text("variants: {a: {text: Hi}}\n", encoding="utf-8")
    (tmp_path / "dragoman.toml").write_text("", encoding="utf-8")
    async with Engine(Settings.load(tmp_path / "dragoman.toml")) as engine:
        yield engine


async def test_a_prompt_by_name_and_by_file(engine, tmp_path):
    assert (await prompt_from(engine, "greet")).variants["a"].text == "Hi"
    path = tmp_path / "else.json"
    path.write_text('{"variants": {"b": {"text": "Ho"}}}', encoding="utf-8")
    found = await prompt_from(engine, str(path))
    assert (found.name, found.variants["b"].text) == ("else", "Ho")
    path.write_text('{"name": "own", "variants": {"b": {"text": "Ho"}}}', encoding="utf-8")
    assert (await prompt_from(engine, str(path))).name == "own"
    with pytest.raises(DocumentNotFoundError, match="there is no prompt 'else'"):
        await prompt_from(engine, "else")
    with pytest.raises(DocumentError, match="cannot be read"):
        await prompt_from(engine, str(tmp_path / "missing.yaml"))


def test_a_document_that_is_no_prompt_says_where():
    with pytest.raises(DocumentError, match="variants"):
        checked_prompt({"name": "a", "variants": {}}, "a.yaml")


async def test_adapters_that_the_gateway_saved(engine, tmp_path):
    pytest.importorskip("sqlalchemy", reason="dragoman[server] is not installed")
    from dragoman.server.state import State

    assert await saved_adapters(engine) == {}
    assert not (tmp_path / "state").exists()
    document = {"provider": "local", "model": "m"}
    async with await State.open(engine.settings, serve=False) as state:
        await state.store.save("adapter", "mine", document, by="alice")
        await state.store.save("inference", "not", {"temperature": 0}, by="alice")
    assert await saved_adapters(engine) == {"mine": document}
