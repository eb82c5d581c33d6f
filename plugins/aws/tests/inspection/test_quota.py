"""Which quota belongs to which call: the names that Service Quotas has, against models' ids and names."""

from __future__ import annotations

import pytest
from dragoman_aws.inspection.quota import CROSS_REGION, GLOBAL, ON_DEMAND, Called, scope_of, unit_of

#: Names as public answers of ListServiceQuotas have them, read 2026-11, and the model that each is of.
NAMES = [
    (
        "On-demand model inference requests per minute for Anthropic Claude 3.5 Sonnet",
        Called("anthropic.claude-3-5-sonnet-20240620-v1:0", ON_DEMAND),
    ),
    (
        "Cross-region model inference tokens per minute for Anthropic Claude 3.5 Sonnet V2",
        Called("anthropic.claude-3-5-sonnet-20241022-v2:0", CROSS_REGION),
    ),
    (
        "Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4 V1",
        Called("anthropic.claude-sonnet-4-20250514-v1:0", CROSS_REGION),
    ),
    (
        "Global cross-region model inference tokens per minute for Claude Sonnet 4.5 V1",
        Called("anthropic.claude-sonnet-4-5-20250929-v1:0", GLOBAL),
    ),
    (
        "Global cross-region model inference tokens per day for Anthropic Claude Haiku 4.5",
        Called("anthropic.claude-haiku-4-5-20251001-v1:0", GLOBAL),
    ),
    (
        "Cross-region model inference tokens per minute for Anthropic Claude Opus 4.7",
        Called("anthropic.claude-opus-4-7", CROSS_REGION),
    ),
    (
        "On-demand model inference tokens per minute for Amazon Nova Lite",
        Called("amazon.nova-lite-v1:0", ON_DEMAND),
    ),
    (
        "On-demand model inference requests per minute for Amazon Titan Text Embeddings V2",
        Called("amazon.titan-embed-text-v2:0", ON_DEMAND, "Titan Text Embeddings V2", "Amazon"),
    ),
    (
        "On-demand model inference tokens per minute for Cohere Embed English",
        Called("cohere.embed-english-v3", ON_DEMAND, "Embed English", "Cohere"),
    ),
    (
        "Cross-region model inference requests per minute for Meta Llama 3.1 8B Instruct",
        Called("meta.llama3-1-8b-instruct-v1:0", CROSS_REGION),
    ),
    (
        "On-demand model inference requests per minute for AI21 Labs Jamba 1.5 Large",
        Called("ai21.jamba-1-5-large-v1:0", ON_DEMAND),
    ),
    (
        "Cross-Region InvokeModel tokens per minute for Anthropic Claude Sonnet 4 V1",
        Called("anthropic.claude-sonnet-4-20250514-v1:0", CROSS_REGION),
    ),
    (
        "Model invocation max tokens per day for Anthropic Claude Sonnet 4 V1 (doubled for cross-region calls)",
        Called("anthropic.claude-sonnet-4-20250514-v1:0", CROSS_REGION),
    ),
]


@pytest.mark.parametrize(("name", "called"), NAMES, ids=[name for name, _ in NAMES])
def test_a_quota_is_of_its_model_alone(name, called):
    assert unit_of(name, called) in ("requests per minute", "tokens per minute", "tokens per day")
    others = [other for _, other in NAMES if other.model != called.model]
    assert [other for other in others if unit_of(name, other._replace(scope=called.scope))] == []


def test_what_is_of_another_call_is_left_out():
    called = Called("anthropic.claude-sonnet-4-20250514-v1:0", CROSS_REGION, "Claude Sonnet 4", "Anthropic")
    name = "Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4 V1"
    assert unit_of(name, called) == "tokens per minute"
    for other in (
        f"{name} 1M Context Length",
        f"Global {name}",
        name.replace("Cross-region", "On-demand"),
        name.replace("Cross-region", "On-demand, latency-optimized"),
        name.replace("Sonnet 4 V1", "Sonnet 4.5 V1"),
        name.replace("V1", "V2"),
        "Batch inference input file size (in GB)",
    ):
        assert unit_of(other, called) is None


def test_how_a_profile_is_called_follows_from_its_regions():
    assert scope_of(["us-east-1"]) == ON_DEMAND
    assert scope_of(["us-east-1", "us-west-2"]) == CROSS_REGION
    assert scope_of(["us-east-1", ""]) == GLOBAL
