"""A whole answer as our values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dragoman.events import Report, Response
from dragoman.messages import Message, Part, Reasoning, Text, ToolCall
from dragoman.plugin import WireReply

from dragoman_cohere.codec.messages import THINKING, TOOL_PLAN
from dragoman_cohere.codec.vocabulary import finish_reason, usage_of
from dragoman_cohere.errors import error_in_answer
from dragoman_cohere.wire import broken, read_answer, request_id_of

#: Members that have a place of their own or say nothing.
ANSWER_MEMBERS = frozenset({"id", "message", "finish_reason", "usage"})
MESSAGE_MEMBERS = frozenset({"role", "content", "tool_calls", "tool_plan"})


def decode_answer(reply: WireReply, reports: tuple[Report, ...] = ()) -> Response:
    """Return the answer of a 2xx reply.

    Raises:
        ProtocolError: It is not JSON, or has no message.
        ProviderError: It is an error that came with a 2xx status.
    """
    answer = read_answer(reply)
    if answer.get("error"):
        raise error_in_answer(answer, reply)
    message = answer.get("message")
    if not isinstance(message, dict):
        raise broken(reply, "the answer has no message")
    extra = {name: value for name, value in answer.items() if name not in ANSWER_MEMBERS and value}
    parts = read_parts(message, extra)
    extra.update({name: value for name, value in message.items() if name not in MESSAGE_MEMBERS and value})
    word = answer.get("finish_reason")
    return Response(
        message=Message("assistant", tuple(parts)),
        finish_reason=finish_reason(word),
        provider_finish_reason=word,
        usage=usage_of(answer.get("usage")),
        response_id=answer.get("id") or None,
        request_id=request_id_of(reply),
        reports=reports,
        extra=extra,
    )


def read_parts(message: Mapping[str, Any], extra: dict[str, Any]) -> list[Part]:
    """Return a message's parts: content, then the tool plan, then the calls. What is not known goes into ``extra``."""
    parts: list[Part] = []
    content = message.get("content") or ()
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        read = _BLOCKS.get(block.get("type", "")) if isinstance(block, Mapping) else None
        if read is None:
            extra.setdefault("content", []).append(block)
        elif (part := read(block)) is not None:
            parts.append(part)
    if plan := message.get("tool_plan"):
        if parts and isinstance(thought := parts[-1], Reasoning):  # as in a stream, where only a mark parts the two
            parts[-1] = Reasoning(thought.text, signature=THINKING)
        parts.append(Reasoning(plan, signature=TOOL_PLAN))
    for call in message.get("tool_calls") or ():
        if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping):
            parts.append(_call(call))
        else:
            extra.setdefault("tool_calls", []).append(call)
    return parts


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    return ToolCall(call.get("id") or "", function.get("name") or "", function.get("arguments") or "")


def _text(block: Mapping[str, Any]) -> Part | None:
    return Text(text) if (text := block.get("text")) else None


def _thinking(block: Mapping[str, Any]) -> Part | None:
    return Reasoning(text) if (text := block.get("thinking")) else None


_BLOCKS: dict[str, Callable[[Mapping[str, Any]], Part | None]] = {"text": _text, "thinking": _thinking}
