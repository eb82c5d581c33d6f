"""A whole answer of Converse as our values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from dragoman.errors import ProtocolError
from dragoman.events import Report, Response
from dragoman.messages import Message, Part, Reasoning, Text, ToolCall
from dragoman.plugin import WireReply

from dragoman_aws.bedrock.converse.vocabulary import finish_reason, usage_of
from dragoman_aws.bedrock.errors import REQUEST_ID_HEADER

#: Members of the answer that have a place of their own; all others are kept in ``Response.extra``, as they came.
PLACED = frozenset({"output", "stopReason", "usage"})
#: Where blocks are kept that are neither text, reasoning nor a call: what tools inside Bedrock did, images.
OTHER_BLOCKS = "message.content"
SERVER_TOOL = "server_tool_use"

Extra = dict[str, Any]


def decode_answer(reply: WireReply, reports: tuple[Report, ...] = ()) -> Response:
    """Return the answer of a 2xx reply; raise ``ProtocolError`` where it is not JSON or has no message."""
    answer = _answer_of(reply)
    output = answer.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if not isinstance(message, dict):
        raise _broken(reply, "the answer has no message")
    extra = {name: value for name, value in answer.items() if name not in PLACED}
    parts: list[Part] = []
    for block in message.get("content") or ():
        read_block(block, parts, extra)
    word = answer.get("stopReason")
    reason, report = finish_reason(word)
    return Response(
        message=Message("assistant", tuple(parts)),
        finish_reason=reason,
        provider_finish_reason=word,
        usage=usage_of(answer.get("usage"), answer.get("additionalModelResponseFields")),
        model=_routed_model(answer.get("trace")),
        request_id=reply.headers.get(REQUEST_ID_HEADER),
        reports=reports if report is None else (*reports, report),
        extra=extra,
    )


def _answer_of(reply: WireReply) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        raise _broken(
            reply, f"the answer is not JSON ({reply.headers.get('content-type', 'no content type')})"
        ) from None
    if not isinstance(answer, dict):
        raise _broken(reply, "the answer is no JSON object")
    return answer


def _broken(reply: WireReply, what: str) -> ProtocolError:
    return ProtocolError(
        what,
        status=reply.status,
        request_id=reply.headers.get(REQUEST_ID_HEADER),
        hint="check that connection.endpoint_url is an address of bedrock-runtime",
    )


def _routed_model(trace: Any) -> str | None:
    """Return the model that a prompt router chose; ``None`` for any other target: Converse does not say."""
    router = trace.get("promptRouter") if isinstance(trace, dict) else None
    model = router.get("invokedModelId") if isinstance(router, dict) else None
    return model if isinstance(model, str) else None


# --- blocks ------------------------------------------------------------------------------------------------------


def read_block(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    """Add what a block says to the parts; a block without a place is kept in ``extra``, as it came."""
    for member, read in _BLOCKS.items():
        if member in block:
            read(block, parts, extra)
            return
    _keep(block, parts, extra)


def _keep(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    extra.setdefault(OTHER_BLOCKS, []).append(block)


def _text(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    if text := block["text"]:
        parts.append(Text(text))


def _tool_use(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    use = block["toolUse"]
    if use.get("type") == SERVER_TOOL:  # Bedrock runs it itself; nobody is to answer it
        _keep(block, parts, extra)
        return
    parts.append(ToolCall(use["toolUseId"], use["name"], orjson.dumps(use.get("input", {})).decode()))


def _reasoning(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    content = block["reasoningContent"]
    said = content.get("reasoningText") or {}
    parts.append(Reasoning(said.get("text", ""), said.get("signature"), content.get("redactedContent")))


def _citations(block: Mapping[str, Any], parts: list[Part], extra: Extra) -> None:
    content = block["citationsContent"]
    text = "".join(piece.get("text", "") for piece in content.get("content") or ())
    if text:
        parts.append(Text(text))
    extra.setdefault("citations", []).append(content)


_BLOCKS: Mapping[str, Callable[[Mapping[str, Any], list[Part], Extra], None]] = {
    "text": _text,
    "toolUse": _tool_use,
    "reasoningContent": _reasoning,
    "citationsContent": _citations,
}
