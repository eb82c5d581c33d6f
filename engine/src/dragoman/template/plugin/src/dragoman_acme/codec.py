"""Between Dragoman's values and the provider's JSON: pure functions, no I/O.

The wire, made up for this template: ``POST /answer`` with ``{"model", "conversation": [{"who", "says"}], ...}`` gives
``{"says", "ended", "tokens": {"read", "written"}}``. As a stream, each line is ``{"says"}``, and the last one has
``ended`` and ``tokens``. An error is ``{"problem"}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import orjson
from dragoman.errors import ProtocolError, ProviderError, UnsupportedError, error_class_for_status
from dragoman.events import Event, Finished, FinishReason, Response, TextDelta, Usage, UsageReported
from dragoman.messages import Message, Text
from dragoman.plugin import ChatRequest, Codec, Frame, Inference, StreamDecoder, WireReply, WireRequest

#: Dragoman's name of a setting -> the provider's. What is not here is refused.
SETTINGS = {"temperature": "temperature", "max_tokens": "max_length", "stop_sequences": "stop_at"}

#: The provider's word -> a finish reason. A word that is not here becomes ``unknown`` and is kept beside it.
FINISH_REASONS: Mapping[str, FinishReason] = {"done": "stop", "max_length": "length", "stop_at": "stop_sequence"}


class AcmeCodec(Codec):
    """The wire of one model at one server."""

    framing = "jsonl"

    def __init__(self, base_url: str, model: str) -> None:
        self._url = f"{base_url.rstrip('/')}/answer"
        self._model = model

    def encode(self, request: ChatRequest) -> WireRequest:
        if request.tools:
            _refuse("tools", "this provider takes no tools")
        if request.settings.endpoint_kwargs:
            _refuse("endpoint_kwargs", "this provider takes none")
        body = {
            "model": self._model,
            "conversation": [_turn(message) for message in request.messages],
            "stream": request.stream,
            **_settings(request.settings.inference),
        }
        for name, value in request.settings.model_kwargs.items():
            if name in body or name in SETTINGS.values():
                _refuse(f"model_kwargs.{name}", "is written by the adapter's own settings")
            body[name] = value
        return WireRequest("POST", self._url, {"Content-Type": "application/json"}, orjson.dumps(body))

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        answer = _object(reply.body)
        return Response(
            Message("assistant", (Text(_member(answer, "says", str)),)),
            finish_reason=_finish_reason(answer),
            provider_finish_reason=answer["ended"],
            usage=_usage(answer),
        )

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        return _Lines()

    def error(self, reply: WireReply) -> ProviderError:
        return refusal(reply)


class _Lines(StreamDecoder):
    """Reads the lines of one stream."""

    def feed(self, frame: Frame) -> Iterable[Event]:
        line = _object(frame.data)
        if "ended" not in line:
            return [TextDelta(_member(line, "says", str))]
        return [UsageReported(_usage(line)), Finished(_finish_reason(line), line["ended"])]

    def end(self) -> Iterable[Event]:
        return []


# --- to the provider ---------------------------------------------------------------------------------------------


def _turn(message: Message) -> dict[str, str]:
    if not all(isinstance(part, Text) for part in message.parts):
        _refuse("messages", "this provider takes text only")
    return {"who": message.role, "says": message.text}


def _settings(inference: Inference) -> dict[str, Any]:
    given = inference.model_dump(exclude_none=True, exclude={"configuration"})
    for name in given:
        if name not in SETTINGS:
            _refuse(f"inference.{name}", "this provider does not take it")
    return {SETTINGS[name]: value for name, value in given.items()}


def _refuse(path: str, why: str) -> NoReturn:
    raise UnsupportedError(why, path=path)


# --- from the provider -------------------------------------------------------------------------------------------


def refusal(reply: WireReply) -> ProviderError:
    """Return the error of a reply outside 2xx, with the provider's own words where it has some."""
    try:
        problem = str(_object(reply.body)["problem"])
    except (ProtocolError, KeyError):
        problem = f"the provider answered {reply.status}"
    return error_class_for_status(reply.status)(problem, status=reply.status)


def _finish_reason(answer: Mapping[str, Any]) -> FinishReason:
    return FINISH_REASONS.get(_member(answer, "ended", str), "unknown")


def _usage(answer: Mapping[str, Any]) -> Usage:
    tokens = _member(answer, "tokens", dict)
    read, written = _member(tokens, "read", int), _member(tokens, "written", int)
    return Usage(read, written, read + written, source="provider", detail=tokens)


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ProtocolError("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise ProtocolError("the answer is no JSON object")
    return value


def _member(answer: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    value = answer.get(name)
    if not isinstance(value, kind):
        raise ProtocolError(f"the answer's member {name!r} is missing, or not what it should be")
    return value
