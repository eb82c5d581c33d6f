from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dragoman.errors import SecretError
from dragoman.provider import SecretSourceDescription
from dragoman.secrets import SecretStore, SourceOptions
from dragoman.secrets.sources import BUILT_IN
from dragoman.settings import Settings
from pydantic import BaseModel

OpenStore = Callable[..., SecretStore]


async def problems(store: SecretStore) -> list[str]:
    return [str(problem) for problem in (await store.load()).problems]


async def test_a_file_is_found_from_the_settings_folder(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "llm.json").write_text('{"OPENAI_API_KEY": "sk-1"}')
    store = open_store({"kind": "file", "path": "keys/llm.json"})
    assert (await store.get("OPENAI_API_KEY")).reveal() == "sk-1"
    assert (await store.load()).sources == (f"file {tmp_path}/keys/llm.json",)


async def test_a_file_may_be_absolute_or_in_the_home_directory(
    open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.json").write_text('{"A": "1"}')
    (tmp_path / "b.json").write_text('\ufeff{"B": "2"}', encoding="utf-8")
    store = open_store({"kind": "file", "path": "~/a.json"}, {"kind": "file", "path": str(tmp_path / "b.json")})
    assert [(await store.get(name)).reveal() for name in ("A", "B")] == ["1", "2"]


async def test_one_variable_holds_a_document(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_SECRETS", '{"openai": {"key": "sk-1"}}')
    store = open_store({"kind": "environment", "variable": "LLM_SECRETS", "rename": {"OPENAI_API_KEY": "openai.key"}})
    assert (await store.get("OPENAI_API_KEY")).reveal() == "sk-1"


async def test_a_plain_text_file_is_one_secret(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_abc\n")
    store = open_store({"kind": "file", "path": "token", "text_name": "HF_TOKEN"})
    assert (await store.get("HF_TOKEN")).reveal() == "hf_abc"


async def test_a_plugin_brings_a_source_that_is_built_on_first_use(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards["keys"] = '{"COHERE_API_KEY": "co-1"}'
    store = open_store({"kind": "shelf", "board": "keys"})
    assert shelf.built == 0
    assert (await store.get("COHERE_API_KEY")).reveal() == "co-1"
    await store.reread()
    assert (shelf.built, shelf.reads) == (1, 2)
    assert (await store.load()).sources == ("shelf keys",)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "file", "path": "missing.json"},
        {"kind": "environment", "variable": "NO_SUCH_VARIABLE"},
        {"kind": "shelf", "board": "absent"},
    ],
)
async def test_an_absent_source_is_told_and_is_fine_where_it_is_optional(
    entry: dict[str, Any], open_store: OpenStore, shelf: Any
) -> None:
    shelf.boards["absent"] = None
    needed = open_store(entry)
    assert [p.partition(": ")[2] for p in await problems(needed)] == ["is absent; create it, or say optional = true"]
    assert (await needed.load()).has_failures
    optional = open_store({**entry, "optional": True})
    assert [p.partition(": ")[2] for p in await problems(optional)] == ["is absent, which is allowed"]
    assert not (await optional.load()).has_failures


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"kind": "fiel", "path": "x"}, "fiel #2: there is no source of this kind (did you mean file?)"),
        (
            {"kind": "vault"},
            "vault #2: there is no source of this kind (there are environment, file, shelf; is its plugin installed?)",
        ),
        ({"kind": "file"}, "file #2: path is missing"),
        (
            {"kind": "file", "path": "x", "pth": "y"},
            "file #2: pth is not a setting of this source (did you mean path?)",
        ),
        (
            {"kind": "shelf", "board": "x", "optionl": True},
            "optionl is not a setting of this source (did you mean opti",
        ),
        (
            {"kind": "file", "path": "x", "OPENAI_API_KEY": "sk-canary"},
            "OPENAI_API_KEY is not a setting of this source (there are path, rename, text_name, optional)",
        ),
        ({"kind": "file", "path": "x", "rename": {"A": "a"}, "text_name": "B"}, "rename is for JSON and text_name"),
        ({"kind": "file", "path": "x", "rename": {"a-b": "a"}}, "is not the name of an environment variable"),
        ({"kind": "file", "path": "x", "text_name": "sk-canary"}, "text_name is not the name of an environment variab"),
        ({"kind": "environment", "variable": ""}, "environment #2: variable"),
    ],
)
async def test_a_misconfigured_source_says_so_and_hides_nothing(
    entry: dict[str, Any], complaint: str, open_store: OpenStore, tmp_path: Path
) -> None:
    (tmp_path / "good.json").write_text('{"GOOD": "1"}')
    good = {"kind": "file", "path": "good.json"}
    store = open_store(good, entry, {**good, "rename": {"ALSO_GOOD": "GOOD"}})
    assert (await store.load()).names() == ["ALSO_GOOD", "GOOD"]
    assert complaint in (await problems(store))[0]
    assert "canary" not in str(await problems(store))


async def test_content_that_is_not_utf8_is_told_without_being_quoted(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes('{"A": "sk-canary-ü"}'.encode("latin-1"))
    store = open_store({"kind": "file", "path": "s.json"})
    assert await problems(store) == [f"file {tmp_path}/s.json: is not UTF-8 text (save it as UTF-8)"]


async def test_a_folder_in_the_place_of_a_file_is_told(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store({"kind": "file", "path": "."})
    assert await problems(store) == [f"file {tmp_path}: cannot be read: Is a directory"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SecretError("the region refuses access", hint="allow it"), "the region refuses access (allow it)"),
        (ConnectionRefusedError(111, "Connection refused"), "cannot be read: Connection refused"),
        (ValueError("cannot parse sk-canary"), "cannot be read: ValueError"),
        (RuntimeError("sk-canary"), "cannot be read: RuntimeError"),
    ],
)
async def test_what_a_plugins_source_raises_is_told_by_its_type_alone(
    error: Exception, told: str, open_store: OpenStore, shelf: Any
) -> None:
    shelf.boards["keys"] = error
    assert await problems(open_store({"kind": "shelf", "board": "keys"})) == [f"shelf keys: {told}"]


async def test_a_source_that_gives_something_else_than_text_is_told(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards["keys"] = b"{}"
    assert await problems(open_store({"kind": "shelf", "board": "keys"})) == [
        "shelf keys: gave something that is not text"
    ]


@pytest.mark.parametrize("factory", ["no_such_module_anywhere:Source", "json:NoSuchClass", "json:loads"])
async def test_a_factory_that_cannot_be_used_is_told(factory: str) -> None:
    class NoSettings(BaseModel, extra="forbid"):
        pass

    kinds = {"odd": SecretSourceDescription("odd", "Odd", NoSettings, factory)}
    store = SecretStore(Settings.model_validate({"secrets": {"sources": [{"kind": "odd"}]}}), kinds)
    assert (await problems(store))[0].startswith("odd #1: cannot be used: ")


async def test_a_plugin_does_not_replace_the_engines_own_kinds(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"A": "1"}')
    settings = Settings.model_validate(
        {"secrets": {"sources": [{"kind": "file", "path": str(tmp_path / "s.json")}]}},
    )
    stranger = SecretSourceDescription("file", "Stranger", BaseModel, "no_such_module:Source")
    assert (await SecretStore(settings, {"file": stranger}).get("A")).reveal() == "1"


def test_every_setting_of_a_source_is_described() -> None:
    models: list[type[BaseModel]] = [SourceOptions, *(description.settings for description in BUILT_IN.values())]
    for model in models:
        assert all(field.description for field in model.model_fields.values())
