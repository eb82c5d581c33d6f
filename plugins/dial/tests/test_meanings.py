"""What defaults, features, limits and prices of a DIAL model mean in an adapter."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from dragoman_dial.exporting import export_models
from dragoman_dial.meanings import sounds_secret
from hypothesis import given
from hypothesis import strategies as st

from .conftest import BEDROCK_ADAPTER, imported


def test_defaults_are_the_adapters_own_settings(one: Any) -> None:
    adapter, notes = one(
        defaults={
            "temperature": 0.2, "max_completion_tokens": 100, "stop": "END", "reasoning_effort": "low", "seed": None,
            "stream_options": {"include_usage": True}, "logit_bias": {"1": 2}, "prompt_cache_key": "team",
        }
    )  # fmt: skip
    assert adapter["inference"] == {
        "temperature": 0.2, "max_tokens": 100, "stop_sequences": ["END"], "reasoning": {"effort": "low"},
    }  # fmt: skip
    assert adapter["model_kwargs"] == {"logit_bias": {"1": 2}, "prompt_cache_key": "team"}
    assert {"defaults.stream_options", "defaults.logit_bias"} <= set(notes)


def test_the_bedrock_adapters_configuration(one: Any) -> None:
    configuration = {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}, "strange": 1}
    defaults = {"custom_fields": {"configuration": configuration}}
    adapter, notes = one(endpoint=BEDROCK_ADAPTER, upstreams=[{"endpoint": "1"}], defaults=defaults)
    assert adapter["connection"] == {"guardrail": {"identifier": "g", "version": "1"}}
    assert "defaults.custom_fields.configuration.strange" in notes


def test_headers_go_to_the_provider_but_those_that_may_hold_a_secret(one: Any) -> None:
    adapter, notes = one(defaultHeaders={"X-Team": "a", "X-Auth-Token": "b"})
    assert adapter["endpoint_kwargs"] == {"headers": {"X-Team": "a"}}
    assert "may hold a secret" in notes["defaultHeaders.X-Auth-Token"]


@pytest.mark.parametrize(
    "name", ["api-key", "API_KEY", "x-api-key", "Authorization", "token", "client_secret", "Cookie"]
)
def test_names_of_secrets(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "X-Team", "prompt_cache_key", "stop", "tokenizer", "author"])
def test_names_of_no_secrets(name: str) -> None:
    assert not sounds_secret(name)


def test_features_are_declared_as_far_as_they_are_said(one: Any) -> None:
    features = {"toolsSupported": True, "systemPromptSupported": False, "seedSupported": False,
                "customTemperatureSupported": False, "reasoningEfforts": ["low"], "tokenizeEndpoint": "http://t",
                "cacheSupported": True}  # fmt: skip
    adapter, notes = one(features=features, inputAttachmentTypes=["image/png", "text/csv"])
    assert adapter["capabilities"] == {"tools": True, "system": False, "reasoning": True, "images": True}
    assert adapter["rules"] == [
        {"forbid": "inference.seed", "drop": True},
        {"forbid": "inference.temperature", "drop": True},
    ]
    told = {
        "features.reasoningEfforts",
        "features.tokenizeEndpoint",
        "features.cacheSupported",
        "inputAttachmentTypes.1",
    }
    assert told <= set(notes)
    assert "capabilities" not in one()[0]


def test_the_name_of_the_answers_length() -> None:
    features = {"maxTokensSupported": False, "maxCompletionTokensSupported": True}
    server = {"upstreams": [{"endpoint": "http://vllm/v1/chat/completions"}]}
    (newer,) = imported({"m": {**server, "features": features}}).documents
    assert newer["connection"]["max_tokens_field"] == "max_completion_tokens"
    (neither,) = imported({"m": {**server, "features": {"maxTokensSupported": False}}}).documents
    assert neither["rules"] == [{"forbid": "inference.max_tokens", "drop": True}]


def test_limits_act_here(one: Any) -> None:
    adapter, notes = one(limits={"maxPromptTokens": "200", "maxTotalTokens": 1000, "maxCompletionTokens": 800})
    assert adapter["constraints"] == {"max_input_tokens": 200, "max_total_tokens": 1000}
    assert adapter["rules"] == [{"range": "inference.max_tokens", "minimum": 1, "maximum": 800}]
    assert "only published" in notes["limits"]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many", True, None, [1]])
def test_limits_that_are_none_are_told(one: Any, wrong: Any) -> None:
    adapter, notes = one(limits={"maxTotalTokens": wrong})
    assert "constraints" not in adapter
    assert "limits.maxTotalTokens" in notes


def test_a_default_beyond_the_limit_of_the_answer_wins(one: Any) -> None:
    adapter, notes = one(limits={"maxCompletionTokens": 800}, defaults={"max_tokens": 2048})
    assert "rules" not in adapter
    assert "limits.maxCompletionTokens" in notes


def test_prices_are_per_million(one: Any) -> None:
    pricing = {"unit": "token", "prompt": "0.00000015", "completion": 6e-07, "cacheRead": "0", "cacheWrite": None}
    adapter, _ = one(pricing=pricing)
    assert adapter["pricing"] == {
        "currency": "USD", "input_per_million": "0.15", "output_per_million": "0.6", "cached_input_per_million": "0",
        "source": "AI DIAL configuration",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pricing", "path"),
    [
        ({"unit": "char_without_whitespace", "prompt": "1"}, "pricing.unit"),
        ({"prompt": {"test": {}, "ifTrue": "1", "ifFalse": "2"}}, "pricing.prompt"),
        ({"prompt": "NaN"}, "pricing.prompt"),
        ({"prompt": "-1"}, "pricing.prompt"),
        ({"completion": "much"}, "pricing.completion"),
        ({"prompt": "1", "image": "2"}, "pricing.image"),
    ],
)
def test_prices_that_have_no_word_here_are_told(one: Any, pricing: Any, path: str) -> None:
    assert path in one(pricing=pricing)[1]


@given(st.decimals(min_value=0, max_value=999_999, places=15, allow_nan=False))
def test_prices_survive_there_and_back(amount: Decimal) -> None:
    server = {"upstreams": [{"endpoint": "http://vllm/v1/chat/completions"}], "pricing": {"prompt": str(amount)}}
    (adapter,) = imported({"m": server}).documents
    models, _ = export_models([adapter], "http://gateway", "${KEY}")
    assert Decimal(models["m"]["pricing"]["prompt"]) == amount
    assert "e" not in models["m"]["pricing"]["prompt"].lower()
