"""The codec of InvokeEndpoint and its stream: the adapter's payload inside SageMaker's envelope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from dragoman.errors import ProviderError
from dragoman.events import Event, ProviderFields, Response, Started
from dragoman.plugin import (
    ChatRequest,
    Codec,
    EmbedRequest,
    Payload,
    RerankRequest,
    StreamDecoder,
    WireReply,
    WireRequest,
)

from dragoman_aws.eventstream import EventFrame, EventStream
from dragoman_aws.sagemaker.errors import REQUEST_ID_HEADER, error_in_stream, error_of
from dragoman_aws.sagemaker.operations import Operation, add_arguments

Q = TypeVar("Q", ChatRequest, EmbedRequest, RerankRequest)
Q_contra = TypeVar("Q_contra", contravariant=True)


class Body(Protocol[Q_contra]):
    """The part of a payload that writes requests, of any operation."""

    @property
    def content_type(self) -> str: ...
    @property
    def accept(self) -> str: ...
    def encode(self, request: Q_contra, model: str, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom a codec calls.

    Args:
        address: Of sagemaker-runtime, without a path.
        name: The endpoint's.
        component: The inference component; ``None`` = the endpoint itself.
        who: The identity that calls, for errors.
    """

    address: str
    name: str
    component: str | None
    who: str

    def request(
        self,
        operation: Operation,
        request: Q,
        payload: Body[Q],
        extra: Mapping[str, str] | None = None,
    ) -> WireRequest:
        """Return a request of an operation, with its body."""
        headers = {operation.content_type_header: payload.content_type, operation.accept_header: payload.accept}
        if self.component is not None:
            headers["X-Amzn-SageMaker-Inference-Component"] = self.component
        headers.update(extra or {})
        add_arguments(headers, request.settings.endpoint_kwargs, operation)
        url = f"{self.address}/endpoints/{self.name}/{operation.path}"
        return WireRequest("POST", url, headers, payload.encode(request, self.name))


class InvokeCodec(Codec):
    """Pure functions between our values and an endpoint's answers.

    A payload that does not stream is asked for as a whole, also where the caller waits for a stream: serverless
    endpoints, for example, have no other way.
    """

    def __init__(self, endpoint: Endpoint, payload: Payload) -> None:
        self._endpoint = endpoint
        self._payload = payload
        self.framing = EventStream if payload.streams else payload.framing

    def encode(self, request: ChatRequest) -> WireRequest:
        streams = request.stream and self._payload.streams
        return self._endpoint.request(Operation.STREAM if streams else Operation.INVOKE, request, self._payload)

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        try:
            response = self._payload.decode(reply.body, request)
        except ProviderError as error:
            raise identified(error, reply) from None
        response.request_id = reply.headers.get(REQUEST_ID_HEADER)
        response.extra = {**response.extra, **fields_of(reply)}
        return response

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        inner = self._payload.decoder(request)
        if not self._payload.streams:
            return _Decoder(inner, reply)
        return _PartsDecoder(inner, reply, self._payload, self._endpoint.who)

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._endpoint.who, self._payload.error_message)


#: What an answer's headers say beside it -> its name in the response's extra: AWS's own.
_FIELDS: Mapping[str, str] = {
    "x-amzn-invoked-production-variant": "InvokedProductionVariant",
    "x-amzn-sagemaker-custom-attributes": "CustomAttributes",
    "x-amzn-sagemaker-new-session-id": "NewSessionId",
    "x-amzn-sagemaker-closed-session-id": "ClosedSessionId",
}


def fields_of(reply: WireReply) -> dict[str, str]:
    """Return what the headers of an answer say beside it."""
    return {name: reply.headers[header] for header, name in _FIELDS.items() if header in reply.headers}


class _Decoder(StreamDecoder):
    """Decodes frames of the payload's own framing, and adds what the headers say."""

    def __init__(self, inner: StreamDecoder, reply: WireReply) -> None:
        self._inner = inner
        self._reply = reply
        self._request_id = reply.headers.get(REQUEST_ID_HEADER)

    def feed(self, frame: Any) -> Iterator[Event]:
        try:
            for event in self._inner.feed(frame):
                yield replace(event, request_id=self._request_id) if type(event) is Started else event
        except ProviderError as error:
            raise identified(error, self._reply) from None

    def end(self) -> Iterator[Event]:
        yield from self._inner.end()
        if fields := fields_of(self._reply):
            yield ProviderFields(fields)


class _PartsDecoder(_Decoder):
    """Decodes an event stream whose parts hold the container's bytes, cut anywhere."""

    def __init__(self, inner: StreamDecoder, reply: WireReply, payload: Payload, who: str) -> None:
        super().__init__(inner, reply)
        self._framing = payload.framing()
        self._who = who

    def feed(self, frame: EventFrame) -> Iterator[Event]:
        if frame.kind != "event":
            raise error_in_stream(frame, self._reply, self._who)
        if frame.event != "PayloadPart":
            return  # a kind of event that is newer than this codec
        for inner in self._framing.feed(frame.data):
            yield from super().feed(inner)

    def end(self) -> Iterator[Event]:
        for inner in self._framing.end():
            yield from super().feed(inner)
        yield from super().end()


def identified(error: ProviderError, reply: WireReply) -> ProviderError:
    """Return the error with the id of its request."""
    error.request_id = error.request_id or reply.headers.get(REQUEST_ID_HEADER)
    return error
