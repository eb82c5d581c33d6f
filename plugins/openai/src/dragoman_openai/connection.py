"""What an adapter's ``connection`` says, for each of the three providers."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dragoman.plugin import DEPLOYMENT_ONLY, Connection, Shown
from pydantic import AfterValidator, Field, model_validator

from dragoman_openai.codec.dialect import EncodingFormat, MaxTokensField, RerankShape, SendReasoning, SystemRole
from dragoman_openai.servers import SERVERS

OPENAI_BASE_URL = "https://api.openai.com/v1"
ENTRA_AUTHORITY = "https://login.microsoftonline.com"
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"

_API_VERSION = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"


def _address(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with https:// or http:// is expected")
    if parts.username or parts.password:
        raise ValueError("an address cannot hold credentials; name a secret under credentials")
    if parts.query or parts.fragment:
        raise ValueError("an address cannot hold a query; it goes into endpoint_kwargs.query")
    return value.strip().rstrip("/")


def _azure_endpoint(value: str) -> str:
    address = _address(value)
    for suffix in ("/v1", "/openai"):  # the portal shows the address with and without them
        address = address.removesuffix(suffix)
    return address


def _known_server(value: str) -> str:
    if value not in SERVERS:
        raise ValueError(f"one of {', '.join(SERVERS)} is expected; for others give base_url alone")
    return value


def _api_version(value: str) -> str:
    if not re.fullmatch(_API_VERSION, value):
        raise ValueError("a date is expected, for example 2024-10-21 or 2024-12-01-preview; absent = the v1 API")
    return value


Address = Annotated[str, AfterValidator(_address)]
AzureEndpoint = Annotated[str, AfterValidator(_azure_endpoint)]
ApiVersion = Annotated[str, AfterValidator(_api_version), Field(json_schema_extra={"pattern": _API_VERSION})]
KnownServer = Annotated[str, AfterValidator(_known_server), Field(json_schema_extra={"enum": list(SERVERS)})]


class Wording(Connection):
    """How requests are worded. What is absent is what the provider's own data says."""

    max_tokens_field: MaxTokensField | None = Field(None, description="the body member for inference.max_tokens")
    stream_usage: bool | None = Field(
        None, description="whether a stream asks for its usage; false for servers that refuse `stream_options`"
    )
    system_role: SystemRole | None = Field(
        None, description="the role of system and developer messages; as_given = each its own"
    )
    encoding_format: EncodingFormat | None = Field(
        None, description="embeddings: the form in which vectors travel; base64 is smaller and exact, float is JSON"
    )


class OpenAIConnection(Wording):
    """OpenAI's own API, or a proxy that speaks all of it."""

    base_url: Address = Field(OPENAI_BASE_URL, description="address of the API, up to and with /v1")
    organization: str | None = Field(None, description="organization that the call counts for; absent = the key's own")
    project: str | None = Field(None, description="project that the call counts for; absent = the key's own")


# --- OpenAI-compatible servers -----------------------------------------------------------------------------------


class KeyAuth(Connection):
    """A key in a header."""

    kind: Literal["api_key"]
    header: str | None = Field(
        None, description="header that carries the key as it is; absent = Authorization, after the word Bearer"
    )


class NoKeyAuth(Connection):
    """No credentials."""

    kind: Literal["none"]


class CompatibleConnection(Wording):
    """Any server that speaks the protocol: a known one by name, any one by its address."""

    server: KnownServer | None = Field(None, description="a known server; gives the address and how it is spoken to")
    base_url: Address | None = Field(None, description="address up to and with /v1; absent = the server's usual one")
    auth: Annotated[KeyAuth | NoKeyAuth, Field(discriminator="kind")] | None = Field(
        None, description="absent = a key where credentials.api_key names a secret, else none"
    )
    send_reasoning: SendReasoning | None = Field(
        None, description="the message member that carries earlier reasoning back, or never"
    )
    top_k: bool | None = Field(None, description="whether the server takes inference.top_k")
    rerank: RerankShape | None = Field(
        None, description="how the server ranks: jina = /v1/rerank of Jina, vLLM and others; tei = /rerank of TEI"
    )

    @model_validator(mode="after")
    def _has_address(self) -> CompatibleConnection:
        if self.base_url is None and (self.server is None or SERVERS[self.server].base_url is None):
            raise ValueError(f"base_url or server is needed; servers: {', '.join(SERVERS)}")
        return self


def compatible_base_url(connection: CompatibleConnection) -> str:
    """Return the address that is written, or the server's usual one."""
    return connection.base_url or (SERVERS[connection.server].base_url if connection.server else None) or ""


# --- Azure -------------------------------------------------------------------------------------------------------


class AzureKeyAuth(Connection):
    """The resource's key, in the header ``api-key``."""

    kind: Literal["api_key"] = "api_key"


class AzureBearerAuth(Connection):
    """An Entra token that something else keeps fresh, read from the secret ``credentials.token``."""

    kind: Literal["bearer"]


class Entra(Connection):
    """Where Entra tokens come from."""

    tenant_id: str = Field(min_length=1, description="directory (tenant) id or domain")
    client_id: str = Field(min_length=1, description="application (client) id")
    authority: Address = Field(ENTRA_AUTHORITY, description="address of Entra; others for sovereign clouds")
    scope: str = Field(ENTRA_SCOPE, description="what the token is for")


class EntraClientSecretAuth(Entra):
    """An application's client secret, read from the secret ``credentials.client_secret``."""

    kind: Literal["entra_client_secret"]


class EntraWorkloadIdentityAuth(Entra):
    """A token file that the platform keeps fresh (Kubernetes workload identity), exchanged for an Entra token."""

    kind: Literal["entra_workload_identity"]
    token_file: str = Field(
        min_length=1,
        description="path of the file; what AZURE_FEDERATED_TOKEN_FILE holds",
        json_schema_extra=DEPLOYMENT_ONLY,
    )


class EntraTokenCommandAuth(Connection):
    """A command that prints a token, or JSON with one, as ``az account get-access-token`` does.

    It runs on the machine of the engine: it belongs into a deployment's own files; a caller's document is refused.
    """

    kind: Literal["entra_token_command"]
    command: list[str] = Field(
        min_length=1, description="program and arguments; no shell takes part", json_schema_extra=DEPLOYMENT_ONLY
    )
    timeout_s: float = Field(30, gt=0, description="the command may take this long, in seconds")


AzureAuth = Annotated[
    AzureKeyAuth | AzureBearerAuth | EntraClientSecretAuth | EntraWorkloadIdentityAuth | EntraTokenCommandAuth,
    Field(discriminator="kind"),
]


class AzureConnection(Wording):
    """A resource of Azure OpenAI; the adapter's ``model`` is the deployment's name."""

    endpoint: AzureEndpoint = Field(description="https://RESOURCE.openai.azure.com")
    api_version: ApiVersion | None = Field(
        None, description="a dated api-version; absent = the v1 API, which needs none"
    )
    auth: Annotated[AzureAuth, Shown()] = Field(AzureKeyAuth(), description="absent = the resource's key")
