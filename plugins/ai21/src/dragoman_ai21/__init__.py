"""Dragoman's plugin for Jamba models at AI21 Studio.

This module is what the entry point names, and light: models of data and the hooks, no SDK.
"""

from __future__ import annotations

from collections.abc import Mapping

from dragoman.plugin import PredefinedAdapter, ProviderDescription, SecretView, hookimpl

from dragoman_ai21.settings import AI21Connection, AI21Inference

PLUGIN_API = (1, 0)

KIND = "ai21"
API_KEY = "AI21_API_KEY"

#: The names that follow AI21's newest version of each size (docs.ai21.com/reference/jamba-1-6-api-ref, November 2026).
MODELS: Mapping[str, str] = {"jamba-mini": "Jamba Mini", "jamba-large": "Jamba Large"}

#: Messages are text alone. JSON can be asked for, a schema cannot: so structured output is not declared at all.
_CAPABILITIES = {
    "streaming": True,
    "tools": True,
    "images": False,
    "documents": False,
    "audio": False,
    "system": True,
    "reasoning": False,
}


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind=KIND,
            title="AI21 Studio",
            documentation_url="https://docs.ai21.com/reference/jamba-1-6-api-ref",
            factory="dragoman_ai21.provider:AI21Provider",
            connection=AI21Connection,
            inference=AI21Inference,
            credentials={"api_key": API_KEY},
        )
    ]


@hookimpl
def dragoman_adapters(secrets: SecretView) -> list[PredefinedAdapter]:
    """Return an adapter for each model where the key is there."""
    if secrets.get(API_KEY) is None:
        return []
    return [_adapter(model, title) for model, title in MODELS.items()]


def _adapter(model: str, title: str) -> PredefinedAdapter:
    name = f"ai21-{model}"
    document = {
        "version": 1,
        "name": name,
        "title": f"{title} (AI21 Studio)",
        "provider": KIND,
        "model": model,
        "capabilities": _CAPABILITIES,
    }
    return PredefinedAdapter(name, document)
