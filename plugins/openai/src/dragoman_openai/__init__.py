"""Dragoman's plugin for OpenAI, Azure OpenAI and every OpenAI-compatible server.

This module is what the entry point names, and light: models of data and the hooks, no SDK.
"""

from __future__ import annotations

from dragoman.plugin import PredefinedAdapter, ProviderDescription, SecretView, hookimpl

from dragoman_openai.azure import convention_adapters
from dragoman_openai.connection import AzureConnection, CompatibleConnection, OpenAIConnection
from dragoman_openai.inference import CompatibleInference, OpenAIEmbedInference, OpenAIInference

PLUGIN_API = (1, 0)


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="openai",
            title="OpenAI",
            documentation_url="https://platform.openai.com/docs/api-reference/chat",
            factory="dragoman_openai.provider:OpenAIProvider",
            connection=OpenAIConnection,
            inference=OpenAIInference,
            credentials={"api_key": "OPENAI_API_KEY"},
            operations=("chat", "embed"),
            embedding=OpenAIEmbedInference,
        ),
        ProviderDescription(
            kind="azure-openai",
            title="Azure OpenAI",
            documentation_url="https://learn.microsoft.com/azure/ai-foundry/openai/",
            factory="dragoman_openai.provider:AzureProvider",
            connection=AzureConnection,
            inference=OpenAIInference,
            credentials={
                "api_key": "AZURE_OPENAI_API_KEY",
                "token": "AZURE_OPENAI_AD_TOKEN",
                "client_secret": "AZURE_CLIENT_SECRET",
            },
            operations=("chat", "embed"),
            embedding=OpenAIEmbedInference,
        ),
        ProviderDescription(
            kind="openai-compatible",
            title="OpenAI-compatible server",
            factory="dragoman_openai.provider:CompatibleProvider",
            connection=CompatibleConnection,
            inference=CompatibleInference,
            credentials={"api_key": None},
            operations=("chat", "embed", "rerank"),
            embedding=OpenAIEmbedInference,
        ),
    ]


@hookimpl
def dragoman_adapters(secrets: SecretView) -> list[PredefinedAdapter]:
    return list(convention_adapters(secrets))
