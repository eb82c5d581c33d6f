"""A made-up provider that embeds and ranks; the tests write copies of it under other names, each with one fault."""

from dragoman.plugin import Connection, EmbedInference, ProviderDescription, RerankInference, hookimpl
from pydantic import Field

PLUGIN_API = (1, 0)


class VectorsConnection(Connection):
    base_url: str = Field(description="the server's address")


class VectorsEmbedInference(EmbedInference):
    pass


@hookimpl
def dragoman_providers():
    return [
        ProviderDescription(
            kind="vectors",
            title="Vectors and rankings",
            factory=f"{__package__}.provider:VectorsProvider",
            connection=VectorsConnection,
            credentials={"api_key": "VECTORS_API_KEY"},
            operations=("embed", "rerank"),
            embedding=VectorsEmbedInference,
            reranking=RerankInference,
        )
    ]
