"""What the plugin describes. Light: the model itself is imported, and learns, on first use."""

from __future__ import annotations

from typing import Any

from dragoman.plugin import Connection, EmbedInference, Inference, PredefinedAdapter, ProviderDescription, hookimpl
from pydantic import Field

PLUGIN_API = (1, 0)

KIND = "local"
MODEL = "ngram"
TITLE = "Toy n-gram text model, for trying settings and for tests, not for answers"
HASHING_MODEL = "hashing"
EMBED_TITLE = "Toy hashing embedding: compares spelling, not meaning; for trying and for tests"
RERANK_TITLE = "Toy ranking by that hashing embedding: by shared spelling, not meaning"

#: The vectors' length where nothing says otherwise, and how long they can be.
DEFAULT_DIMENSIONS = 256
MAX_DIMENSIONS = 4096

#: An answer does not end of itself before this many tokens; this is also the place of ``min_tokens``' default.
DEFAULT_MIN_TOKENS = 40


class LocalConnection(Connection):
    """How the toy model reads and how fast it writes."""

    order: int = Field(4, ge=1, le=5, description="how many words it looks at, the one to come included; 1 = none")
    tokens_per_second: float | None = Field(
        None, gt=0, description="writes no faster than this, to watch a stream; null = as fast as it can"
    )


class LocalInference(Inference):
    """The common settings, and how long an answer is at least."""

    min_tokens: int | None = Field(
        None,
        ge=1,
        description="a text does not end of itself before this many tokens; max_tokens and stop_sequences still hold; "
        f"null = {DEFAULT_MIN_TOKENS}",
    )


class LocalEmbedInference(EmbedInference):
    """The common settings, with the lengths that the hashing embedding has."""

    dimensions: int | None = Field(
        None,
        ge=1,
        le=MAX_DIMENSIONS,
        description=f"the length of each vector; the shorter, the more texts look alike; null = {DEFAULT_DIMENSIONS}",
    )


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind=KIND,
            title=TITLE,
            factory="dragoman_local.session:LocalProvider",
            connection=LocalConnection,
            inference=LocalInference,
            operations=("chat", "embed", "rerank"),
            embedding=LocalEmbedInference,
        )
    ]


@hookimpl
def dragoman_adapters() -> list[PredefinedAdapter]:
    return [
        _adapter("local", MODEL, TITLE, capabilities=_CAPABILITIES),
        _adapter("local-embed", HASHING_MODEL, EMBED_TITLE, operation="embed"),
        _adapter("local-rerank", HASHING_MODEL, RERANK_TITLE, operation="rerank"),
    ]


_CAPABILITIES = {
    "streaming": True,
    "tools": True,
    "images": False,
    "documents": False,
    "audio": False,
    "system": True,
    "structured_output": True,
    "reasoning": False,
}


def _adapter(name: str, model: str, title: str, **members: Any) -> PredefinedAdapter:
    return PredefinedAdapter(
        name, {"version": 1, "name": name, "title": title, "provider": KIND, "model": model, **members}
    )
