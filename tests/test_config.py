"""The example deployment in ``config/`` works as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from dragoman import Engine, Settings
from dragoman.adapters import Listing
from dragoman.documents import read_document
from dragoman.secrets import SecretStore

ROOT = Path(__file__).parents[1]
ADAPTERS = sorted((ROOT / "config" / "adapters").iterdir())
CONFIGURATIONS = sorted((ROOT / "config" / "inference").iterdir())


@pytest.fixture
async def listing(deployment: Path) -> Listing:
    async with Engine.from_config() as engine:
        return await engine.adapters.list()


def stem(path: Path) -> str:
    return path.stem


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for inner in (value.values() if isinstance(value, dict) else value) for leaf in leaves(inner)]
    return [value]


def test_nothing_in_it_fails(listing: Listing) -> None:
    assert listing.failures == ()
    assert [row.name for row in listing.adapters if row.problem] == []
    assert {path.stem for path in ADAPTERS} <= {row.name for row in listing.adapters}


def test_the_default_adapter_is_there(listing: Listing) -> None:
    assert [row.name for row in listing.adapters if row.default] == ["local"]


@pytest.mark.parametrize("path", ADAPTERS, ids=stem)
async def test_every_adapter_becomes_effective_without_a_null(deployment: Path, path: Path) -> None:
    async with Engine.from_config() as engine:
        resolved = await engine.resolve(path.stem)
    assert None not in leaves(resolved.document)
    assert resolved.document["title"] == read_document(path)["title"]
    assert set(resolved.origins.values()) & {f"file {deployment / 'config' / 'adapters' / path.name}"}


@pytest.mark.parametrize("path", ADAPTERS, ids=stem)
async def test_every_adapter_follows_the_schema(deployment: Path, path: Path) -> None:
    async with Engine.from_config() as engine:
        schema = await engine.adapters.schema()
    jsonschema.Draft202012Validator(schema).validate(read_document(path))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=stem)
async def test_every_inference_configuration_is_used_and_acts(deployment: Path, path: Path) -> None:
    users = [a.stem for a in ADAPTERS if read_document(a).get("inference", {}).get("configuration") == path.stem]
    assert users
    async with Engine.from_config() as engine:
        resolved = await engine.resolve(users[0])
    settings = {name: value for name, value in read_document(path).items() if name != "description"}
    assert settings.items() <= resolved.document["inference"].items()


async def test_the_precise_adapter_says_the_same_thing_twice(deployment: Path) -> None:
    async with Engine.from_config() as engine:
        answers = {(await engine.chat("local-precise", "Tell me about iterators")).text for _ in range(3)}
    assert len(answers) == 1


async def test_the_example_secrets_can_be_read_and_name_what_the_adapters_name(deployment: Path) -> None:
    example = deployment / "config" / "secrets.example.json"
    named = {name for path in ADAPTERS for name in read_document(path).get("credentials", {}).values()}
    assert named <= set(json.loads(example.read_text()))
    store = SecretStore(Settings(secrets={"sources": [{"kind": "file", "path": str(example)}]}))
    assert not (await store.load()).problems


def test_the_real_secrets_are_not_in_the_repository() -> None:
    assert "config/secrets.json" in (ROOT / ".gitignore").read_text().splitlines()
