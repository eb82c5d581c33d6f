"""Adapters that a present key implies, as rows of data.

Features as Cohere's own ``/v1/models`` told them (answers recorded in 2025) and its page "Models" lists them
(docs.cohere.com/docs/models, November 2026). What neither says is not declared. No prices: Cohere bills its own
``billed_units``, which are not the tokens of a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dragoman.plugin import PredefinedAdapter, SecretView

API_KEY = "COHERE_API_KEY"

_CHAT = {"streaming": True, "system": True, "structured_output": True, "audio": False}


@dataclass(frozen=True, slots=True)
class Model:
    """A model, what it does and what it can."""

    id: str
    title: str
    members: Mapping[str, Any] = field(default_factory=dict)


MODELS = (
    Model(
        "command-a-03-2025",
        "Cohere Command A",
        {"capabilities": {**_CHAT, "tools": True, "images": False, "reasoning": False}},
    ),
    Model(
        "command-a-reasoning-08-2025",
        "Cohere Command A Reasoning",
        {"capabilities": {**_CHAT, "tools": True, "images": False, "reasoning": True}},
    ),
    Model(
        "command-a-vision-07-2025",
        "Cohere Command A Vision",
        {"capabilities": {**_CHAT, "images": True, "reasoning": False}},
    ),
    Model(
        "command-r7b-12-2024",
        "Cohere Command R7B",
        {"capabilities": {**_CHAT, "tools": True, "images": False, "reasoning": False}},
    ),
    Model("embed-v4.0", "Cohere Embed 4", {"operation": "embed"}),
    Model("rerank-v3.5", "Cohere Rerank 3.5", {"operation": "rerank"}),
)


def adapters_for(secrets: SecretView) -> Iterable[PredefinedAdapter]:
    """Yield one adapter for each model where there is a key; none without."""
    if secrets.get(API_KEY) is None:
        return
    for model in MODELS:
        document = {"title": model.title, "provider": "cohere", "model": model.id, **model.members}
        yield PredefinedAdapter(f"cohere-{model.id}", document)
