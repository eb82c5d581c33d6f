"""A chat request as the JSON body of Converse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from dragoman.adapter import Inference
from dragoman.errors import MessageError
from dragoman.plugin import ChatRequest

from dragoman_aws.bedrock.connection import Guardrail
from dragoman_aws.bedrock.converse.call import add_endpoint_kwargs
from dragoman_aws.bedrock.converse.messages import cache_point, encode_messages
from dragoman_aws.bedrock.converse.settings import Dialect, merge_model_kwargs, write_inference
from dragoman_aws.bedrock.converse.tools import tool_config

Wire = dict[str, Any]


def encode_body(request: ChatRequest, dialect: Dialect, guardrail: Guardrail | None, headers: dict[str, str]) -> bytes:
    """Return the JSON body, and add the call's own headers to ``headers``.

    Raises:
        UnsupportedError: Converse or the model's family has no place for a part of the request; the error names its
            path.
    """
    settings = request.settings
    inference = settings.inference
    system, messages = encode_messages(request.messages)
    body: Wire = {"messages": messages}
    if getattr(inference, "cache_points", None):
        _add_cache_points(inference, system, messages)
    if system:
        body["system"] = system
    write_inference(body, inference, dialect)
    if (tools := tool_config(request)) is not None:
        body["toolConfig"] = tools
    if guardrail is not None:
        body["guardrailConfig"] = guardrail_config(guardrail, stream=request.stream)
    merge_model_kwargs(body, settings.model_kwargs, dialect)
    if settings.endpoint_kwargs:
        add_endpoint_kwargs(body, headers, settings.endpoint_kwargs)
    try:
        return orjson.dumps(body, default=_plain)
    except TypeError as error:
        raise MessageError(f"the request cannot be written as JSON: {error}") from None


def _add_cache_points(inference: Inference, system: list[Wire], messages: list[Wire]) -> None:
    places = getattr(inference, "cache_points", ())
    mark = cache_point(getattr(inference, "cache_ttl", None))
    if "system" in places and system:
        system.append(mark)
    if "messages" in places and messages:
        messages[-1]["content"].append(mark)


def guardrail_config(guardrail: Guardrail, *, stream: bool) -> Wire:
    """Return the request's ``guardrailConfig``."""
    wire: Wire = {"guardrailIdentifier": guardrail.identifier, "guardrailVersion": guardrail.version}
    if guardrail.trace is not None:
        wire["trace"] = guardrail.trace
    if stream and guardrail.stream_processing_mode is not None:
        wire["streamProcessingMode"] = guardrail.stream_processing_mode
    return wire


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
