"""A whole answer as our values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from dragoman.errors import ProtocolError
from dragoman.events import Report, Response
from dragoman.messages import Message, Part, Reasoning, Refusal, ToolCall
from dragoman.plugin import WireReply

from dragoman_openai.codec.content import arguments_of, call_id, content_pieces
from dragoman_openai.codec.errors import error_in_answer, request_id_of
from dragoman_openai.codec.extra import ANSWER_MEMBERS, MESSAGE_MEMBERS, Extra
from dragoman_openai.codec.vocabulary import finish_reason, usage_of


def decode_answer(reply: WireReply, reports: tuple[Report, ...] = ()) -> Response:
    """Return the answer of a 2xx reply.

    Raises:
        ProtocolError: It is not JSON, or has no choice.
        ProviderError: It is an error that came with a 2xx status.
    """
    answer = answer_of(reply)
    choices = answer.get("choices")
    if answer.get("error"):
        raise error_in_answer(answer, reply)
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise broken(reply, "the answer has no choices")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise broken(reply, "the answer's choice has no message")
    extra = Extra()
    extra.keep(answer, ANSWER_MEMBERS)
    extra.keep({"choices": choices[1:]}, frozenset())  # one is asked for
    extra.keep_choice(choice)
    parts = _parts(message, extra)
    word = choice.get("finish_reason")
    return Response(
        message=Message("assistant", parts),
        finish_reason=finish_reason(
            word,
            refused=any(isinstance(p, Refusal) for p in parts),
            called=any(isinstance(p, ToolCall) for p in parts),
        ),
        provider_finish_reason=word,
        usage=usage_of(answer.get("usage")),
        model=answer.get("model") or None,
        response_id=answer.get("id") or None,
        request_id=request_id_of(reply),
        reports=reports,
        extra=extra.fields,
    )


def answer_of(reply: WireReply) -> Mapping[str, Any]:
    """Return a reply's JSON object; raise ``ProtocolError`` where it is none."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        kind = reply.headers.get("content-type", "no content type")
        raise broken(reply, f"the answer is not JSON ({kind})") from None
    if not isinstance(answer, dict):
        raise broken(reply, "the answer is no JSON object")
    return answer


def broken(reply: WireReply, what: str) -> ProtocolError:
    """Return the error of an answer that does not keep the protocol."""
    return ProtocolError(
        what,
        status=reply.status,
        request_id=request_id_of(reply),
        hint="check that the address is that of an endpoint of this protocol",
    )


def _parts(message: Mapping[str, Any], extra: Extra) -> tuple[Part, ...]:
    parts: list[Part] = []
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str) and thought:
        parts.append(Reasoning(thought))
    elif thought:
        extra.keep({"reasoning": thought}, frozenset(), "message.")
    pieces, unknown = content_pieces(message.get("content"))
    parts += pieces
    if refusal := message.get("refusal"):
        parts.append(Refusal(str(refusal)))
    if unknown:
        extra.keep({"content": unknown}, frozenset(), "message.")
    if audio := message.get("audio"):
        extra.keep_audio(audio)
    extra.keep(message, MESSAGE_MEMBERS, "message.")
    parts += _calls(message, extra)
    return tuple(parts)


def _calls(message: Mapping[str, Any], extra: Extra) -> list[Part]:
    calls: list[Part] = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            calls.append(_call(call.get("id"), function, len(calls)))
        else:
            extra.keep_call(call)
    if isinstance(function := message.get("function_call"), dict):  # the protocol of 2023
        calls.append(_call(None, function, len(calls)))
    return calls


def _call(id: Any, function: Mapping[str, Any], position: int) -> ToolCall:
    name = function.get("name")
    return ToolCall(
        id=id if isinstance(id, str) and id else call_id(position),
        name=name if isinstance(name, str) else "",
        arguments=arguments_of(function.get("arguments")),
    )
