"""Where the settings of a model family go that Converse has no member for: rows of data.

A row says, for each setting, which members of ``additionalModelRequestFields`` it becomes. The family is declared
(``connection.family``) or follows from the adapter's ``base_model`` by an exact row; ``model`` itself is never read:
an ARN does not say what stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Stands in a row where the setting's value goes.
VALUE = "$value"

#: Setting -> the members it becomes; ``None``: the family does not take it.
Row = Mapping[str, Mapping[str, Any] | None]

#: The settings that a row can speak of.
SETTINGS = (
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "reasoning.budget_tokens",
    "reasoning.effort",
    "anthropic_version",
    "anthropic_beta",
)

_CLAUDE: Row = {
    "top_k": {"top_k": VALUE},
    "reasoning.budget_tokens": {"thinking": {"type": "enabled", "budget_tokens": VALUE}},
    "anthropic_version": {"anthropic_version": VALUE},
    "anthropic_beta": {"anthropic_beta": VALUE},
}

#: Family -> its row. A setting that is in none of them is refused; only ``reasoning.effort`` has a member of Converse
#: to go to. Members as the families' own request bodies name them (Bedrock user guide, read 2026-11; those of
#: claude, claude-adaptive, nova, gpt-oss and qwen are seen in recorded requests).
FAMILIES: Mapping[str, Row] = {
    "claude": _CLAUDE,
    # From Claude Opus 4.6 on: the model decides how much it thinks, and the effort says how eagerly.
    "claude-adaptive": {
        **_CLAUDE,
        "reasoning.budget_tokens": None,
        "reasoning.effort": {"thinking": {"type": "adaptive"}, "output_config": {"effort": VALUE}},
    },
    "nova": {"top_k": {"inferenceConfig": {"topK": VALUE}}, "reasoning.effort": None},
    "nova-2": {
        "top_k": {"inferenceConfig": {"topK": VALUE}},
        "reasoning.effort": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": VALUE}},
    },
    "mistral": {"top_k": {"top_k": VALUE}, "reasoning.effort": None},
    "cohere-command": {
        "top_k": {"k": VALUE},
        "seed": {"seed": VALUE},
        "presence_penalty": {"presence_penalty": VALUE},
        "frequency_penalty": {"frequency_penalty": VALUE},
        "reasoning.effort": None,
    },
    "jamba": {
        "presence_penalty": {"presence_penalty": VALUE},
        "frequency_penalty": {"frequency_penalty": VALUE},
        "reasoning.effort": None,
    },
    "gpt-oss": {"reasoning.effort": {"reasoning_effort": VALUE}},
    "qwen": {"top_k": {"top_k": VALUE}, "reasoning.effort": {"reasoning_config": VALUE}},
    "llama": {"reasoning.effort": None},
    "titan": {"reasoning.effort": None},
}

#: Foundation model -> family, by its whole id (list of the AWS CDK's Bedrock constructs, 2026-07).
_MODELS: Mapping[str, tuple[str, ...]] = {
    "claude": (
        "anthropic.claude-3-haiku-20240307-v1:0",
        "anthropic.claude-3-sonnet-20240229-v1:0",
        "anthropic.claude-3-opus-20240229-v1:0",
        "anthropic.claude-3-5-haiku-20241022-v1:0",
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-3-7-sonnet-20250219-v1:0",
        "anthropic.claude-sonnet-4-20250514-v1:0",
        "anthropic.claude-opus-4-20250514-v1:0",
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-opus-4-5-20251101-v1:0",
    ),
    "claude-adaptive": (
        "anthropic.claude-opus-4-6-v1",
        "anthropic.claude-sonnet-4-6",
        "anthropic.claude-opus-4-7",
        "anthropic.claude-opus-4-8",
    ),
    "nova": (
        "amazon.nova-micro-v1:0",
        "amazon.nova-lite-v1:0",
        "amazon.nova-pro-v1:0",
        "amazon.nova-premier-v1:0",
    ),
    "nova-2": ("amazon.nova-2-lite-v1:0",),
    "titan": ("amazon.titan-text-express-v1", "amazon.titan-text-premier-v1:0"),
    "mistral": (
        "mistral.mistral-7b-instruct-v0:2",
        "mistral.mixtral-8x7b-instruct-v0:1",
        "mistral.mistral-small-2402-v1:0",
        "mistral.mistral-large-2402-v1:0",
        "mistral.mistral-large-2407-v1:0",
        "mistral.pixtral-large-2502-v1:0",
    ),
    "cohere-command": ("cohere.command-r-v1:0", "cohere.command-r-plus-v1:0"),
    "jamba": ("ai21.jamba-instruct-v1:0", "ai21.jamba-1-5-mini-v1:0", "ai21.jamba-1-5-large-v1:0"),
    "gpt-oss": ("openai.gpt-oss-20b-1:0", "openai.gpt-oss-120b-1:0"),
    "qwen": ("qwen.qwen3-32b-v1:0",),
    "llama": (
        "meta.llama3-1-8b-instruct-v1:0",
        "meta.llama3-1-70b-instruct-v1:0",
        "meta.llama3-2-1b-instruct-v1:0",
        "meta.llama3-2-3b-instruct-v1:0",
        "meta.llama3-2-11b-instruct-v1:0",
        "meta.llama3-3-70b-instruct-v1:0",
        "meta.llama4-maverick-17b-instruct-v1:0",
        "meta.llama4-scout-17b-instruct-v1:0",
    ),
}
FAMILY_OF: Mapping[str, str] = {model: family for family, models in _MODELS.items() for model in models}


def family_of(declared: str | None, base_model: str | None) -> str | None:
    """Return the family that is declared, else that of the base model; ``None`` where neither says."""
    return declared or FAMILY_OF.get(base_model or "")
