"""The three providers: each makes an endpoint, a dialect and an authorizer out of an adapter's target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from dragoman.errors import UnsupportedError
from dragoman.plugin import (
    Authorizer,
    CallSettings,
    Context,
    EmbedCodec,
    HeaderKey,
    LangChainContext,
    ListedModel,
    ModelList,
    NoAuth,
    Provider,
    RerankCodec,
    Session,
    Target,
)

from dragoman_openai import azure, entra, listing
from dragoman_openai.codec import ChatCodec, Dialect, Endpoint
from dragoman_openai.codec.dialect import EmbedDialect
from dragoman_openai.codec.embeddings import EmbeddingsCodec
from dragoman_openai.codec.reranking import SHAPES, DocumentRanking
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
# Vectors of length 1: "Embeddings" in OpenAI's guide, November 2026. Base64 is what OpenAI's own SDK asks for.
_OPENAI_EMBEDDINGS = EmbedDialect("OpenAI", encoding_format="base64", normalized=True)
_COMPATIBLE = Dialect("this server", parameters=COMPATIBLE_PARAMETERS)
_UNKNOWN_SERVER = Server("this server", "", operations=("chat", "embed", "rerank"))
_DIALECT_FIELDS = frozenset(f.name for f in fields(Dialect))


class ChatProvider(Provider):
    """A provider of this protocol. Another plugin may build its own on it."""

    def open(self, target: Target, context: Context) -> Session:
        authorizer = self.authorizer(target, context)
        if target.operation == "embed":
            return context.embed_session(self.embed_codec(target), authorizer)
        if target.operation == "rerank":
            return context.rerank_session(self.rerank_codec(target), authorizer)
        return context.codec_session(self.codec(target), authorizer)

    def codec(self, target: Target) -> ChatCodec:
        """Return the codec of a target."""
        return ChatCodec(self.endpoint(target), self.dialect(target))

    def embed_codec(self, target: Target) -> EmbedCodec:
        """Return the codec of a target for operation embed; a provider whose description names it has one."""
        raise UnsupportedError(f"provider {target.provider} embeds nothing")

    def rerank_codec(self, target: Target) -> RerankCodec:
        """Return the codec of a target for operation rerank; a provider whose description names it has one."""
        raise UnsupportedError(f"provider {target.provider} ranks nothing")

    @abstractmethod
    def endpoint(self, target: Target) -> Endpoint:
        """Return where a target's requests go."""

    @abstractmethod
    def dialect(self, target: Target) -> Dialect:
        """Return how a target is spoken to."""

    @abstractmethod
    def authorizer(self, target: Target, context: Context) -> Authorizer:
        """Return who signs a target's requests."""

    def models_endpoint(self, target: Target) -> Endpoint:
        """Return where the list of models is; a provider that documents one has it."""
        raise UnsupportedError(f"provider {target.provider} documents no list of models")

    def listed(self, rows: Sequence[Mapping[str, Any]]) -> list[ListedModel]:
        """Return what the rows of the list mean."""
        return listing.served(rows)

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        endpoint = self.models_endpoint(target)
        rows = await listing.rows_of(endpoint.url, endpoint.headers, self.authorizer(target, context), context)
        return [ModelList("models", self.listed(rows))]

    def langchain(self, target: Target, settings: CallSettings[Any], context: LangChainContext) -> Any:
        if target.operation == "chat":
            from dragoman_openai.langchain import chat_model

            return chat_model(self, target, settings, context)
        codec = self.embed_codec(target) if target.operation == "embed" else None
        if not isinstance(codec, EmbeddingsCodec):
            raise UnsupportedError(f"provider {target.provider} has no LangChain class for {target.operation}")
        from dragoman_openai.langchain_embeddings import embeddings_model

        return embeddings_model(codec, target, settings, context)


class OpenAIProvider(ChatProvider):
    """OpenAI's own API."""

    def endpoint(self, target: Target) -> Endpoint:
        return self._at(target, "chat/completions")

    def embed_codec(self, target: Target) -> EmbedCodec:
        return EmbeddingsCodec(self._at(target, "embeddings"), _wished(_OPENAI_EMBEDDINGS, target.connection))

    def models_endpoint(self, target: Target) -> Endpoint:
        return self._at(target, "models")

    def listed(self, rows: Sequence[Mapping[str, Any]]) -> list[ListedModel]:
        return listing.openai_models(rows)

    def _at(self, target: Target, path: str) -> Endpoint:
        connection: OpenAIConnection = target.connection
        account = {"OpenAI-Organization": connection.organization, "OpenAI-Project": connection.project}
        headers = {name: value for name, value in account.items() if value is not None}
        return Endpoint(f"{connection.base_url}/{path}", target.model, headers)

    def dialect(self, target: Target) -> Dialect:
        return reworded(_OPENAI, target.connection)

    def authorizer(self, target: Target, context: Context) -> Authorizer:
        return HeaderKey(context, credential(target, "api_key"))


class CompatibleProvider(ChatProvider):
    """Any server that speaks the protocol."""

    def endpoint(self, target: Target) -> Endpoint:
        return Endpoint(f"{compatible_base_url(target.connection)}/chat/completions", target.model)

    def embed_codec(self, target: Target) -> EmbedCodec:
        row = _row(target)
        dialect = EmbedDialect(row.title, max_texts=row.max_batch_size, input_type=row.input_type)
        endpoint = Endpoint(f"{compatible_base_url(target.connection)}/embeddings", target.model)
        return EmbeddingsCodec(endpoint, _wished(dialect, target.connection))

    def models_endpoint(self, target: Target) -> Endpoint:
        return Endpoint(f"{compatible_base_url(target.connection)}/models", target.model)

    def rerank_codec(self, target: Target) -> RerankCodec:
        row, base_url = _row(target), compatible_base_url(target.connection)
        shape = target.connection.rerank or row.rerank
        if shape is None:
            raise UnsupportedError(
                "how this server ranks is not known", path="connection.rerank", hint=f"one of {', '.join(SHAPES)}"
            )
        if shape == "tei":  # the one path of this server that is not under /v1
            base_url = base_url.removesuffix("/v1")
        dialect = replace(SHAPES[shape], name=row.title, max_documents=row.max_batch_size)
        return DocumentRanking(Endpoint(f"{base_url}/rerank", target.model), dialect)

    def dialect(self, target: Target) -> Dialect:
        connection: CompatibleConnection = target.connection
        row = _row(target)
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
        return self._at(target, "chat/completions")

    def embed_codec(self, target: Target) -> EmbedCodec:
        dialect = replace(_OPENAI_EMBEDDINGS, name="Azure OpenAI")
        return EmbeddingsCodec(self._at(target, "embeddings"), _wished(dialect, target.connection))

    async def models(self, target: Target, context: Context) -> Sequence[ModelList]:
        return await listing.azure_lists(target.connection.endpoint, self.authorizer(target, context), context)

    def _at(self, target: Target, path: str) -> Endpoint:
        connection: AzureConnection = target.connection
        model = target.model if connection.api_version is None else None
        return Endpoint(azure.url(connection, target.model, path), model)

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


def _row(target: Target) -> Server:
    """Return what is known of a target's server; refuse what it does not document."""
    connection: CompatibleConnection = target.connection
    row = SERVERS[connection.server] if connection.server else _UNKNOWN_SERVER
    if target.operation not in row.operations:
        raise UnsupportedError(
            f"{row.title} documents no operation {target.operation}",
            path="connection.server",
            hint="where your server has it all the same, give its base_url alone",
        )
    return row


def _wished(dialect: EmbedDialect, connection: Wording) -> EmbedDialect:
    return replace(dialect, encoding_format=connection.encoding_format or dialect.encoding_format)


def reworded(dialect: Dialect, connection: Wording) -> Dialect:
    """Return the dialect with what an adapter's connection says about it."""
    said = {name: getattr(connection, name) for name in type(connection).model_fields if name in _DIALECT_FIELDS}
    return replace(dialect, **{name: value for name, value in said.items() if value is not None})
