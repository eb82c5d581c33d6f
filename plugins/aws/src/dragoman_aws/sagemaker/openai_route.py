"""The OpenAI route of an endpoint: the chat-completions protocol, with a presigned call as the key.

Only chat completions are routed. The container answers as it is, also in streams; SageMaker's own errors, and the
container's, come inside the protocol's error object. AWS's page "Invoke endpoints with OpenAI-compatible APIs" and
recorded answers of August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import orjson
from dragoman.errors import PermissionDeniedError, ProviderError
from dragoman.events import Response
from dragoman.plugin import ChatRequest, Codec, Credentials, StreamDecoder, WireReply, WireRequest
from dragoman.secret import MASK
from dragoman_openai.codec import ChatCodec, Dialect
from dragoman_openai.codec import Endpoint as ChatEndpoint
from dragoman_openai.codec.errors import error_of as chat_error_of

from dragoman_aws.identity.authorizer import AwsAuthorizer
from dragoman_aws.identity.denial import denial_hint
from dragoman_aws.sagemaker.codec import Endpoint
from dragoman_aws.sagemaker.connection import SageMakerConnection
from dragoman_aws.sagemaker.errors import (
    ERROR_TYPE_HEADER,
    REQUEST_ID_HEADER,
    error_of,
    no_capacity,
    without_accounts,
)

#: A key is made for each call, so it need not last: AWS allows up to twelve hours.
TOKEN_LASTS_S = 900

_DIALECT = Dialect("this endpoint", top_k=True)


class RouteCodec(Codec):
    """The protocol's codec at an endpoint's address.

    ``model`` is empty: the address says it, and vLLM refuses the endpoint's name but takes the empty text.
    """

    def __init__(self, endpoint: Endpoint, connection: SageMakerConnection) -> None:
        component = f"/inference-components/{endpoint.component}" if endpoint.component else ""
        url = f"{endpoint.address}/endpoints/{endpoint.name}{component}/openai/v1/chat/completions"
        self._chat = ChatCodec(ChatEndpoint(url, ""), _DIALECT)
        self._who = endpoint.who
        self.framing = connection.stream_framing

    def encode(self, request: ChatRequest) -> WireRequest:
        wire = self._chat.encode(request)
        if request.stream and self.framing == "jsonl":
            wire.headers["Accept"] = "application/jsonlines"
        return wire

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return self._chat.decode(request, _identified(reply))

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        return self._chat.decode_stream(request, _identified(reply))

    def error(self, reply: WireReply) -> ProviderError:
        if ERROR_TYPE_HEADER in reply.headers:
            return error_of(reply, self._who, lambda _: None)
        message = _message(reply.body)
        if no_capacity(message):
            return error_of(reply, self._who, lambda _: None)
        error = chat_error_of(_container_reply(message, _identified(reply)))
        error.status = reply.status
        error.message = without_accounts(error.message)
        error.args = (error.message,)
        if isinstance(error, PermissionDeniedError) and error.hint is None:
            error.hint = denial_hint(message, self._who)
        return error


#: How SageMaker quotes what the container answered.
_QUOTED = re.compile(
    r"Received (?:client|server) error \((\d{3})\) from .*? with message \"(.*)\"(?:\. See |\.?$)", re.DOTALL
)


def _container_reply(message: str, reply: WireReply) -> WireReply:
    """Return the container's own reply where the message quotes one, else the reply as it is."""
    found = _QUOTED.search(message)
    if found is None:
        return reply
    headers = {name: value for name, value in reply.headers.items() if name != "content-type"}
    status, text = int(found[1]), found[2]
    for candidate in (text, text.replace('\\"', '"')):
        try:
            orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        return WireReply(status, headers, candidate.encode())
    return WireReply(status, {**headers, "content-type": "text/plain"}, text.encode())


def _identified(reply: WireReply) -> WireReply:
    """Return the reply with AWS's request id where the protocol's codec looks for one."""
    headers: dict[str, str] = {**reply.headers}
    if REQUEST_ID_HEADER in headers:
        headers.setdefault("x-request-id", headers[REQUEST_ID_HEADER])
    return replace(reply, headers=headers)


def _message(raw: bytes) -> str:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    inside = body.get("error") if isinstance(body, Mapping) else None
    text = inside.get("message") if isinstance(inside, Mapping) else None
    return text if isinstance(text, str) else ""


class RouteAuthorizer(AwsAuthorizer):
    """Carries AWS credentials as the protocol's key: plain signatures are refused on this route."""

    def sign(self, request: WireRequest, credentials: Credentials) -> WireRequest:
        headers = {**request.headers, "Authorization": f"Bearer {self._token(credentials)}"}
        return WireRequest(request.method, request.url, headers, request.body)

    def _token(self, credentials: Credentials) -> str:
        if credentials.value.access_key_id == MASK:
            return MASK
        now_s = self._context.now_s()
        left_s = TOKEN_LASTS_S if credentials.expires_at_s is None else int(credentials.expires_at_s - now_s)
        expires_s = max(1, min(TOKEN_LASTS_S, left_s))
        return self.signer.bearer_token(credentials.value, now_s=now_s, expires_s=expires_s).reveal()
