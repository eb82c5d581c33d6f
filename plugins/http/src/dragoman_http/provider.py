"""The provider: an endpoint, a payload and an authorizer out of an adapter's target."""

from __future__ import annotations

from typing import Any, NoReturn

from dragoman.errors import UnsupportedError
from dragoman.plugin import CallSettings, Context, LangChainContext, Provider, Session, Target

from dragoman_http.auth.choose import authorizer_of
from dragoman_http.codec import ChatCodec, TextsEmbedCodec, TextsRerankCodec
from dragoman_http.connection import HttpConnection
from dragoman_http.endpoint import Endpoint
from dragoman_http.tls import tls_of


class HttpProvider(Provider):
    """Every endpoint that a mapping can describe."""

    def open(self, target: Target, context: Context) -> Session:
        connection: HttpConnection = target.connection
        endpoint, signer = Endpoint(target), authorizer_of(target, context)
        tls, id_header = tls_of(connection.tls, "connection.tls"), connection.request_id_header
        if target.operation == "embed":
            embed = TextsEmbedCodec(endpoint, context.embed_payload(target), id_header)
            return context.embed_session(embed, signer, tls=tls)
        if target.operation == "rerank":
            rerank = TextsRerankCodec(endpoint, context.rerank_payload(target), id_header)
            return context.rerank_session(rerank, signer, tls=tls)
        return context.codec_session(ChatCodec(endpoint, context.payload(target), id_header), signer, tls=tls)

    def langchain(self, target: Target, settings: CallSettings[Any], context: LangChainContext) -> NoReturn:
        what = "provider http has no LangChain class: none speaks an endpoint's own JSON"
        raise UnsupportedError(what, path="runtime", hint="remove runtime, or set it to native")
