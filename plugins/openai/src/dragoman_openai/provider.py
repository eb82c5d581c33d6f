"""The three providers: each makes an endpoint, a dialect and an authorizer out of an adapter's target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from dragoman.plugin import (
    Authorizer,
    CallSettings,
    Context,
    HeaderKey,
    LangChainContext,
    NoAuth,
    Provider,
    Session,
    Target,
)

from dragoman_openai import azure, entra
from dragoman_openai.codec import ChatCodec, Dialect, Endpoint
from dragoman_openai.connection import (
    AzureBearerAuth,
    AzureConnection,
    AzureKeyAuth,
    CompatibleConnection,
    EntraClientSecretAuth,
    EntraTokenCommandAuth,
    EntraWorkloadIdentityAuth,
    NoKeyAuth,
    OpenAIConnection,
    Wording,
    compatible_base_url,
)
from dragoman_openai.credentials import compatible_auth, credential
from dragoman_openai.inference import COMPATIBLE_PARAMETERS, OPENAI_PARAMETERS
from dragoman_openai.servers import SERVERS, Server

_OPENAI = Dialect(
    "OpenAI",
    parameters=OPENAI_PARAMETERS,
    max_tokens_field="max_completion_tokens",
    system_role="as_given",
    refusals=True,
    text_lists=True,
)
_COMPATIBLE = Dialect("this server", parameters=COMPATIBLE_PARAMETERS)
_UNKNOWN_SERVER = Server("this server", "")
_DIALECT_FIELDS = frozenset(f.name for f in fields(Dialect))


class ChatProvider(Provider):
    """A provider of this protocol. Another plugin may build its own on it."""

    def open(self, target: Target, context: Context) -> Session:
        return context.codec_session(self.codec(target), self.authorizer(target, context))

    def codec(self, target: Target) -> ChatCodec:
        """Return the codec of a target."""
        return ChatCodec(self.endpoint(target), self.dialect(target))

    @abstractmethod
    def endpoint(self, target: Target) -> Endpoint:
        """Return where a target's requests go."""

    @abstractmethod
    def dialect(self, target: Target) -> Dialect:
        """Return how a target is spoken to."""

    @abstractmethod
    def authorizer(self, target: Target, context: Context) -> Authorizer:
        """Return who signs a target's requests."""

    def langchain(self, target: Target, settings: CallSettings, context: LangChainContext) -> Any:
        from dragoman_openai.langchain import chat_model

        return chat_model(self, target, settings, context)


class OpenAIProvider(ChatProvider):
    """OpenAI's own API."""

    def endpoint(self, target: Target) -> Endpoint:
        connection: OpenAIConnection = target.connection
        account = {"OpenAI-Organization": connection.organization, "OpenAI-Project": connection.project}
        headers = {name: value for name, value in account.items() if value is not None}
        return Endpoint(f"{connection.base_url}/chat/completions", target.model, headers)

    def dialect(self, target: Target) -> Dialect:
        return reworded(_OPENAI, target.connection)

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        return HeaderKey(context, credential(target, "api_key"))


class CompatibleProvider(ChatProvider):
    """Any server that speaks the protocol."""

    def endpoint(self, target: Target) -> Endpoint:
        return Endpoint(f"{compatible_base_url(target.connection)}/chat/completions", target.model)

    def dialect(self, target: Target) -> Dialect:
        connection: CompatibleConnection = target.connection
        row = SERVERS[connection.server] if connection.server else _UNKNOWN_SERVER
        return reworded(
            replace(
                _COMPATIBLE,
                name=row.title,
                max_tokens_field=row.max_tokens_field,
                stream_usage=row.stream_usage,
                system_role=row.system_role,
                send_reasoning=row.send_reasoning,
                top_k=row.top_k,
            ),
            connection,
        )

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        auth = compatible_auth(target)
        if isinstance(auth, NoKeyAuth):
            return NoAuth()
        secret = credential(target, "api_key")
        if auth.header is None:
            return HeaderKey(context, secret)
        return HeaderKey(context, secret, header=auth.header, prefix="")


class AzureProvider(ChatProvider):
    """Azure OpenAI: the v1 API, and deployments under a dated api-version."""

    def endpoint(self, target: Target) -> Endpoint:
        connection: AzureConnection = target.connection
        model = target.model if connection.api_version is None else None
        return Endpoint(azure.chat_url(connection, target.model), model)

    def dialect(self, target: Target) -> Dialect:
        connection: AzureConnection = target.connection
        version = connection.api_version
        base = replace(
            _OPENAI,
            name="Azure OpenAI",
            max_tokens_field=azure.max_tokens_field(version),
            stream_usage=azure.knows_new_members(version),
        )
        return reworded(base, connection)

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        auth = target.connection.auth
        return _AZURE_AUTHORIZERS[type(auth)](target, context)


_AZURE_AUTHORIZERS: dict[type, Callable[[Target, Context], Authorizer]] = {
    AzureKeyAuth: lambda target, context: HeaderKey(
        context, credential(target, "api_key"), header="api-key", prefix=""
    ),
    AzureBearerAuth: lambda target, context: HeaderKey(context, credential(target, "token")),
    EntraClientSecretAuth: lambda target, context: entra.ClientSecret(
        context, target.connection.auth, credential(target, "client_secret")
    ),
    EntraWorkloadIdentityAuth: lambda target, context: entra.WorkloadIdentity(context, target.connection.auth),
    EntraTokenCommandAuth: lambda target, context: entra.TokenCommand(context, target.connection.auth),
}


def reworded(dialect: Dialect, connection: Wording) -> Dialect:
    """Return the dialect with what an adapter's connection says about it."""
    said = {name: getattr(connection, name) for name in type(connection).model_fields if name in _DIALECT_FIELDS}
    return replace(dialect, **{name: value for name, value in said.items() if value is not None})
