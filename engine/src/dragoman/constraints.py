"""What is checked between resolving and sending: declared capabilities, token constraints, estimated usage."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dragoman.errors import ConstraintError, UnsupportedError
from dragoman.events import Report, Response, Usage
from dragoman.messages import (
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Part,
    ProviderPart,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from dragoman.provider import ChatRequest, Session
from dragoman.resolve import Resolved

#: Rough English average over the byte-pair vocabularies of today's models; an estimate built on it says so.
BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
#: A flat figure for one image, film, audio clip or file: what it costs differs by model, and nothing is known here.
TOKENS_PER_MEDIUM = 300


def refuse_undeclared(resolved: Resolved, request: ChatRequest) -> None:
    """Refuse what the adapter's ``capabilities`` declare false; what they do not mention passes.

    Raises:
        UnsupportedError: naming the capability and the adapter.
    """
    declared = resolved.adapter.capabilities
    if declared is None:
        return
    for name in _needed(request):
        if getattr(declared, name) is False:
            message = (
                f"the adapter {resolved.name or '(unsaved)'} declares that its model takes no {name.replace('_', ' ')}"
            )
            raise UnsupportedError(message, path=f"capabilities.{name}")


def streams(resolved: Resolved) -> bool:
    """Return whether the endpoint streams: it does unless the adapter's ``capabilities`` deny it."""
    declared = resolved.adapter.capabilities
    return declared is None or declared.streaming is not False


def _needed(request: ChatRequest) -> Iterable[str]:
    if request.tools:
        yield "tools"
    inference = request.settings.inference
    if inference.response_format is not None and inference.response_format.type != "text":
        yield "structured_output"
    if inference.reasoning is not None:
        yield "reasoning"
    if any(m.role in ("system", "developer") for m in request.messages):
        yield "system"
    kinds = {type(part) for message in request.messages for part in _flat(message.parts)}
    for kind, name in ((Image, "images"), (Document, "documents"), (Audio, "audio"), (Video, "video")):
        if kind in kinds:
            yield name


def _flat(parts: Iterable[Part]) -> Iterable[Part]:
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


async def apply_constraints(
    resolved: Resolved, request: ChatRequest, session: Session
) -> tuple[ChatRequest, tuple[Report, ...]]:
    """Refuse too long an input, and cap ``max_tokens`` to what ``max_total_tokens`` leaves.

    The input is counted by the provider where it can, else estimated.

    Raises:
        ConstraintError: saying how many tokens, counted or estimated, stand against which limit.
    """
    bounds = resolved.adapter.constraints
    if bounds is None or (bounds.max_input_tokens is None and bounds.max_total_tokens is None):
        return request, ()
    usage = await session.count_tokens(request) or estimate_input(request)
    size = usage.input_tokens or 0
    how = "counted" if usage.source == "provider" else "estimated"
    for name, limit in (("max_input_tokens", bounds.max_input_tokens), ("max_total_tokens", bounds.max_total_tokens)):
        if limit is not None and size + (name == "max_total_tokens") > limit:
            message = f"the input has {size} tokens ({how}), the model takes {limit}"
            raise ConstraintError(message, path=f"constraints.{name}", hint="shorten the conversation")
    if bounds.max_total_tokens is None:
        return request, ()
    return _cap(request, bounds.max_total_tokens - size, how)


def _cap(request: ChatRequest, room: int, how: str) -> tuple[ChatRequest, tuple[Report, ...]]:
    asked = request.settings.inference.max_tokens
    if asked is not None and asked <= room:
        return request, ()
    inference = request.settings.inference.model_copy(update={"max_tokens": room})
    capped = replace(request, settings=replace(request.settings, inference=inference))
    was = "was not set" if asked is None else f"{asked} was asked for"
    message = f"max_tokens is {room}: what constraints.max_total_tokens leaves beside the {how} input ({was})"
    return capped, (Report("max_tokens_capped", message, "inference.max_tokens"),)


def refuse_long_texts(resolved: Resolved, texts: Sequence[str]) -> None:
    """Refuse a text that is longer than ``constraints.max_input_tokens``, by estimate; for operations on texts.

    Raises:
        ConstraintError: naming the text by its place.
    """
    bounds = resolved.adapter.constraints
    if bounds is None or bounds.max_input_tokens is None:
        return
    for index, text in enumerate(texts):
        if (size := _tokens(text)) > bounds.max_input_tokens:
            message = f"text {index} has {size} tokens (estimated), the model takes {bounds.max_input_tokens}"
            raise ConstraintError(message, path="constraints.max_input_tokens", hint="cut the text into shorter ones")


# --- estimates ---------------------------------------------------------------------------------------------------


def estimate_input(request: ChatRequest) -> Usage:
    """Estimate the input's size from its bytes. Marked ``estimated``: a real count may differ by a third or more."""
    tokens = sum(TOKENS_PER_MESSAGE + _estimate_message(m) for m in request.messages)
    tokens += sum(
        _tokens(t.name + (t.description or "") + json.dumps(t.parameters or {}, default=str)) for t in request.tools
    )
    return Usage(input_tokens=tokens, source="estimated")


def estimate_usage(request: ChatRequest, response: Response) -> Usage:
    """Estimate a whole call whose provider reported no usage."""
    size = estimate_input(request).input_tokens or 0
    written = _estimate_message(response.message)
    return Usage(input_tokens=size, output_tokens=written, total_tokens=size + written, source="estimated")


def estimate_texts(texts: Iterable[str]) -> Usage:
    """Estimate the usage of texts that are only read."""
    size = sum(map(_tokens, texts))
    return Usage(input_tokens=size, total_tokens=size, source="estimated")


def _estimate_message(message: Message) -> int:
    return sum(_estimate_part(part) for part in message.parts)


def _estimate_part(part: Part) -> int:
    match part:
        case Text(text) | Refusal(text) | Reasoning(text):
            return _tokens(text)
        case ToolCall(_, name, arguments):
            return _tokens(name + arguments)
        case ToolResult(_, parts):
            return sum(_estimate_part(inner) for inner in parts)
        case Document(text=text, passages=passages) if text is not None or passages:
            return _tokens("".join((text or "", *passages)))
        case ProviderPart(_, value):
            return _tokens(json.dumps(value, default=str))
    return 0 if isinstance(part, CachePoint) else TOKENS_PER_MEDIUM


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
