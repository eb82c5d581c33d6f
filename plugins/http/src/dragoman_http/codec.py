"""The codecs: an adapter's payload at an endpoint's address, for each of the three operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from dragoman.errors import ProviderError
from dragoman.events import EmbedResponse, Event, RerankResponse, Response, Started
from dragoman.plugin import (
    CallSettings,
    ChatRequest,
    Codec,
    EmbedCodec,
    EmbedPayload,
    EmbedRequest,
    Payload,
    RerankCodec,
    RerankPayload,
    RerankRequest,
    StreamDecoder,
    WireReply,
    WireRequest,
)

from dragoman_http.endpoint import Endpoint
from dragoman_http.errors import error_of

Q = TypeVar("Q", ChatRequest, EmbedRequest, RerankRequest)
R = TypeVar("R", Response, EmbedResponse, RerankResponse)


class Exchange:
    """What the codecs share: a request around a payload's body, and what an answer says beside its body.

    Args:
        endpoint: Where calls go.
        payload: What their bodies are.
        id_header: The answer's header that identifies the call, in any case.
    """

    def __init__(self, endpoint: Endpoint, payload: Payload | EmbedPayload | RerankPayload, id_header: str) -> None:
        self._endpoint = endpoint
        self._payload = payload
        self._id_header = id_header.lower()

    def request(
        self, body: bytes, settings: CallSettings[Any], *, accept: str | None = None, streams: bool = False
    ) -> WireRequest:
        """Return the request with a body; raise ``UnsupportedError`` for endpoint_kwargs that cannot be set."""
        return self._endpoint.request(
            body,
            content_type=self._payload.content_type,
            accept=accept or self._payload.accept,
            endpoint_kwargs=settings.endpoint_kwargs,
            streams=streams,
        )

    def request_id(self, reply: WireReply) -> str | None:
        """Return the endpoint's id of the call."""
        return reply.headers.get(self._id_header)

    def decoded(self, decode: Callable[[bytes, Q], R], request: Q, reply: WireReply) -> R:
        """Return what the payload makes of an answer, identified; its errors are identified as well."""
        try:
            response = decode(reply.body, request)
        except ProviderError as error:
            error.request_id = error.request_id or self.request_id(reply)
            raise
        response.request_id = self.request_id(reply)
        return response

    def error(self, reply: WireReply) -> ProviderError:
        """Return the error of a reply outside 2xx."""
        return error_of(reply, self._payload, self.request_id(reply))


class ChatCodec(Codec):
    """Pure functions between conversations and an endpoint's answers.

    A payload that does not stream is asked for as a whole, also where the caller waits for a stream.
    """

    def __init__(self, endpoint: Endpoint, payload: Payload, id_header: str) -> None:
        self._exchange = Exchange(endpoint, payload, id_header)
        self._payload = payload
        self._model = endpoint.model
        self.framing = payload.framing

    def encode(self, request: ChatRequest) -> WireRequest:
        payload, body = self._payload, self._payload.encode(request, self._model)
        if request.stream and payload.streams:
            return self._exchange.request(body, request.settings, accept=payload.stream_accept, streams=True)
        return self._exchange.request(body, request.settings)

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return self._exchange.decoded(self._payload.decode, request, reply)

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        return _IdentifiedStream(self._payload.decoder(request), self._exchange.request_id(reply))

    def error(self, reply: WireReply) -> ProviderError:
        return self._exchange.error(reply)


class TextsEmbedCodec(EmbedCodec):
    """Pure functions between texts and an endpoint's vectors."""

    def __init__(self, endpoint: Endpoint, payload: EmbedPayload, id_header: str) -> None:
        self._exchange = Exchange(endpoint, payload, id_header)
        self._payload = payload
        self._model = endpoint.model
        self.max_texts = payload.max_texts

    def encode(self, request: EmbedRequest) -> WireRequest:
        return self._exchange.request(self._payload.encode(request, self._model), request.settings)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        return self._exchange.decoded(self._payload.decode, request, reply)

    def error(self, reply: WireReply) -> ProviderError:
        return self._exchange.error(reply)


class TextsRerankCodec(RerankCodec):
    """Pure functions between a query with documents and an endpoint's scores."""

    def __init__(self, endpoint: Endpoint, payload: RerankPayload, id_header: str) -> None:
        self._exchange = Exchange(endpoint, payload, id_header)
        self._payload = payload
        self._model = endpoint.model

    def encode(self, request: RerankRequest) -> WireRequest:
        return self._exchange.request(self._payload.encode(request, self._model), request.settings)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        return self._exchange.decoded(self._payload.decode, request, reply)

    def error(self, reply: WireReply) -> ProviderError:
        return self._exchange.error(reply)


class _IdentifiedStream(StreamDecoder):
    """Adds the endpoint's id of the call to the stream's start, and to its errors."""

    def __init__(self, inner: StreamDecoder, request_id: str | None) -> None:
        self._inner = inner
        self._request_id = request_id

    def feed(self, frame: Any) -> Iterator[Event]:
        try:
            for event in self._inner.feed(frame):
                yield replace(event, request_id=self._request_id) if type(event) is Started else event
        except ProviderError as error:
            error.request_id = error.request_id or self._request_id
            raise

    def end(self) -> Iterator[Event]:
        yield from self._inner.end()
