"""Inference settings beyond the common ones, as Cohere takes them (API reference, November 2026)."""

from __future__ import annotations

from typing import Any, Literal

from dragoman.plugin import Connection, EmbedInference, Inference, RerankInference
from pydantic import Field


class CitationOptions(Connection):
    """How much care goes into citations."""

    mode: Literal["ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF"] = Field(
        description="ENABLED, DISABLED; older models: ACCURATE, FAST, OFF"
    )


class CohereInference(Inference):
    """Cohere's chat. Anything else (``logprobs`` …) goes into ``model_kwargs``."""

    documents: list[str | dict[str, Any]] | None = Field(
        None, description="texts, or objects {id, data}, that the answer may be grounded in and cite"
    )
    citation_options: CitationOptions | None = Field(None, description="how much care goes into citations")
    safety_mode: Literal["CONTEXTUAL", "STRICT", "OFF"] | None = Field(
        None, description="CONTEXTUAL, STRICT or OFF; not together with tools or documents"
    )
    strict_tools: bool | None = Field(None, description="whether tool calls must follow the tools' schemas")
    priority: int | None = Field(None, ge=0, le=999, description="0 is handled first; 999 is dropped first")


class CohereEmbedInference(EmbedInference):
    """Cohere's embeddings."""

    max_tokens: int | None = Field(None, ge=1, description="how much of each text is read, in tokens")
    priority: int | None = Field(None, ge=0, le=999, description="0 is handled first; 999 is dropped first")


class CohereRerankInference(RerankInference):
    """Cohere's rerank."""

    priority: int | None = Field(None, ge=0, le=999, description="0 is handled first; 999 is dropped first")
