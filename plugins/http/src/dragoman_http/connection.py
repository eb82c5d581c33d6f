"""What an ``http`` adapter's ``connection`` says.

connection:
  url: https://models.example.com/v1/{model}:generate
  headers: {X-Team: search}
  query: {version: 2}
  auth: {kind: bearer}
  tls: {ca_file: /etc/ssl/models-ca.pem}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from dragoman.plugin import DEPLOYMENT_ONLY, Connection
from pydantic import AfterValidator, Field, model_validator

from dragoman_http.aws import identity_problem
from dragoman_http.fields import KEY_HEADERS, NOT_SET_HERE, QueryValue, check_header, query_pairs
from dragoman_http.template import MODEL, check_address, fill_address, names_in


def _headers(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    seen: set[str] = set()
    for name, value in headers.items():
        try:
            check_header(name, value)
        except ValueError as error:
            raise ValueError(f"{name!r} {error}") from None
        if name.lower() in seen:
            raise ValueError(f"{name!r} is said twice")
        seen.add(name.lower())
    return headers


def _plain_address(value: str) -> str:
    if names_in(value):
        raise ValueError("this address takes no variables")
    return check_address(value)


def _credential_header(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value) or value.lower() in set(NOT_SET_HERE) - KEY_HEADERS:
        raise ValueError("a header that can carry a key is expected, such as X-Api-Key")
    return value


Address = Annotated[str, AfterValidator(check_address)]
PlainAddress = Annotated[str, AfterValidator(_plain_address)]
Headers = Annotated[dict[str, str | int | float | bool], AfterValidator(_headers)]
VariableName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
Printable = Annotated[str, Field(pattern=r"^[ -~]*$")]


class TlsFiles(Connection):
    """Certificates, as files in PEM form on the engine's machine; files that change are read again."""

    ca_file: str | None = Field(
        None,
        min_length=1,
        description="authorities that are trusted, and no others; absent = the machine's",
        json_schema_extra=DEPLOYMENT_ONLY,
    )
    client_certificate_file: str | None = Field(
        None,
        min_length=1,
        description="the client's certificate, followed by those it was issued by",
        json_schema_extra=DEPLOYMENT_ONLY,
    )
    client_key_file: str | None = Field(
        None,
        min_length=1,
        description="its private key, without a password; absent = it is in the certificate's file",
        json_schema_extra=DEPLOYMENT_ONLY,
    )

    @model_validator(mode="after")
    def _has_something(self) -> TlsFiles:
        if self.client_key_file is not None and self.client_certificate_file is None:
            raise ValueError("client_key_file needs client_certificate_file")
        if self.ca_file is None and self.client_certificate_file is None:
            raise ValueError("ca_file or client_certificate_file is needed; without them remove tls")
        return self


# --- who signs ---------------------------------------------------------------------------------------------------


class NoAuth(Connection):
    """No credentials, or those of the TLS client certificate."""

    kind: Literal["none"] = "none"


class BearerAuth(Connection):
    """The secret ``credentials.api_key`` in ``Authorization``, after the word Bearer."""

    kind: Literal["bearer"]


class HeaderAuth(Connection):
    """The secret ``credentials.api_key`` in a header of its own."""

    kind: Literal["header"]
    name: Annotated[str, AfterValidator(_credential_header)] = Field(description="header that carries the key")
    prefix: Printable = Field("", description="text before the key, with its blank, for example 'Api-Key '")


class BasicAuth(Connection):
    """User name and password of HTTP's basic scheme; the password is the secret ``credentials.password``."""

    kind: Literal["basic"]
    username: str = Field(pattern=r"^[^:\x00-\x1f\x7f]*$", description="user name; it holds no colon")


class OAuthClientAuth(Connection):
    """A token of OAuth 2.0's client-credentials grant (RFC 6749, 4.4), fetched with ``credentials.client_secret``.

    It is kept until shortly before its end and shared by all adapters that ask for the same; where the endpoint
    answers 401 it is replaced, and the call made once more.
    """

    kind: Literal["oauth_client"]
    token_url: PlainAddress = Field(description="address of the token endpoint")
    client_id: str = Field(min_length=1, description="the client's id")
    scope: str | None = Field(None, description="scopes, separated by blanks")
    audience: str | None = Field(None, description="what the token is for, where the server has this parameter")
    style: Literal["basic", "post"] = Field(
        "basic", description="how the client shows itself: basic = Authorization header, post = in the form"
    )
    parameters: dict[str, str] = Field({}, description="other members of the form, for example resource")
    tls: TlsFiles | None = Field(None, description="certificates for the token endpoint; absent = the machine's")

    @model_validator(mode="after")
    def _parameters_are_others(self) -> OAuthClientAuth:
        taken = {"grant_type", "client_id", "client_secret", "scope", "audience"} & set(self.parameters)
        if taken:
            raise ValueError(f"parameters cannot hold {min(taken)}, which has a member of its own")
        if self.tls is not None and not self.token_url.startswith("https:"):
            raise ValueError("tls needs an address that begins with https://")
        return self


class SigV4Auth(Connection):
    """AWS's signature version 4, for API Gateway, Lambda function URLs, VPC Lattice and the like.

    Identities are those of ``dragoman-aws``: ``source`` and ``roles`` are what its ``connection.auth`` and
    ``connection.roles`` are.
    """

    kind: Literal["aws_sigv4"]
    service: str = Field(pattern=r"^[a-z0-9-]{1,64}$", description="service's name for signing, such as execute-api")
    region: str | None = Field(None, description="absent = AWS_REGION, then AWS_DEFAULT_REGION of the environment")
    source: dict[str, Any] = Field(
        {"kind": "aws_default"},
        description="where the first credentials come from: aws_default, aws_keys, aws_profile, web_identity",
        json_schema_extra=DEPLOYMENT_ONLY,
    )
    roles: list[dict[str, Any]] = Field([], description="assumed in turn, each with the credentials before it")
    sts_endpoint_url: PlainAddress | None = Field(
        None,
        description="address of STS, for a VPC endpoint; absent = the region's own",
        json_schema_extra=DEPLOYMENT_ONLY,
    )

    @property
    def identity(self) -> dict[str, Any]:
        """The members that say who signs."""
        return {name: getattr(self, name) for name in ("region", "source", "roles", "sts_endpoint_url")}

    @model_validator(mode="after")
    def _is_an_identity(self) -> SigV4Auth:
        if problem := identity_problem(**self.identity):
            raise ValueError(problem)
        return self


Auth = Annotated[
    NoAuth | BearerAuth | HeaderAuth | BasicAuth | OAuthClientAuth | SigV4Auth, Field(discriminator="kind")
]


# --- the whole ---------------------------------------------------------------------------------------------------


class HttpConnection(Connection):
    """Any endpoint that takes and answers JSON, or text, over HTTP."""

    url: Address = Field(
        description="address; {model} and members of variables are filled in, percent-encoded; {+model} keeps slashes"
    )
    stream_url: Address | None = Field(None, description="address for streamed calls; absent = url")
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="the request's method")
    headers: Headers = Field({}, description="sent with every call; values take variables, credentials go into auth")
    query: dict[str, QueryValue] = Field({}, description="the address's query; values take variables")
    variables: dict[VariableName, str] = Field({}, description="values for places such as {region}")
    auth: Auth = Field(NoAuth(), description="how calls are signed; absent = not at all")
    tls: TlsFiles | None = Field(None, description="certificates for https; absent = the machine's authorities")
    request_id_header: str = Field(
        "x-request-id", pattern=r"^[A-Za-z0-9-]+$", description="header of the answer that identifies the call"
    )

    @model_validator(mode="after")
    def _members_fit(self) -> HttpConnection:
        if MODEL in self.variables:
            raise ValueError("variables cannot hold model: that is the adapter's own")
        known = {MODEL, *self.variables}
        for place in filter(None, (self.url, self.stream_url)):
            if unknown := sorted(names_in(place) - known):
                raise ValueError(f"{{{unknown[0]}}} is in an address and not in variables")
            if self.tls is not None and not place.startswith("https:"):
                raise ValueError("tls needs an address that begins with https://")
            fill_address(place, {MODEL: "any", **self.variables})
        for name, value in self.query.items():
            try:
                query_pairs(name, value)
            except ValueError as error:
                raise ValueError(f"query: {name!r} {error}") from None
        if isinstance(self.auth, HeaderAuth) and self.auth.name.lower() in {name.lower() for name in self.headers}:
            raise ValueError(f"headers cannot hold {self.auth.name}, which auth writes")
        return self
