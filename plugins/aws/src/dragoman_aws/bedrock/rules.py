"""What models on Bedrock refuse, as rows of data; an adapter's ``base_model`` chooses the row, its whole id.

A row without ``keep`` or ``drop`` refuses before anything is sent. An adapter that wants the setting left out and
reported instead says so in its own ``rules``, which replace these.
"""

from __future__ import annotations

from dragoman.plugin import ModelRules

_ONE_SAMPLER = {"exclusive": ["inference.temperature", "inference.top_p"]}

RULES = (
    # "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    ModelRules(
        base_models=(
            "anthropic.claude-opus-4-1-20250805-v1:0",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-opus-4-5-20251101-v1:0",
            "anthropic.claude-opus-4-6-v1",
            "anthropic.claude-sonnet-4-6",
        ),
        rules=(_ONE_SAMPLER,),
        source="BerriAI/litellm#15070, open-webui/pipelines#546, aws-samples/bedrock-access-gateway#238, "
        "aws-samples/aws-genai-llm-chatbot#741",
        checked="2026-11-28",
    ),
    # Each of the three is refused as "deprecated for this model".
    ModelRules(
        base_models=("anthropic.claude-opus-4-7", "anthropic.claude-opus-4-8"),
        rules=({"forbid": "inference.temperature"}, {"forbid": "inference.top_p"}, {"forbid": "inference.top_k"}),
        source="probes of live models in stdapi-ai/stdapi.ai (4.7), OpenGradient/tee-gateway#79 (4.8)",
        checked="2026-11-28",
    ),
)
