"""Dragoman's plugin for Cohere: chat, embeddings and rerank by the v2 API.

This module is what the entry point names, and light: models of data and the hooks, no SDK.
"""

from __future__ import annotations

from dragoman.plugin import PredefinedAdapter, ProviderDescription, SecretView, hookimpl

from dragoman_cohere.adapters import adapters_for
from dragoman_cohere.connection import CohereConnection
from dragoman_cohere.inference import CohereEmbedInference, CohereInference, CohereRerankInference

PLUGIN_API = (1, 0)


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="cohere",
            title="Cohere",
            documentation_url="https://docs.cohere.com/reference/chat",
            factory="dragoman_cohere.provider:CohereProvider",
            connection=CohereConnection,
            inference=CohereInference,
            embedding=CohereEmbedInference,
            reranking=CohereRerankInference,
            credentials={"api_key": "COHERE_API_KEY"},
            operations=("chat", "embed", "rerank"),
        )
    ]


@hookimpl
def dragoman_adapters(secrets: SecretView) -> list[PredefinedAdapter]:
    return list(adapters_for(secrets))
