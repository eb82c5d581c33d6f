from __future__ import annotations

import json

import dragoman_openai
import pytest
from dragoman import Engine, Settings
from dragoman.plugin import PredefinedAdapter
from dragoman.secret import Secret
from dragoman_openai.connection import AzureConnection

KEY = "canary-azure-key-0123456789"


class Secrets:
    def __init__(self, **values: str) -> None:
        self._values = values

    def names(self) -> list[str]:
        return sorted(self._values)

    def get(self, name: str) -> Secret | None:
        return Secret(self._values[name]) if name in self._values else None


def members(model: str, **changes: str | None) -> dict[str, str]:
    values = {
        "TYPE": "azure",
        "VERSION": "2023-05-15",
        "BASE": f"https://{model.lower()}.openai.azure.com/",
        "KEY": KEY,
        "DEPLOYMENT_NAME": f"{model}DeploymentName",
    } | changes
    return {f"AZURE_OPENAI_API_{k}__{model}": v for k, v in values.items() if v is not None}


def adapters(models: str, **values: str) -> list[PredefinedAdapter]:
    return dragoman_openai.dragoman_adapters(Secrets(AZURE_OPENAI_MODELS=models, **values))


def test_the_convention_as_documented():
    found = adapters("Model1,Model2", **members("Model1"), **members("Model2", VERSION="2023-07-01-preview"))
    assert [a.name for a in found] == ["azure-model1", "azure-model2"]
    assert found[0].document == {
        "name": "azure-model1",
        "title": "Model1",
        "aliases": ["Model1"],
        "provider": "azure-openai",
        "model": "Model1DeploymentName",
        "connection": {
            "endpoint": "https://model1.openai.azure.com/",
            "api_version": "2023-05-15",
            "auth": {"kind": "api_key"},
        },
        "credentials": {"api_key": "AZURE_OPENAI_API_KEY__Model1"},
    }
    assert found[1].document["connection"]["api_version"] == "2023-07-01-preview"
    AzureConnection.model_validate(found[0].document["connection"])


def test_no_list_no_adapters():
    assert dragoman_openai.dragoman_adapters(Secrets(**members("Model1"))) == []


@pytest.mark.parametrize("models", ["", " ", ",", " , ,"])
def test_an_empty_list_is_no_problem(models):
    assert adapters(models) == []


def test_blanks_and_repetitions_do_not_matter():
    found = adapters(" Model1 ,, Model1 ,", **members("Model1", KEY=f" {KEY}\n", BASE=" https://r.azure.com "))
    assert [a.name for a in found] == ["azure-model1"]
    assert found[0].document["connection"]["endpoint"] == "https://r.azure.com"


@pytest.mark.parametrize("member", ["TYPE", "VERSION", "BASE", "KEY", "DEPLOYMENT_NAME"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_member_is_named_exactly_and_hides_no_other_model(member, value):
    found = adapters("Model1,Model2", **members("Model1", **{member: value}), **members("Model2"))
    assert found[0].document is None
    assert f"AZURE_OPENAI_API_{member}__Model1 is missing" in found[0].problem
    assert found[1].problem is None


def test_all_missing_members_are_named_at_once():
    (found,) = adapters("M")
    assert found.problem.count("AZURE_OPENAI_API_") == 5


@pytest.mark.parametrize(
    ("member", "value"),
    [("BASE", "model1.openai.azure.com"), ("VERSION", "newest"), ("TYPE", "open_ai"), ("BASE", "https://h?key=1")],
)
def test_a_wrong_value_is_reported_by_its_name_and_not_quoted(member, value):
    (found,) = adapters("Model1", **members("Model1", **{member: value}))
    assert f"AZURE_OPENAI_API_{member}__Model1" in found.problem
    assert value not in found.problem


@pytest.mark.parametrize("value", ["azure_ad", "azuread", "AZURE_AD"])
def test_a_token_in_place_of_a_key(value):
    (found,) = adapters("Model1", **members("Model1", TYPE=value))
    assert found.document["connection"]["auth"] == {"kind": "bearer"}
    assert found.document["credentials"] == {"token": "AZURE_OPENAI_API_KEY__Model1"}


def test_two_models_that_make_one_name_are_both_refused_and_hide_no_other():
    found = adapters("My Model,my-model,Other", **members("My Model"), **members("my-model"), **members("Other"))
    assert [(a.name, a.problem is None) for a in found] == [("azure-other", True), ("azure-my-model", False)]
    assert "'My Model', 'my-model'" in found[1].problem


@pytest.mark.parametrize(("model", "name"), [("GPT 4.1/mini", "azure-gpt-4.1-mini"), ("日本", "azure-unnamed")])
def test_names(model, name):
    (found,) = adapters(model, **members(model))
    assert (found.name, found.document["aliases"]) == (name, [model])


def test_no_value_of_a_key_is_in_what_is_returned():
    assert KEY not in repr(adapters("Model1,Model2", **members("Model1"), **members("Model2", BASE=KEY)))


async def test_a_secret_document_is_all_that_a_call_needs(upstream, tmp_path):
    document = {"AZURE_OPENAI_MODELS": "Model1,Broken", **members("Model1", BASE=upstream.origin)}
    (tmp_path / "secrets.json").write_text(json.dumps(document), "utf-8")
    source = {"kind": "file", "path": str(tmp_path / "secrets.json")}
    settings = Settings(plugins={"allow": ["openai"]}, secrets={"sources": [source]})
    async with Engine(settings) as engine:
        for name in ("azure-model1", "Model1"):
            assert (await engine.chat(name, "hi")).text == "hello"
        catalog = await engine.catalog()
    assert upstream.last.path == "/openai/deployments/Model1DeploymentName/chat/completions"
    assert upstream.last.query == {"api-version": "2023-05-15"}
    assert upstream.last.headers["api-key"] == KEY
    (failure,) = catalog.failures
    assert failure.where == "azure-broken"
    assert "AZURE_OPENAI_API_KEY__Broken" in failure.reason
