"""Adapters as models of AI DIAL, which then calls the gateway as it calls an adapter of its own: pure functions.

What DIAL Core does with a model was read in its documentation and source in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from dragoman.errors import Problem

from dragoman_dial.meanings import ANSWER_LIMIT, CONSTRAINTS, PER_MILLION, RATES, SETTINGS, plain_decimal

Json = dict[str, Any]

#: Operation -> type of the model, and the door that answers it.
DOORS: Mapping[str, tuple[str, str]] = {
    "chat": ("chat", "chat/completions"),
    "embed": ("embedding", "embeddings"),
}
#: Declared -> feature. What is not declared is left to DIAL's own defaults, but for tools, which it takes as absent.
_FEATURES: Mapping[str, str] = {
    "tools": "toolsSupported",
    "system": "systemPromptSupported",
    "structured_output": "responseFormatJsonSchemaSupported",
    "reasoning": "reasoningSupported",
}


class Exported(NamedTuple):
    """Models by name, and what of their adapters DIAL has no word for."""

    models: Json
    notes: list[Problem]


def export_models(documents: Iterable[Mapping[str, Any]], base_url: str, key: str) -> Exported:
    """Return the ``models`` of a DIAL configuration.

    Args:
        documents: Effective documents, each with its name.
        base_url: The gateway's address, as DIAL reaches it.
        key: What stands for the gateway's key: a placeholder, never a key.
    """
    models: Json = {}
    notes: list[Problem] = []
    for document in documents:
        operation = document.get("operation") or "chat"
        if operation not in DOORS:
            notes.append(Problem(document["name"], f"is for {operation}, which DIAL has no type of models for"))
            continue
        models[document["name"]] = _model(document, operation, base_url.rstrip("/"), key, notes)
    return Exported(models, notes)


def _model(document: Mapping[str, Any], operation: str, base_url: str, key: str, notes: list[Problem]) -> Json:
    name = document["name"]
    kind, door = DOORS[operation]
    endpoint = f"{base_url}/openai/deployments/{quote(name, safe='')}/{door}"
    model: Json = {
        "type": kind,
        "displayName": document.get("title") or name,
        "endpoint": endpoint,
        "upstreams": [{"endpoint": endpoint, "key": key}],
        "maxRetryAttempts": 1,  # the gateway tries again by itself
    }
    if operation == "chat":
        # Added to requests that lack it: without usage in streams DIAL charges nothing.
        model["defaults"] = {"stream_options": {"include_usage": True}}
        model["features"] = _features(document)
    elif dimensions := (document.get("inference") or {}).get("dimensions"):
        model["embeddingDimensions"] = dimensions
    if limits := _limits(document):
        model["limits"] = limits
    if pricing := _pricing(document, notes):
        model["pricing"] = pricing
    if (document.get("notice") or {}).get("text"):
        model["description"] = document["notice"]["text"]
    return model


def _features(document: Mapping[str, Any]) -> Json:
    declared = document.get("capabilities") or {}
    forbidden = {rule["forbid"] for rule in document.get("rules") or () if "forbid" in rule}
    # The doors take content in parts and both names of the answer's length; attachments of DIAL's own they do not.
    takes_length = "inference.max_tokens" not in forbidden
    features = {
        "contentPartsSupported": True,
        "maxTokensSupported": takes_length,
        "maxCompletionTokensSupported": takes_length,
    }
    features |= {theirs: declared[ours] for ours, theirs in _FEATURES.items() if ours in declared}
    for feature, setting in SETTINGS.items():
        if setting in forbidden and feature != "temperatureSupported":
            features[feature] = False
    return features


def _limits(document: Mapping[str, Any]) -> Json:
    constraints = document.get("constraints") or {}
    limits = {theirs: constraints[ours] for theirs, ours in CONSTRAINTS.items() if ours in constraints}
    longest = [
        rule["maximum"]
        for rule in document.get("rules") or ()
        if rule.get("range") == "inference.max_tokens" and rule.get("maximum") is not None
    ]
    return {**limits, ANSWER_LIMIT: int(min(longest))} if longest else limits


def _pricing(document: Mapping[str, Any], notes: list[Problem]) -> Json:
    pricing = document.get("pricing") or {}
    rates = {
        theirs: plain_decimal(Decimal(str(pricing[ours])) / PER_MILLION)
        for theirs, ours in RATES.items()
        if pricing.get(ours) is not None
    }
    if not rates:
        return {}
    if (currency := pricing.get("currency")) not in (None, "USD"):
        notes.append(Problem(document["name"], f"has prices in {currency}, and DIAL's are in USD: they are left out"))
        return {}
    return {"unit": "token", **rates}
