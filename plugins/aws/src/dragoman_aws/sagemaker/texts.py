"""The codecs of InvokeEndpoint for texts, embeddings and rankings: a mapping inside SageMaker's envelope."""

from __future__ import annotations

from typing import TypeVar

from dragoman.errors import ProviderError
from dragoman.events import EmbedResponse, RerankResponse
from dragoman.plugin import (
    EmbedCodec,
    EmbedPayload,
    EmbedRequest,
    RerankCodec,
    RerankPayload,
    RerankRequest,
    WireReply,
    WireRequest,
)

from dragoman_aws.sagemaker.codec import Endpoint, fields_of, identified
from dragoman_aws.sagemaker.errors import REQUEST_ID_HEADER, error_of
from dragoman_aws.sagemaker.operations import Operation

R = TypeVar("R", EmbedResponse, RerankResponse)


class EmbedEndpointCodec(EmbedCodec):
    """Embeddings of an endpoint; how many texts a request takes, its mapping says."""

    def __init__(self, endpoint: Endpoint, payload: EmbedPayload) -> None:
        self._endpoint = endpoint
        self._payload = payload
        self.max_texts = payload.max_texts

    def encode(self, request: EmbedRequest) -> WireRequest:
        return self._endpoint.request(Operation.INVOKE, request, self._payload)

    def decode(self, request: EmbedRequest, reply: WireReply) -> EmbedResponse:
        try:
            return _enclosed(self._payload.decode(reply.body, request), reply)
        except ProviderError as error:
            raise identified(error, reply) from None

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._endpoint.who, self._payload.error_message)


class RerankEndpointCodec(RerankCodec):
    """Rankings of an endpoint."""

    def __init__(self, endpoint: Endpoint, payload: RerankPayload) -> None:
        self._endpoint = endpoint
        self._payload = payload

    def encode(self, request: RerankRequest) -> WireRequest:
        return self._endpoint.request(Operation.INVOKE, request, self._payload)

    def decode(self, request: RerankRequest, reply: WireReply) -> RerankResponse:
        try:
            return _enclosed(self._payload.decode(reply.body, request), reply)
        except ProviderError as error:
            raise identified(error, reply) from None

    def error(self, reply: WireReply) -> ProviderError:
        return error_of(reply, self._endpoint.who, self._payload.error_message)


def _enclosed(response: R, reply: WireReply) -> R:
    response.request_id = reply.headers.get(REQUEST_ID_HEADER)
    response.extra = {**response.extra, **fields_of(reply)}
    return response
