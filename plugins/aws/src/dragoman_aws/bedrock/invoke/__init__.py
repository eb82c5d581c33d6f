"""The codec of InvokeModel and its stream: a mapping's body, and Bedrock's envelope around it."""

from __future__ import annotations

from dragoman.errors import ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, Payload, StreamDecoder, WireReply, WireRequest

from dragoman_aws.bedrock.address import EVENT_STREAM, model_url
from dragoman_aws.bedrock.connection import Guardrail
from dragoman_aws.bedrock.errors import error_of
from dragoman_aws.bedrock.invoke.envelope import (
    add_endpoint_kwargs,
    enclosed,
    envelope_of,
    guardrail_headers,
    without_own_settings,
)
from dragoman_aws.bedrock.invoke.stream import InvokeStreamDecoder, WholeDecoder
from dragoman_aws.eventstream import EventStream

__all__ = ["InvokeCodec"]


class InvokeCodec(Codec):
    """Pure functions between our values and a model's own JSON.

    Args:
        endpoint: Address of bedrock-runtime, without a path.
        model: Anything that can be invoked, as in Converse.
        payload: The adapter's mapping.
        guardrail: What every call passes; ``None`` = none.
        who: The identity that calls, for errors.
    """

    def __init__(self, endpoint: str, model: str, payload: Payload, guardrail: Guardrail | None, *, who: str) -> None:
        path = model_url(endpoint, model)
        streams = payload.streams
        self._urls = {False: f"{path}/invoke", True: f"{path}/invoke{'-with-response-stream' if streams else ''}"}
        self._model = model
        self._payload = payload
        self._guardrail = guardrail_headers(guardrail) if guardrail is not None else {}
        self._who = who
        self.framing = EventStream if streams else payload.framing

    def encode(self, request: ChatRequest) -> WireRequest:
        payload = self._payload
        headers = {"Content-Type": payload.content_type, **self._guardrail}
        if request.stream and payload.streams:
            headers["Accept"] = EVENT_STREAM
            headers["X-Amzn-Bedrock-Accept"] = payload.accept
        else:
            headers["Accept"] = payload.accept
        add_endpoint_kwargs(headers, request.settings.endpoint_kwargs)
        asked = without_own_settings(request, headers)
        return WireRequest("POST", self._urls[request.stream], headers, payload.encode(asked, self._model))

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return enclosed(self._payload.decode(reply.body, request), reply, envelope_of(reply.body))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        inner = self._payload.decoder(request)
        if self._payload.streams:
            return InvokeStreamDecoder(inner, reply, self._who)
        return WholeDecoder(inner, reply)

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._who)
