"""Inference settings in two spellings: both are read wherever a setting stands, one is printed, and a clash is told."""

import jsonschema
import pytest
from dragoman import Caller, Engine, Settings
from dragoman.errors import DocumentError, PolicyError
from dragoman.gateway_settings import PolicyRule, PolicySettings
from dragoman.plugins import load_plugins
from dragoman.schema import adapter_schema
from dragoman.spelling import settings_in_one_spelling

ADAPTER = """
provider: echo
model: m
inference: {topP: 0.5, maxTokens: 10, stopSequences: [END], topK: 4, responseFormat: {type: json_object}}
upstreams: {one: {inference: {topP: 0.6}}}
rules: [{range: inference.top_p, minimum: 0.2, maximum: 0.8}]
"""


@pytest.fixture
async def engine(tmp_path, echo_plugin):
    for name, text in {"mine": ADAPTER, "over": "{base: mine, inference: {top_p: 0.7}}"}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    policy = PolicySettings(rules=[PolicyRule(paths=["inference.max_tokens"], role="admin")])
    settings = Settings(adapters_directory=tmp_path, policy=policy)
    async with Engine(settings, plugins=load_plugins(found=[echo_plugin])) as engine:
        yield engine


async def test_every_layer_may_be_spelt_either_way_and_one_is_printed(engine):
    resolved = await engine.resolve("over", {"inference": {"topK": 5}}, {"topP": 0.3})
    assert resolved.document["inference"] == {
        "top_p": 0.3, "max_tokens": 10, "stop_sequences": ["END"], "top_k": 5,
        "response_format": {"type": "json_object"},
    }  # fmt: skip
    assert resolved.origins["inference.top_k"] == "override"
    assert (await engine.resolve("mine")).document["inference"]["top_p"] == 0.6  # the upstream's
    assert "top_p" in (await engine.adapters.get("mine")).document["inference"]


async def test_a_range_and_a_policy_hold_for_both(engine):
    with pytest.raises(DocumentError, match=r"inference\.top_p: is 0\.9"):
        await engine.resolve("mine", inference={"topP": 0.9})
    with pytest.raises(PolicyError) as caught:
        await engine.resolve("mine", {"inference": {"maxTokens": 99}}, caller=Caller("somebody"))
    assert [problem.path for problem in caught.value.problems] == ["inference.max_tokens"]


async def test_both_at_once_in_one_document_are_told_with_their_path(engine):
    with pytest.raises(DocumentError, match=r"inference\.top_p: is given twice, in two spellings \(keep top_p\)"):
        await engine.resolve("mine", {"inference": {"topP": 0.3, "top_p": 0.4}})
    with pytest.raises(DocumentError, match=r"upstreams\.one\.inference\.top_k: is given twice"):
        await engine.resolve("mine", {"upstreams": {"one": {"inference": {"topK": 3, "top_k": 4}}}})


def test_the_schema_takes_both_and_no_third_one(echo_plugin):
    schema = adapter_schema(load_plugins(found=[echo_plugin]).providers)
    settings = jsonschema.Draft202012Validator({"$ref": "#/$defs/inference.echo", "$defs": schema["$defs"]})
    assert settings.is_valid({"topP": 0.1, "maxTokens": 5, "stop_sequences": ["END"]})
    assert not settings.is_valid({"topp": 0.1})


def test_settings_inside_of_settings_are_respelt_and_values_are_not():
    schema = {"type": "object", "properties": {"firstName": {"minLength": 1}}}
    spelt = settings_in_one_spelling(
        {
            "reasoning": {"budgetTokens": 5},
            "responseFormat": {"jsonSchema": {"schema": schema}},
            "anthropicVersion": "v",
            "tools": {"myTool": 1},
        },
        "test",
    )
    assert spelt == {
        "reasoning": {"budget_tokens": 5},
        "response_format": {"json_schema": {"schema": schema}},
        "anthropic_version": "v",
        "tools": {"myTool": 1},
    }
