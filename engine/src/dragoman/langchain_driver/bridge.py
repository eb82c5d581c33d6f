"""The provider ``langchain``: any LangChain chat model that the deployment's settings name, without a line of code.

A document says which of the named classes it wants and never holds an import path, so that whoever may write one can
not have code of their choice imported.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from dragoman.adapter import NAME_PATTERN
from dragoman.plugin import (
    CallSettings,
    Connection,
    LangChainContext,
    Provider,
    ProviderDescription,
    Target,
    hookimpl,
)

PLUGIN_API = (1, 0)


class BridgeConnection(Connection):
    """Which class, and what its constructor is given beside the adapter's settings."""

    class_: str = Field(alias="class", description="a name of [langchain.classes] in the deployment's settings")
    arguments: dict[str, Any] = Field(
        {}, description="arguments of the class, such as base_url; not those that the adapter has a member for"
    )

    @field_validator("class_")
    @classmethod
    def _no_import_path(cls, value: str) -> str:
        if not NAME_PATTERN.match(value) or "." in value:
            raise ValueError(
                "is no name of a class; a document never holds an import path: the deployment's settings name classes"
                " under [langchain.classes]"
            )
        return value


class BridgeProvider(Provider):
    """Builds the class that the connection names."""

    def langchain(self, target: Target, settings: CallSettings, context: LangChainContext) -> Any:
        connection: BridgeConnection = target.connection
        return context.chat_model(context.class_named(connection.class_), target, settings, connection.arguments)


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind="langchain",
            title="Any LangChain chat model that the settings name",
            factory=f"{__name__}:BridgeProvider",
            connection=BridgeConnection,
            native=False,
            any_credentials=True,
        )
    ]
