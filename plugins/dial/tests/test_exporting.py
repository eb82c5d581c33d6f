"""Adapters as models of DIAL: what it calls, what it is told, and what survives there and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dragoman_dial.exporting import export_models

from .conftest import AZURE, Done, imported

DOCUMENT: dict[str, Any] = {
    "name": "my-model",
    "title": "My model",
    "provider": "acme",
    "model": "m-1",
    "capabilities": {"tools": True, "system": False, "structured_output": True, "reasoning": False},
    "constraints": {"max_input_tokens": 100, "max_total_tokens": 200},
    "rules": [
        {"range": "inference.max_tokens", "minimum": 1, "maximum": 50},
        {"forbid": "inference.seed", "drop": True},
    ],
    "pricing": {
        "currency": "USD",
        "input_per_million": "3.00",
        "output_per_million": "15",
        "cached_input_per_million": "0.3",
    },
}


def exported(*documents: dict[str, Any]) -> Any:
    return export_models(documents, "http://gateway:8080/", "${KEY}")


def test_a_chat_model() -> None:
    models, notes = exported(DOCUMENT)
    endpoint = "http://gateway:8080/openai/deployments/my-model/chat/completions"
    assert models["my-model"] == {
        "type": "chat",
        "displayName": "My model",
        "endpoint": endpoint,
        "upstreams": [{"endpoint": endpoint, "key": "${KEY}"}],
        "maxRetryAttempts": 1,
        "defaults": {"stream_options": {"include_usage": True}},
        "features": {
            "contentPartsSupported": True, "maxTokensSupported": True, "maxCompletionTokensSupported": True,
            "toolsSupported": True, "systemPromptSupported": False, "responseFormatJsonSchemaSupported": True,
            "reasoningSupported": False, "seedSupported": False,
        },
        "limits": {"maxPromptTokens": 100, "maxTotalTokens": 200, "maxCompletionTokens": 50},
        "pricing": {"unit": "token", "prompt": "0.000003", "completion": "0.000015", "cacheRead": "0.0000003"},
    }  # fmt: skip
    assert notes == []


def test_an_embedding_model() -> None:
    model = exported({"name": "v", "operation": "embed", "inference": {"dimensions": 256}})[0]["v"]
    assert (model["type"], model["embeddingDimensions"]) == ("embedding", 256)
    assert model["endpoint"] == "http://gateway:8080/openai/deployments/v/embeddings"
    assert "features" not in model
    assert "defaults" not in model


def test_what_dial_has_no_word_for_is_told() -> None:
    models, notes = exported(
        {"name": "r", "operation": "rerank"}, {**DOCUMENT, "pricing": {"currency": "EUR", "input_per_million": "1"}}
    )
    assert set(models) == {"my-model"}
    assert "pricing" not in models["my-model"]
    assert [note.path for note in notes] == ["r", "my-model"]


def test_an_adapter_survives_there_and_back() -> None:
    (back,) = imported(exported(DOCUMENT)[0]).documents
    kept = ("name", "title", "capabilities", "constraints")
    assert {name: back[name] for name in kept} == {name: DOCUMENT[name] for name in kept}
    assert sorted(map(str, back["rules"])) == sorted(map(str, DOCUMENT["rules"]))
    assert {n: float(v) for n, v in back["pricing"].items() if n.endswith("million")} == {
        n: float(v) for n, v in DOCUMENT["pricing"].items() if n.endswith("million")
    }
    assert back["provider"] == "openai-compatible"
    assert back["connection"]["base_url"] == "http://gateway:8080/openai/deployments/my-model"
    assert back["credentials"] == {"api_key": "KEY"}


def test_a_model_survives_there_and_back() -> None:
    model = {
        "type": "chat", "displayName": "GPT", "endpoint": "http://a/openai/deployments/g/chat/completions",
        "upstreams": [{"endpoint": AZURE, "key": "k"}], "limits": {"maxTotalTokens": 10, "maxCompletionTokens": 5},
        "pricing": {"unit": "token", "prompt": "0.000001", "completion": "0.000002"},
        "features": {"toolsSupported": True, "systemPromptSupported": True},
    }  # fmt: skip
    back = exported(*imported({"gpt": model}).documents)[0]["gpt"]
    assert {name: back[name] for name in ("type", "displayName", "limits", "pricing")} == {
        name: model[name] for name in ("type", "displayName", "limits", "pricing")
    }
    assert back["features"].items() >= model["features"].items()  # type: ignore[attr-defined]


# --- the command -------------------------------------------------------------------------------------------------


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    (tmp_path / "dragoman.toml").write_text("")
    (tmp_path / "adapters").mkdir()
    document = {"provider": "langchain", "model": "m", "connection": {"class": "toy"}}
    (tmp_path / "dragoman.toml").write_text('[langchain.classes]\ntoy = "langchain_toy:Toy"\n')
    for name in ("one", "two"):
        (tmp_path / "adapters" / f"{name}.json").write_text(
            json.dumps({**document, "title": name.title(), "aliases": [f"the {name}"]})
        )
    (tmp_path / "adapters" / "broken.json").write_text('{"provider": "nobody", "model": "m"}')
    return tmp_path


@pytest.fixture
def export(run: Any, deployment: Path) -> Callable[..., Done]:
    return lambda *arguments: run("export", "dial", "--config", str(deployment), *arguments)  # type: ignore[no-any-return]


def test_every_adapter_that_can_be_called_is_printed(export: Any) -> None:
    done = export()
    assert done.code == 0, done.err
    models = json.loads(done.out)["models"]
    assert {"one", "two"} <= set(models)
    assert "broken" not in models
    assert "note: broken: is left out:" in done.err


def test_those_that_are_named_are_printed_by_name_or_alias(export: Any) -> None:
    done = export("the two", "--base-url", "https://llm.example/gw", "--key-name", "MY_KEY")
    models = json.loads(done.out)["models"]
    assert list(models) == ["two"]
    assert models["two"]["endpoint"] == "https://llm.example/gw/openai/deployments/two/chat/completions"
    assert models["two"]["upstreams"][0]["key"] == "${MY_KEY}"


@pytest.mark.parametrize("name", ["broken", "nobody"])
def test_a_named_adapter_that_cannot_be_called_is_an_error(export: Any, name: str) -> None:
    done = export(name)
    assert done.code != 0
    assert done.out == ""
    assert name in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--base-url", "gateway"),
        ("--base-url", "http://me:word@gateway"),
        ("--base-url", "http://g?key=x"),
        ("--key-name", "sk-1"),
    ],
)
def test_bad_options_are_refused(export: Any, arguments: tuple[str, str]) -> None:
    done = export(*arguments)
    assert done.code == 1
    assert "is expected" in done.err
    assert "word" not in done.out + done.err


def test_the_help_teaches_by_examples(export: Any) -> None:
    shown = export("--help").out
    assert "dragoman export dial" in shown.split("Examples:")[1]
    assert "X-UPSTREAM-KEY" in shown
