"""Which provider an upstream belongs to, and where its calls go."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman_dial.targets import target_of

from .conftest import BEDROCK_ADAPTER, OPENAI_ADAPTER

KEY_HEADER = {"kind": "api_key", "header": "api-key"}


@pytest.mark.parametrize(
    ("address", "provider", "model", "connection"),
    [
        (
            "https://r.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
            "azure-openai", "my gpt", {"endpoint": "https://r.openai.azure.com", "api_version": "2024-10-21"},
        ),
        ("https://r.openai.azure.com/openai/v1/chat/completions", "azure-openai", "asked", {"endpoint": "https://r.openai.azure.com"}),
        ("https://r.cognitiveservices.azure.com/openai/deployments/d/embeddings", "azure-openai", "d", {"endpoint": "https://r.cognitiveservices.azure.com"}),
        ("https://r.services.ai.azure.com/models/chat/completions", "openai-compatible", "asked", {"base_url": "https://r.services.ai.azure.com/models"}),
        ("https://api.openai.com/v1/chat/completions", "openai", "asked", {}),
        ("https://api.cohere.com/v2/chat", "cohere", "asked", {}),
        ("https://api.cohere.ai/compatibility/v1/chat/completions", "openai-compatible", "asked", {"base_url": "https://api.cohere.ai/compatibility/v1"}),
        ("https://api.ai21.com/studio/v1/chat/completions", "ai21", "asked", {}),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock", "asked", {"region": "eu-west-1"}),
        ("https://api.mistral.ai/v1/chat/completions", "openai-compatible", "asked", {"base_url": "https://api.mistral.ai/v1"}),
        ("http://[::1]:8000/v1/embeddings", "openai-compatible", "asked", {"base_url": "http://[::1]:8000/v1"}),
        (
            "http://dial/openai/deployments/x/chat/completions",
            "openai-compatible", "x", {"base_url": "http://dial/openai/deployments/x", "auth": KEY_HEADER},
        ),
        ("https://me:word@host/v1/chat/completions?key=word", "openai-compatible", "asked", {"base_url": "https://host/v1"}),
        ("https://api.openai.com.evil.example/v1/chat/completions", "openai-compatible", "asked", {"base_url": "https://api.openai.com.evil.example/v1"}),
    ],
)  # fmt: skip
def test_an_address_decides(address: str, provider: str, model: str, connection: dict[str, Any]) -> None:
    target = target_of(OPENAI_ADAPTER, address, {}, "asked")
    assert (target.provider, target.model, target.connection) == (provider, model, connection)
    assert target.reason
    assert target.problem is None


@pytest.mark.parametrize(
    ("adapter", "extra", "model"),
    [
        (BEDROCK_ADAPTER, {}, "anything"),
        ("http://adapters/one", {"aws_assume_role_arn": "arn"}, "anything"),
        ("http://adapters/one", {"compatible_model_id": "x"}, "anything"),
        ("http://adapters/one", {"region": "us-east-1"}, "us.anthropic.claude-sonnet-4-20250514-v1:0"),
        (None, {}, "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"),
        (None, {}, "amazon.titan-embed-text-v2:0"),
    ],
)
@pytest.mark.parametrize("address", ["1", None])
def test_bedrock_needs_no_address(adapter: str | None, extra: dict[str, str], model: str, address: str | None) -> None:
    target = target_of(adapter, address, extra, model)
    assert (target.provider, target.model) == ("bedrock", model)


@pytest.mark.parametrize(
    ("adapter", "address"),
    [
        ("http://ai-dial-adapter-vertexai/openai/deployments/gemini/chat/completions", "x"),
        (OPENAI_ADAPTER, "https://us-central1-aiplatform.googleapis.com/v1"),
        (OPENAI_ADAPTER, "https://api.anthropic.com/v1/messages"),
        (None, None),
        ("not an address", "http://[broken"),
    ],
)
def test_what_belongs_to_nobody_says_so(adapter: str | None, address: str | None) -> None:
    assert target_of(adapter, address, {}, "m").problem


def test_without_upstreams_the_adapter_is_called_as_a_gateway(one: Any) -> None:
    adapter, notes = one(upstreams=...)
    assert adapter["connection"] == {"base_url": "http://ai-dial-adapter-openai/openai/deployments/gpt-4o"}
    assert "DIAL's adapter itself is called" in notes["endpoint"]


def test_newer_configurations_give_the_adapter_by_api(one: Any) -> None:
    interfaces = {"openaiChatCompletions": {"base_url": BEDROCK_ADAPTER}}
    adapter, _ = one(endpoint=..., interfaces=interfaces, upstreams=[{"endpoint": "1"}])
    assert (adapter["provider"], adapter["model"]) == ("bedrock", "anthropic.claude-v3")
