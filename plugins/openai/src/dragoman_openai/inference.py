"""Inference settings beyond the common ones, as these providers take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.plugin import EmbedInference, Inference
from pydantic import Field

from dragoman_openai.codec.dialect import COMMON_PARAMETERS


class CompatibleInference(Inference):
    """What most servers of the protocol take. Anything else goes into ``model_kwargs``."""

    parallel_tool_calls: bool | None = Field(None, description="whether one answer may call several tools")
    logprobs: bool | None = Field(None, description="return the log probability of each token of the answer")
    top_logprobs: int | None = Field(None, ge=0, le=20, description="for each place, this many likeliest tokens")
    logit_bias: dict[str, float] | None = Field(None, description="token id -> what is added to its logit, -100..100")
    user: str | None = Field(None, description="who is behind the call, in the deployment's own words")


class OpenAIInference(CompatibleInference):
    """What OpenAI's own API takes, and Azure's with it (reference of August 2026)."""

    verbosity: str | None = Field(None, description="low, medium or high")
    service_tier: str | None = Field(None, description="auto, default, flex, priority …")
    safety_identifier: str | None = Field(None, description="a stable, hashed id of the end user")
    store: bool | None = Field(None, description="whether the provider keeps the answer")
    metadata: dict[str, str] | None = Field(None, description="at most 16 pairs, kept with a stored answer")
    prompt_cache_key: str | None = Field(None, description="calls with one key share a prompt cache")
    prompt_cache_retention: str | None = Field(None, description="in_memory or 24h")
    modalities: list[str] | None = Field(None, description="what the answer may hold: text, audio")
    audio: dict[str, Any] | None = Field(None, description="voice and format of a spoken answer")
    prediction: dict[str, Any] | None = Field(None, description="text that the answer will largely repeat")
    web_search_options: dict[str, Any] | None = Field(None, description="for models that search the web")
    moderation: dict[str, Any] | None = Field(None, description="moderate input and output with this call")


class OpenAIEmbedInference(EmbedInference):
    """What OpenAI's embeddings take, and what servers of the protocol take with them."""

    user: str | None = Field(None, description="who is behind the call, in the deployment's own words")


#: Setting -> body member. `parallel_tool_calls` goes with the tools.
COMPATIBLE_PARAMETERS: Mapping[str, str] = {
    **COMMON_PARAMETERS,
    **{name: name for name in ("logprobs", "top_logprobs", "logit_bias", "user")},
}
OPENAI_PARAMETERS: Mapping[str, str] = {
    **COMPATIBLE_PARAMETERS,
    **{n: n for n in OpenAIInference.model_fields if n not in CompatibleInference.model_fields},
}
