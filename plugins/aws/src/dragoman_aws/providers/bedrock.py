"""The provider: an endpoint, a codec and an authorizer out of an adapter's target."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from dragoman.errors import DragomanError
from dragoman.plugin import (
    CallSettings,
    CheckStep,
    Context,
    LangChainContext,
    ModelList,
    Payload,
    Permissions,
    Provider,
    Session,
    Target,
)

from dragoman_aws.bedrock.address import endpoint_of
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.converse import ConverseCodec, dialect_of
from dragoman_aws.bedrock.counting import CountingSession
from dragoman_aws.bedrock.invoke import InvokeCodec
from dragoman_aws.identity.authorizer import authorizer
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region

#: The service's name in a signature; the host's name is another one.
SERVICE = "bedrock"


class BedrockProvider(Provider):
    """Everything that Bedrock can invoke."""

    def open(self, target: Target, context: Context) -> Session:
        if target.operation != "chat":
            return _open_texts(target, context)
        region = choose_region(target.connection, os.environ).name
        signer = authorizer(target, context, service=SERVICE, region=region)
        if target.mapping is not None:
            return context.codec_session(invoke_codec(target, region, context.payload(target)), signer)
        codec = converse_codec(target, region)
        session = context.codec_session(codec, signer)
        connection: BedrockConnection = target.connection
        if connection.count_tokens_model is None:
            return session
        endpoint = endpoint_of(connection, region)
        return CountingSession(session, codec, signer, context, endpoint=endpoint, model=connection.count_tokens_model)

    def langchain(self, target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
        if target.operation == "embed":
            from dragoman_aws.bedrock.texts.langchain import embeddings

            return embeddings(target, settings, context)
        if target.operation == "rerank":
            from dragoman_aws.bedrock.texts.langchain import compressor

            return compressor(target, settings, context)
        from dragoman_aws.bedrock.langchain import chat_model

        return chat_model(target, settings, context)

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        from dragoman_aws.inspection.bedrock_models import list_models

        return await list_models(target, context)

    async def permissions(
        self, target: Target, settings: CallSettings[Any], context: Context, purposes: Sequence[str]
    ) -> Permissions:
        from dragoman_aws.permissions import permissions_of_adapter

        return await context.run_blocking(permissions_of_adapter, target, settings, purposes)

    async def check(self, target: Target, context: Context) -> AsyncGenerator[CheckStep, None]:
        from dragoman_aws.inspection.bedrock import check

        async with aclosing(check(target, context)) as steps:
            async for step in steps:
                yield step

    async def explain(self, failure: DragomanError, target: Target, context: Context) -> str | None:
        from dragoman_aws.inspection.bedrock import explain

        return await explain(failure, target, context)


def _open_texts(target: Target, context: Context) -> Session:
    from dragoman_aws.bedrock.texts.open import open_embed, open_rerank  # most deployments only chat

    return open_embed(target, context) if target.operation == "embed" else open_rerank(target, context)


def converse_codec(target: Target, region: str) -> ConverseCodec:
    """Return the codec of a target without a mapping."""
    connection: BedrockConnection = target.connection
    return ConverseCodec(
        endpoint_of(connection, region),
        target.model,
        dialect_of(target),
        connection.guardrail,
        who=Identity.of(target, region).who,
    )


def invoke_codec(target: Target, region: str, payload: Payload) -> InvokeCodec:
    """Return the codec of a target with a mapping."""
    connection: BedrockConnection = target.connection
    who = Identity.of(target, region).who
    return InvokeCodec(endpoint_of(connection, region), target.model, payload, connection.guardrail, who=who)
