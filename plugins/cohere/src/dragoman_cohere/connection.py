"""What an adapter's ``connection`` says."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from dragoman.plugin import Connection
from pydantic import AfterValidator, Field

COHERE_BASE_URL = "https://api.cohere.com"


def _address(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address that begins with https:// or http:// is expected")
    if parts.username or parts.password:
        raise ValueError("an address cannot hold credentials; name a secret under credentials")
    if parts.query or parts.fragment:
        raise ValueError("an address cannot hold a query; it goes into endpoint_kwargs.query")
    address = value.strip().rstrip("/")
    for suffix in ("/v1", "/v2"):  # both are seen in the wild; the API's version is ours to say
        address = address.removesuffix(suffix)
    return address


def _one_line(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise ValueError("one line of ASCII text is expected")
    return value


Address = Annotated[str, AfterValidator(_address)]
HeaderText = Annotated[str, AfterValidator(_one_line)]


class BearerAuth(Connection):
    """A key, sent as ``Authorization: Bearer``."""

    kind: Literal["bearer"] = "bearer"


class NoAuthentication(Connection):
    """No credentials: a private deployment, or a proxy that adds them."""

    kind: Literal["none"]


class CohereConnection(Connection):
    """Cohere's own API, a private deployment, or a proxy that speaks it."""

    base_url: Address = Field(COHERE_BASE_URL, description="address of the API, without /v2")
    auth: Annotated[BearerAuth | NoAuthentication, Field(discriminator="kind")] = Field(
        BearerAuth(), description="absent = the key of credentials.api_key"
    )
    client_name: HeaderText | None = Field(
        None, min_length=1, description="the project that makes the calls, for Cohere's statistics (X-Client-Name)"
    )
    send_tool_plan: bool = Field(
        True, description="whether a tool plan goes back with the next turn; false for models that refuse it"
    )
