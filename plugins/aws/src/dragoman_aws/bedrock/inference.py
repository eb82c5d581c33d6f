"""Inference settings beyond the common ones, as Bedrock takes them."""

from __future__ import annotations

from typing import Literal

from dragoman.plugin import Inference
from pydantic import Field


class BedrockInference(Inference):
    """What Converse takes beside the common settings. A model's own members go into ``model_kwargs``."""

    performance_latency: Literal["standard", "optimized"] | None = Field(
        None, description="optimized answers faster, for some models in some regions"
    )
    service_tier: str | None = Field(None, description="priority, default, flex or reserved")
    system_tools: list[str] | None = Field(
        None, description="tools that run inside Bedrock, for example nova_grounding or nova_code_interpreter"
    )
    cache_points: list[Literal["tools", "system", "messages"]] | None = Field(
        None, description="set a cache point after the tools, the system prompt, the last message"
    )
    cache_ttl: Literal["5m", "1h"] | None = Field(None, description="how long those cache points live")
    anthropic_version: str | None = Field(None, description="version of Claude's request body")
    anthropic_beta: list[str] | None = Field(None, description="beta features of Claude to switch on")
