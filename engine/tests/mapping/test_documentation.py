"""docs/mapping.md and the form's schema stay in step with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dragoman.adapter import Adapter, PayloadMapping, Prompt, StreamRules, check_document
from dragoman.documents import parse_document
from dragoman.mapping import mapping_problems, payload_preset, payload_preset_names, prompt_presets
from dragoman.mapping.blocks import BLOCK_MEMBERS
from dragoman.mapping.expressions import FUNCTIONS, MAX_CHARS, MAX_DEPTH, MAX_NODES
from dragoman.mapping.payload import FRAMINGS
from dragoman.mapping.skeleton import MAX_DEPTH as MAX_SKELETON_DEPTH
from dragoman.mapping.view import CHAT_VIEW, EMBED_VIEW, RERANK_VIEW

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")


def rows(section: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a section's table."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    tables = re.findall(r"\|---.*\n((?:\|.*\n)+)", text)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in tables[number].splitlines()]


def names(section: str, number: int = 0) -> list[str]:
    return [re.findall(r"`([^`]+)`", row[0])[0] for row in rows(section, number)]


def test_every_member_of_the_view_is_described() -> None:
    assert set(names("The request view")) == set(CHAT_VIEW) | set(EMBED_VIEW) | set(RERANK_VIEW)
    described = {row[0].strip("` "): row[1] for row in rows("The request view")}
    for member in ("messages", "turns", "tools", "tool_choice"):
        assert set(CHAT_VIEW[member]) <= set(re.findall(r"`(\w+)`", described[member])), member


def test_every_block_member_is_described() -> None:
    described = {name for row in rows("The request view", 1) for name in re.findall(r"`(\w+)`", row[1])}
    assert described - {"png", "turns"} == set(BLOCK_MEMBERS) - {"type"}


def test_every_rule_is_described() -> None:
    assert set(names("Rules for answers")) == set(StreamRules.model_fields) | {"embeddings", "ranking"}
    assert set(names("Rules for answers", 1)) == set(FRAMINGS)


def test_every_function_and_bound_is_described() -> None:
    section = PAGE.split("## Expressions\n")[1].split("\n## ")[0]
    assert set(FUNCTIONS) <= set(re.findall(r"`(\w+)`", section))
    assert f"at most {MAX_CHARS} characters, {MAX_NODES} parts, {MAX_DEPTH} levels" in section
    assert f"at most {MAX_SKELETON_DEPTH} levels deep" in PAGE


def test_every_preset_is_described_with_its_prompt_and_its_stream() -> None:
    table = {row[0].strip("`"): row for row in rows("Presets, and what proves them")}
    assert set(table) == set(payload_preset_names())
    for name, row in table.items():
        preset = payload_preset(name)
        if preset.operation == "chat":
            assert row[3] == f"`{preset.mapping['framing']}`"
            assert row[2] == f"`{preset.prompt or 'plain'}`" or row[2] in ("(messages)", "(turns)")
            assert row[2].startswith("(") != ("'prompt'" in str(preset.mapping["request"]))
    assert set(names("Prompts")) == set(prompt_presets())


def test_examples_hold_and_show_every_member() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    adapters = [check_document(parse_document(text, ".yaml", "docs/mapping.md"), "docs/mapping.md") for text in blocks]
    for adapter in adapters:
        mapping = adapter.mapping or PayloadMapping(preset="tgi")
        assert mapping_problems(mapping, adapter.prompt, adapter.operation or "chat") == []
    assert set(PayloadMapping.model_fields) == set().union(*(a.mapping.model_fields_set for a in adapters if a.mapping))
    assert set(Prompt.model_fields) == set().union(*(a.prompt.model_fields_set for a in adapters if a.prompt))


@pytest.mark.parametrize(
    "section", ["PayloadMapping", "Prompt", "RankingRules", "ResponseRules", "StreamRules", "ToolCallRules"]
)
def test_form_has_a_description_for_every_member(section: str) -> None:
    properties = Adapter.model_json_schema()["$defs"][section]["properties"]
    assert [name for name, schema in properties.items() if not schema.get("description")] == []
