"""What the plugin describes. Loaded at every start, so it stays light: no SDK, and not the codec."""

from __future__ import annotations

from dragoman.plugin import Connection, PredefinedAdapter, ProviderDescription, hookimpl
from pydantic import Field

PLUGIN_API = (1, 0)


class AcmeConnection(Connection):
    """Where the server is."""

    base_url: str = Field(
        "https://api.acme.example",
        description="the server's address, without a path",
    )


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="acme",
            title="The Acme text service",
            factory="dragoman_acme.provider:AcmeProvider",
            connection=AcmeConnection,
            credentials={"api_key": "ACME_API_KEY"},
        )
    ]


@hookimpl
def dragoman_adapters() -> list[PredefinedAdapter]:
    document = {
        "title": "The Acme model one",
        "provider": "acme",
        "model": "one",
        "capabilities": {"streaming": True, "system": True, "tools": False, "images": False},
    }
    return [PredefinedAdapter("acme-one", document)]
