"""The shipped payload mappings and prompts, read from package data when one is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import orjson

from dragoman.adapter import Operation, PayloadMapping, Prompt
from dragoman.errors import DocumentError, Problem
from dragoman.merge import Layer, merge

_DATA = resources.files(__package__) / "data"


@dataclass(frozen=True, slots=True)
class PayloadPreset:
    """A shipped mapping.

    Args:
        name: What ``mapping.preset`` says.
        title: What it is for.
        source: Where the format is documented; ``checked`` is the day it was looked up.
        mapping: The mapping's members.
        operation: What it is for: chat, embed or rerank.
        prompt: The prompt preset that goes with it where the document names none; ``None`` stands for ``plain``.
        note: What else a person must know, for example endpoint kwargs that the container wants.
    """

    name: str
    title: str
    source: str
    checked: str
    mapping: Mapping[str, Any]
    operation: Operation = "chat"
    prompt: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PromptPreset:
    """A shipped set of role markers; the members are those of :class:`PayloadPreset`."""

    name: str
    title: str
    source: str
    checked: str
    prompt: Mapping[str, Any]


@cache
def payload_preset_names() -> tuple[str, ...]:
    """Return the names that ``mapping.preset`` takes, sorted."""
    found = (entry.name for entry in (_DATA / "payloads").iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in found if name.endswith(".json")))


@lru_cache(maxsize=64)
def payload_preset(name: str) -> PayloadPreset:
    """Return a shipped mapping; raise ``DocumentError`` for a name that is none."""
    if name not in payload_preset_names():
        _unknown("mapping", name, payload_preset_names())
    return PayloadPreset(name=name, **orjson.loads((_DATA / "payloads" / f"{name}.json").read_bytes()))


@cache
def prompt_presets() -> Mapping[str, PromptPreset]:
    """Return the shipped prompts by name."""
    rows = orjson.loads((_DATA / "prompts.json").read_bytes())
    return {name: PromptPreset(name=name, **row) for name, row in rows.items()}


def prompt_preset(name: str) -> PromptPreset:
    """Return a shipped prompt; raise ``DocumentError`` for a name that is none."""
    presets = prompt_presets()
    if name not in presets:
        _unknown("prompt", name, sorted(presets))
    return presets[name]


def _unknown(section: str, name: str, known: Any) -> None:
    problem = Problem(f"{section}.preset", f"there is no preset {name!r}", f"there are {', '.join(known)}")
    raise DocumentError(section, [problem])


# --- presets under what a document writes beside them ------------------------------------------------------------


def expand_mapping(mapping: PayloadMapping) -> tuple[PayloadMapping, PayloadPreset | None]:
    """Return the mapping with its preset merged underneath, by the one merge rule; and the preset."""
    if mapping.preset is None:
        return mapping, None
    preset = payload_preset(mapping.preset)
    written = mapping.model_dump(exclude_unset=True, exclude={"preset"})
    return PayloadMapping.model_validate(_over("mapping", preset.mapping, written)), preset


def expand_prompt(prompt: Prompt | None, fallback: str | None = None) -> Prompt:
    """Return the prompt with its preset merged underneath.

    Args:
        prompt: The document's section; one without a preset stands for itself.
        fallback: The preset to take where there is no section at all; ``None`` takes ``plain``.
    """
    if prompt is not None and prompt.preset is None:
        return prompt
    name = prompt.preset if prompt is not None else fallback
    written = prompt.model_dump(exclude_unset=True, exclude={"preset"}) if prompt is not None else {}
    return Prompt.model_validate(_over("prompt", prompt_preset(name or "plain").prompt, written))


def _over(section: str, below: Mapping[str, Any], above: Mapping[str, Any]) -> Any:
    merged = merge([Layer("preset", {section: below}), Layer("document", {section: above})])
    return merged.document[section]
