"""A provider that asks an edge who the caller is: identities are tried through the whole engine, without a model."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

from dragoman.errors import ProtocolError, ProviderError, error_class_for_status
from dragoman.events import Response
from dragoman.messages import Message, Text
from dragoman.plugin import (
    ChatRequest,
    Codec,
    Context,
    Provider,
    ProviderDescription,
    Session,
    StreamDecoder,
    Target,
    WireReply,
    WireRequest,
    hookimpl,
)
from dragoman_aws.identity.authorizer import authorizer
from dragoman_aws.identity.connection import AwsConnection
from dragoman_aws.identity.region import choose_region

SERVICE = "bedrock"
PATH = "/who"


class WhoCodec(Codec):
    def __init__(self, endpoint_url: str) -> None:
        self._url = endpoint_url + PATH

    def encode(self, request: ChatRequest) -> WireRequest:
        return WireRequest("POST", self._url, {"Content-Type": "application/json"}, b"{}")

    def decode(self, request: ChatRequest, reply: WireReply) -> Response:
        return Response(Message("assistant", (Text(json.loads(reply.body)["who"]),)), "stop")

    def decode_stream(self, request: ChatRequest, reply: WireReply) -> StreamDecoder:
        raise ProtocolError("nothing is streamed here")

    def error(self, reply: WireReply) -> ProviderError:
        code = reply.headers.get("x-amzn-errortype", "").partition(":")[0]
        kind = error_class_for_status(reply.status)
        stale = code in ("ExpiredTokenException", "UnrecognizedClientException")
        return kind(json.loads(reply.body)["message"], status=reply.status, provider_code=code, stale_credentials=stale)


class WhoProvider(Provider):
    def open(self, target: Target, context: Context) -> Session:
        connection: AwsConnection = target.connection
        region = choose_region(connection, os.environ).name
        signer = authorizer(target, context, service=SERVICE, region=region)
        return context.codec_session(WhoCodec(connection.endpoint_url or ""), signer)


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    credentials = {
        "access_key_id": "AWS_ACCESS_KEY_ID",
        "secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": None,
        "api_key": "AWS_BEARER_TOKEN_BEDROCK",
    }
    factory = f"{MODULE}:WhoProvider"
    return [ProviderDescription("who", "Who calls", factory, connection=AwsConnection, credentials=credentials)]


MODULE = "dragoman_aws_probe_of_the_tests"


def entry_point() -> EntryPoint:
    """Return the entry point of this module, as if it were installed."""
    module = ModuleType(MODULE)
    module.PLUGIN_API = (1, 0)  # type: ignore[attr-defined]
    module.WhoProvider = WhoProvider  # type: ignore[attr-defined]
    module.dragoman_providers = dragoman_providers  # type: ignore[attr-defined]
    sys.modules[MODULE] = module
    return EntryPoint("who", MODULE, "dragoman.plugins")


def document(**connection: Any) -> dict[str, Any]:
    """Return an adapter of the provider."""
    return {"name": "who", "provider": "who", "model": "m", "connection": {"region": "us-east-1", **connection}}
