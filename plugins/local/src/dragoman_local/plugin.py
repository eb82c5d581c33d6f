"""What the plugin describes. Light: the model itself is imported, and learns, on first use."""

from __future__ import annotations

from dragoman.plugin import Connection, Inference, PredefinedAdapter, ProviderDescription, hookimpl
from pydantic import Field

PLUGIN_API = (1, 0)

KIND = "local"
MODEL = "ngram"
TITLE = "Toy n-gram text model, for trying settings and for tests, not for answers"

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


@hookimpl
def dragoman_providers() -> list[ProviderDescription]:
    return [
        ProviderDescription(
            kind=KIND,
            title=TITLE,
            factory="dragoman_local.session:LocalProvider",
            connection=LocalConnection,
            inference=LocalInference,
        )
    ]


@hookimpl
def dragoman_adapters() -> list[PredefinedAdapter]:
    document = {
        "version": 1,
        "name": "local",
        "title": TITLE,
        "provider": KIND,
        "model": MODEL,
        "capabilities": {
            "streaming": True,
            "tools": True,
            "images": False,
            "documents": False,
            "audio": False,
            "system": True,
            "structured_output": True,
            "reasoning": False,
        },
    }
    return [PredefinedAdapter("local", document)]
