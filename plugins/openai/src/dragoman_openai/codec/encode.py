"""A chat request as the protocol's JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.plugin import ChatRequest

from dragoman_openai.codec.dialect import Dialect
from dragoman_openai.codec.messages import encode_messages, encode_tool, encode_tool_choice, refuse_choice
from dragoman_openai.codec.parameters import merge_model_kwargs, write_inference

Wire = dict[str, Any]


def encode_body(request: ChatRequest, model: str | None, dialect: Dialect, places: Mapping[str, str]) -> Wire:
    """Return the JSON body's value.

    Args:
        request: What is asked.
        model: The body's ``model``; ``None`` where the address says it.
        dialect: How the server speaks.
        places: The members that ``model_kwargs`` cannot set, with where they are set instead.

    Raises:
        UnsupportedError: The protocol or the server has no place for a part of the request; the error names its path.
    """
    settings = request.settings
    body: Wire = {} if model is None else {"model": model}
    body["messages"] = encode_messages(request.messages, dialect)
    write_inference(body, settings.inference, dialect)
    if request.tools:
        _write_tools(body, request, dialect)
    if request.stream:
        body["stream"] = True
        if dialect.stream_usage:
            body["stream_options"] = {"include_usage": True}
    merge_model_kwargs(body, settings.model_kwargs, places)
    return body


def _write_tools(body: Wire, request: ChatRequest, dialect: Dialect) -> None:
    body["tools"] = [encode_tool(tool, f"tools[{i}]", dialect) for i, tool in enumerate(request.tools)]
    parallel = getattr(request.settings.inference, "parallel_tool_calls", None)
    if request.tool_choice is not None:
        if not dialect.tool_choice:
            refuse_choice(request.tool_choice, dialect)
            return
        body["tool_choice"] = encode_tool_choice(request.tool_choice)
        parallel = parallel if request.tool_choice.parallel is None else request.tool_choice.parallel
    if parallel is not None:
        body["parallel_tool_calls"] = parallel
