"""The provider: makes a codec and an authorizer out of an adapter's target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dragoman.plugin import (
    Authorizer,
    CallSettings,
    Context,
    HeaderKey,
    LangChainContext,
    ModelList,
    NoAuth,
    Provider,
    Session,
    Target,
)

from dragoman_cohere.codec import ChatCodec
from dragoman_cohere.codec.embed import CohereEmbedCodec
from dragoman_cohere.codec.rerank import CohereRerankCodec
from dragoman_cohere.credentials import api_key_of
from dragoman_cohere.wire import Endpoint


class CohereProvider(Provider):
    """Cohere's v2 API."""

    def open(self, target: Target, context: Context) -> Session:
        authorizer = self.authorizer(target, context)
        if target.operation == "embed":
            return context.embed_session(CohereEmbedCodec(self.endpoint(target, "embed")), authorizer)
        if target.operation == "rerank":
            return context.rerank_session(CohereRerankCodec(self.endpoint(target, "rerank")), authorizer)
        return context.codec_session(self.codec(target), authorizer)

    def codec(self, target: Target) -> ChatCodec:
        """Return the chat codec of a target."""
        return ChatCodec(self.endpoint(target, "chat"), send_tool_plan=target.connection.send_tool_plan)

    def endpoint(self, target: Target, operation: str) -> Endpoint:
        """Return where a target's requests go."""
        connection = target.connection
        headers = {"X-Client-Name": connection.client_name} if connection.client_name else {}
        return Endpoint(f"{connection.base_url}/v2/{operation}", target.model, headers)

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        """Return who signs a target's requests."""
        key = api_key_of(target)
        return NoAuth() if key is None else HeaderKey(context, key)

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        from dragoman_cohere.listing import list_models

        return await list_models(target.connection, self.authorizer(target, context), context)

    def langchain(self, target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
        from dragoman_cohere.langchain import build

        return build(target, settings, context)
