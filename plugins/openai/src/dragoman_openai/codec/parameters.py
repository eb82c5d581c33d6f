"""Inference settings, extra body members, extra headers and query: what goes beside the messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import urlencode

from dragoman.adapter import Inference, ReasoningSettings, ResponseFormat
from dragoman.errors import UnsupportedError

from dragoman_openai.codec.dialect import Dialect

Wire = dict[str, Any]


def write_inference(body: Wire, inference: Inference, dialect: Dialect) -> None:
    """Write every inference setting that is set into the body; raise ``UnsupportedError`` for one that has no place."""
    for name in _setting_order(type(inference)):
        value = getattr(inference, name)
        if value is None:
            continue
        write = _WRITERS.get(name)
        if write is not None:
            write(body, value, dialect)
        elif name in dialect.parameters:
            body[dialect.parameters[name]] = value
        else:
            _refuse(f"{dialect.name} does not take it", f"inference.{name}")
    for name in inference.model_extra or ():
        _refuse(f"{dialect.name} does not take it", f"inference.{name}", "a body member goes into model_kwargs")


@lru_cache(maxsize=32)
def _setting_order(model: type[Inference]) -> tuple[str, ...]:
    return tuple(model.model_fields)


def _max_tokens(body: Wire, value: int, dialect: Dialect) -> None:
    body[dialect.max_tokens_field] = value


def _stop(body: Wire, value: list[str], dialect: Dialect) -> None:
    if value:
        body["stop"] = value


def _top_k(body: Wire, value: int, dialect: Dialect) -> None:
    if not dialect.top_k:
        _refuse(f"{dialect.name} does not take it", "inference.top_k", "remove it with null")
    body["top_k"] = value


def _reasoning(body: Wire, value: ReasoningSettings, dialect: Dialect) -> None:
    if value.budget_tokens is not None:
        _refuse(f"{dialect.name} takes no budget", "inference.reasoning.budget_tokens", "set reasoning.effort instead")
    if value.effort is None:
        return
    if not dialect.reasoning_effort:
        _refuse(f"{dialect.name} does not take it", "inference.reasoning.effort", "remove it with null")
    body["reasoning_effort"] = value.effort


def _response_format(body: Wire, value: ResponseFormat, dialect: Dialect) -> None:
    if value.type == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif value.type == "json_schema":
        if not dialect.json_schema:
            _refuse(f"{dialect.name} takes no JSON Schema", "inference.response_format", _NO_SCHEMA)
        if value.json_schema is None:
            _refuse("is missing", "inference.response_format.json_schema")
        schema = value.json_schema.model_dump(by_alias=True, exclude_none=True, exclude={"schema_"})
        if value.json_schema.schema_ is not None:
            schema["schema"] = value.json_schema.schema_  # as it was written: a null inside a schema means something
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", **schema}}


_NO_SCHEMA = "use {type: json_object} and describe the shape in the prompt, or a tool"


def _nothing(body: Wire, value: Any, dialect: Dialect) -> None:
    """Write nothing: the setting acts elsewhere."""


_WRITERS: dict[str, Callable[[Wire, Any, Dialect], None]] = {
    "configuration": _nothing,  # expanded when the adapter was resolved
    "parallel_tool_calls": _nothing,  # written beside the tools
    "max_tokens": _max_tokens,
    "stop_sequences": _stop,
    "top_k": _top_k,
    "reasoning": _reasoning,
    "response_format": _response_format,
}


# --- what an adapter adds ----------------------------------------------------------------------------------------

#: Body member -> where it is set instead.
_WRITTEN_MEMBERS: Mapping[str, str] = {
    "model": "model",
    "messages": "the call's messages",
    "stream": "how the call is made",
    "stream_options": "connection.stream_usage",
    "tools": "the call's tools",
    "tool_choice": "the call's tool choice",
    "parallel_tool_calls": "inference.parallel_tool_calls",
    "max_tokens": "inference.max_tokens",
    "max_completion_tokens": "inference.max_tokens",
    "stop": "inference.stop_sequences",
    "top_k": "inference.top_k",
    "reasoning_effort": "inference.reasoning.effort",
    "response_format": "inference.response_format",
}


def written_members(dialect: Dialect) -> dict[str, str]:
    """Return every body member that this dialect's codec writes itself, and where it is set instead.

    One that the dialect does not have is not written: where a server has learnt it meanwhile, ``model_kwargs`` can.
    """
    places = {member: f"inference.{name}" for name, member in dialect.parameters.items()}
    places.update(_WRITTEN_MEMBERS)
    lacking = {
        "top_k": dialect.top_k,
        "reasoning_effort": dialect.reasoning_effort,
        "tool_choice": dialect.tool_choice,
        "parallel_tool_calls": dialect.tool_choice,
    }
    for member, has_it in lacking.items():
        if not has_it:
            del places[member]
    return places


def merge_model_kwargs(body: Wire, model_kwargs: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Merge an adapter's own members into the body; refuse those that :func:`written_members` gives a place."""
    for name, value in model_kwargs.items():
        if name in places:
            _refuse("is written by the adapter's own settings", f"model_kwargs.{name}", f"use {places[name]}")
        if name == "n" and value != 1:
            _refuse("several answers to one call are not supported", "model_kwargs.n", "make several calls")
        body[name] = value


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_REFUSED_HEADERS = frozenset(
    {
        "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type", "cookie",
        "expect", "forwarded", "host", "keep-alive", "ocp-apim-subscription-key", "openai-organization",
        "openai-project", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "via", "x-api-key", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
        "x-goog-api-key", "x-real-ip",
    }
)  # fmt: skip
_REFUSED_QUERY = frozenset(
    {"access_token", "api-key", "api-version", "api_key", "apikey", "code", "key", "subscription-key", "token"}
)


def add_endpoint_kwargs(url: str, headers: dict[str, str], endpoint_kwargs: Mapping[str, Any]) -> str:
    """Add ``endpoint_kwargs.headers`` to the headers and return the URL with ``endpoint_kwargs.query``.

    Authentication, host and address headers are refused, and so is what the codec or the transport writes itself.
    """
    if unknown := sorted(set(endpoint_kwargs) - {"headers", "query"}):
        _refuse("is not known", f"endpoint_kwargs.{unknown[0]}", "there are headers and query")
    headers.update(_strings(endpoint_kwargs, "headers", _REFUSED_HEADERS))
    query = _strings(endpoint_kwargs, "query", _REFUSED_QUERY)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _strings(endpoint_kwargs: Mapping[str, Any], group: str, refused: frozenset[str]) -> Mapping[str, str]:
    path = f"endpoint_kwargs.{group}"
    values = endpoint_kwargs.get(group) or {}
    if not isinstance(values, Mapping):
        _refuse("an object of texts is expected", path)
    for name, value in values.items():
        if name.lower() in refused:
            _refuse("cannot be set here", f"{path}.{name}", "connection and credentials decide who calls what")
        if not _HEADER_NAME.fullmatch(name):
            _refuse("is no name for it", f"{path}.{name!r}")
        if not isinstance(value, str) or not value.isprintable():
            _refuse("one line of text is expected", f"{path}.{name}")
    return values


def _refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    raise UnsupportedError(what, path=path, hint=hint)
