"""The provider: an endpoint, a payload and an authorizer out of an adapter's target."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from dragoman.errors import DocumentError, DragomanError, PermissionDeniedError, Problem, UnsupportedError
from dragoman.plugin import CallSettings, CheckStep, Context, ModelList, Permissions, Provider, Session, Target

from dragoman_aws.identity.authorizer import authorizer
from dragoman_aws.identity.identity import Identity
from dragoman_aws.identity.region import choose_region, dns_suffix
from dragoman_aws.sagemaker.asynchronous import AsyncSession
from dragoman_aws.sagemaker.codec import Endpoint, InvokeCodec
from dragoman_aws.sagemaker.connection import S3Places, SageMakerConnection
from dragoman_aws.sagemaker.s3 import Objects
from dragoman_aws.sagemaker.texts import EmbedEndpointCodec, RerankEndpointCodec
from dragoman_aws.signing import Signer

#: The service's name in a signature.
SERVICE = "sagemaker"

_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


class SageMakerProvider(Provider):
    """Everything that is deployed behind a SageMaker endpoint."""

    def open(self, target: Target, context: Context) -> Session:
        region = choose_region(target.connection, os.environ).name
        connection: SageMakerConnection = target.connection
        endpoint = endpoint_of(target, region)
        if target.operation != "chat":
            return _open_texts(target, context, endpoint, region)
        if connection.route == "openai":
            return _open_route(target, context, endpoint, region)
        payload = context.payload(target)
        signer = authorizer(target, context, service=SERVICE, region=region)
        if connection.invocation == "realtime":
            return context.codec_session(InvokeCodec(endpoint, payload), signer)
        places = connection.s3 or S3Places()
        keeper = authorizer(target, context, service="s3", region=region)
        objects = Objects(context, keeper, region, places.endpoint_url)
        return AsyncSession(context, endpoint, payload, signer, places=places, objects=objects)

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        from dragoman_aws.inspection.sagemaker import list_models

        return await list_models(target, context)

    async def permissions(
        self, target: Target, settings: CallSettings[Any], context: Context, purposes: Sequence[str]
    ) -> Permissions:
        from dragoman_aws.permissions import permissions_of_adapter

        return await context.run_blocking(permissions_of_adapter, target, settings, purposes)

    async def check(self, target: Target, context: Context) -> AsyncGenerator[CheckStep, None]:
        from dragoman_aws.inspection.sagemaker import check

        async with aclosing(check(target, context)) as steps:
            async for step in steps:
                yield step

    async def explain(self, failure: DragomanError, target: Target, context: Context) -> str | None:
        if not isinstance(failure, PermissionDeniedError):
            return None
        from dragoman_aws.inspection.missing import policy_hint

        return policy_hint(failure, target)


def _open_texts(target: Target, context: Context, endpoint: Endpoint, region: str) -> Session:
    connection: SageMakerConnection = target.connection
    usual = {"route": "invocations", "invocation": "realtime"}
    if given := [name for name, value in usual.items() if getattr(connection, name) != value]:
        what = f"{getattr(connection, given[0])} knows no operation {target.operation}"
        raise DocumentError(f"provider {target.provider}", [Problem(f"connection.{given[0]}", what, "remove it")])
    signer = authorizer(target, context, service=SERVICE, region=region)
    if target.operation == "embed":
        return context.embed_session(EmbedEndpointCodec(endpoint, context.embed_payload(target)), signer)
    return context.rerank_session(RerankEndpointCodec(endpoint, context.rerank_payload(target)), signer)


def _open_route(target: Target, context: Context, endpoint: Endpoint, region: str) -> Session:
    if target.mapping is not None or target.prompt is not None:
        problem = Problem("mapping", "means nothing on the route openai", "remove it, or connection.route")
        raise DocumentError(f"provider {target.provider}", [problem])
    try:
        from dragoman_aws.sagemaker.openai_route import RouteAuthorizer, RouteCodec
    except ModuleNotFoundError as error:
        hint = "pip install 'dragoman-aws[openai]'"
        raise UnsupportedError(f"needs {error.name}", path="connection.route", hint=hint) from None
    who = RouteAuthorizer(context, Identity.of(target, region), Signer(SERVICE, region))
    return context.codec_session(RouteCodec(endpoint, target.connection), who)


def endpoint_of(target: Target, region: str) -> Endpoint:
    """Return whom a target's calls go to."""
    connection: SageMakerConnection = target.connection
    if len(target.model) > 63 or not _ENDPOINT_NAME.fullmatch(target.model):
        problem = Problem("model", "is no endpoint's name", "letters, digits and single hyphens between, up to 63")
        raise DocumentError(f"provider {target.provider}", [problem])
    address = connection.endpoint_url or f"https://runtime.sagemaker.{region}.{dns_suffix(region)}"
    return Endpoint(address, target.model, connection.inference_component, Identity.of(target, region).who)
