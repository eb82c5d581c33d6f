"""Inference settings as members of the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dragoman.adapter import Inference, ReasoningSettings, ResponseFormat

from dragoman_cohere.wire import Wire, refuse

#: Inference setting -> body member that takes its value as it is.
SAME_VALUE: Mapping[str, str] = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "documents": "documents",
    "safety_mode": "safety_mode",
    "strict_tools": "strict_tools",
    "priority": "priority",
}


def write_inference(body: Wire, inference: Inference) -> None:
    """Write every inference setting that is set into the body; raise ``UnsupportedError`` for one that has no place."""
    for name in _setting_order(type(inference)):
        value = getattr(inference, name)
        if value is None:
            continue
        if (member := SAME_VALUE.get(name)) is not None:
            body[member] = value
        elif (write := _WRITERS.get(name)) is not None:
            write(body, value)
        else:
            refuse("Cohere does not take it", f"inference.{name}")
    for name in inference.model_extra or ():
        refuse("Cohere does not take it", f"inference.{name}", "a body member goes into model_kwargs")


@lru_cache(maxsize=32)
def _setting_order(model: type[Inference]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def _stop(body: Wire, value: list[str]) -> None:
    if value:
        body["stop_sequences"] = value


def _citation_options(body: Wire, value: Any) -> None:
    body["citation_options"] = {"mode": value.mode}


def _reasoning(body: Wire, value: ReasoningSettings) -> None:
    """Write ``thinking``. Cohere knows on and off, and a budget; on is what a reasoning model does by itself."""
    budget = value.budget_tokens
    if value.effort is not None and value.effort not in _EFFORTS:
        hint = f"one of {', '.join(_EFFORTS)}; how much is said by reasoning.budget_tokens"
        refuse("Cohere takes no degree of effort", "inference.reasoning.effort", hint)
    kind = None if value.effort is None else _EFFORTS[value.effort]
    if kind == "disabled" or (budget == 0 and kind is None):
        if budget:
            refuse("thinking is switched off beside it", "inference.reasoning.budget_tokens", "remove one of the two")
        body["thinking"] = {"type": "disabled"}
    elif budget == 0:
        refuse("Cohere wants at least 1", "inference.reasoning.budget_tokens", "set reasoning.effort to none instead")
    elif budget is not None:
        body["thinking"] = {"type": "enabled", "token_budget": budget}
    elif kind is not None:
        body["thinking"] = {"type": kind}


_EFFORTS = {"none": "disabled", "disabled": "disabled", "enabled": "enabled"}


def _response_format(body: Wire, value: ResponseFormat) -> None:
    """Write ``response_format``: Cohere takes a bare schema, always holds to it, and has no place for its name.

    A description becomes the schema's own, where that has none.
    """
    if value.type == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif value.type == "json_schema":
        if value.json_schema is None or value.json_schema.schema_ is None:
            refuse("is missing", "inference.response_format.json_schema")
        schema = value.json_schema.schema_
        if value.json_schema.description is not None:
            schema = {"description": value.json_schema.description, **schema}
        body["response_format"] = {"type": "json_object", "json_schema": schema}


def _nothing(body: Wire, value: Any) -> None:
    """Write nothing: the setting acts elsewhere."""


_WRITERS: dict[str, Callable[[Wire, Any], None]] = {
    "configuration": _nothing,  # expanded when the adapter was resolved
    "stop_sequences": _stop,
    "citation_options": _citation_options,
    "reasoning": _reasoning,
    "response_format": _response_format,
}

#: Body member that the codec writes itself -> where it is set instead.
WRITTEN_MEMBERS: Mapping[str, str] = {
    **{member: f"inference.{name}" for name, member in SAME_VALUE.items()},
    "model": "model",
    "messages": "the call's messages",
    "stream": "how the call is made",
    "tools": "the call's tools",
    "tool_choice": "the call's tool choice",
    "stop_sequences": "inference.stop_sequences",
    "citation_options": "inference.citation_options",
    "thinking": "inference.reasoning",
    "response_format": "inference.response_format",
}
