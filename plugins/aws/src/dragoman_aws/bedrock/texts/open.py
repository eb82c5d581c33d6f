"""Sessions for texts: which codec a target gets."""

from __future__ import annotations

import os

from dragoman.errors import DocumentError, Problem
from dragoman.plugin import Context, Session, Target

from dragoman_aws.bedrock.address import endpoint_of
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.embed_families import EMBED_FAMILIES, EMBED_FAMILY_OF
from dragoman_aws.bedrock.texts.invoke import FamilyEmbedCodec, Invocation, MappedEmbedCodec, MappedRerankCodec
from dragoman_aws.bedrock.texts.rerank import BedrockRerankCodec
from dragoman_aws.identity.authorizer import authorizer
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region, dns_suffix, partition

#: The service's name in a signature, that of both hosts.
SERVICE = "bedrock"

#: Members of the connection that only a chat knows.
_CHAT_MEMBERS = ("guardrail", "request_fields", "count_tokens_model")


def open_embed(target: Target, context: Context) -> Session:
    """Return a session for operation embed.

    Raises:
        DocumentError: Nothing says how the model takes texts, or the connection says what only a chat knows.
    """
    _refuse_chat_members(target)
    region = choose_region(target.connection, os.environ).name
    signer = authorizer(target, context, service=SERVICE, region=region)
    invocation = _invocation(target, region)
    if target.mapping is not None:
        return context.embed_session(MappedEmbedCodec(invocation, context.embed_payload(target)), signer)
    name = embed_family_of(target)
    return context.embed_session(FamilyEmbedCodec(invocation, name, EMBED_FAMILIES[name]), signer)


def open_rerank(target: Target, context: Context) -> Session:
    """Return a session for operation rerank: Rerank, or InvokeModel where there is a mapping; raises likewise."""
    _refuse_chat_members(target)
    region = choose_region(target.connection, os.environ).name
    signer = authorizer(target, context, service=SERVICE, region=region)
    if target.mapping is not None:
        codec = MappedRerankCodec(_invocation(target, region), context.rerank_payload(target))
        return context.rerank_session(codec, signer)
    who = Identity.of(target, region).who
    address = agent_endpoint_of(target.connection, region)
    return context.rerank_session(BedrockRerankCodec(address, model_arn(target.model, region), who=who), signer)


def embed_family_of(target: Target) -> str:
    """Return the embedding family that is declared, else that of the base model; raise where neither says."""
    declared: str | None = target.connection.family
    family = declared or EMBED_FAMILY_OF.get(target.base_model or "", "")
    if family not in EMBED_FAMILIES:
        what = f"{family} takes no texts to embed" if family else "nothing says how the model takes texts to embed"
        hint = f"set base_model to the model behind it, connection.family to one of {', '.join(EMBED_FAMILIES)}, or \
write a mapping"
        problem = Problem("connection.family" if declared else "base_model", what, hint)
        raise DocumentError(f"provider {target.provider}", [problem])
    return family


def model_arn(model: str, region: str) -> str:
    """Return the ARN of the model that ranks, which Rerank wants: the adapter's own, or that of a foundation model."""
    return model if model.startswith("arn:") else f"arn:{partition(region)}:bedrock:{region}::foundation-model/{model}"


def agent_endpoint_of(connection: BedrockConnection, region: str) -> str:
    """Return the address of bedrock-agent-runtime: the one that is written, or the region's own."""
    return connection.endpoint_url or f"https://bedrock-agent-runtime.{region}.{dns_suffix(region)}"


def _invocation(target: Target, region: str) -> Invocation:
    who = Identity.of(target, region).who
    return Invocation(endpoint_of(target.connection, region), target.model, who=who)


def _refuse_chat_members(target: Target) -> None:
    given = [name for name in _CHAT_MEMBERS if getattr(target.connection, name) is not None]
    if given:
        what = f"means nothing to operation {target.operation}"
        raise DocumentError(
            f"provider {target.provider}", [Problem(f"connection.{n}", what, "remove it") for n in given]
        )
