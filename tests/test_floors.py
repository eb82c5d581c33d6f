"""The engine knows no provider, and ARCHITECTURE.md knows the engine."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dragoman import hookspecs
from dragoman.plugins import load_plugins

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "engine" / "src" / "dragoman"
SOURCES = sorted(PACKAGE.rglob("*.py"))

#: Vendors and products that are, or could be, a plugin's business; the kinds of the installed plugins come on top.
VENDORS = {
    "ai21", "anthropic", "azure", "bedrock", "claude", "cohere", "deepseek", "gemini", "groq", "huggingface", "mistral",
    "ollama", "openai", "sagemaker", "vertex", "vllm",
}  # fmt: skip

#: The one shape of messages that callers write, the name that everybody has for it, and the addresses of its doors.
SHAPE = re.compile(r"openai(-shaped|'s( chat)? api| shape|s\b|'s\b)|/openai/(models|deployments)\b", re.IGNORECASE)


def spoken(source: Path) -> Iterator[tuple[int, str]]:
    """Yield the identifiers and texts of a module, with their lines; docstrings and comments are for people."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value
        elif isinstance(
            node, ast.Name | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.arg | ast.Attribute
        ):
            name = next(getattr(node, field) for field in ("id", "name", "arg", "attr") if hasattr(node, field))
            yield node.lineno, name


def named(text: str, names: set[str]) -> set[str]:
    words = re.split(r"[^a-z0-9-]+|(?<=[a-z])(?=[A-Z])|_", SHAPE.sub("", text).lower())
    return names & {part for word in words for part in (word, *word.split("-"))}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_engine_names_no_provider(source: Path) -> None:
    plugins = [plugin for plugin in load_plugins().loaded if plugin.distribution != "dragoman"]
    kinds = {d.kind for plugin in plugins for d in plugin.providers} - {"local", "http"}  # also ordinary words
    found = [f"line {line}: {text!r}" for line, text in spoken(source) if named(text, VENDORS | kinds)]
    assert not found, "what is said of one provider belongs into its plugin"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_engine_has_no_adapter_of_its_own(source: Path) -> None:
    assert [line for line, text in spoken(source) if text == "local"] == []


def test_architecture_shows_every_module_of_the_engine() -> None:
    written = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = written.split("## The floors")[1].split("## ")[0]
    modules = {
        p.stem
        for p in PACKAGE.iterdir()
        if (p.suffix == ".py" and p.stem != "__init__") or (p / "__init__.py").exists()
    }
    assert modules == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| [\w ]+ \|([^|]*)\|", table, re.MULTILINE))))


def test_architecture_shows_every_hook() -> None:
    written = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    hooks = {name for name in vars(hookspecs) if name.startswith("dragoman_")}
    assert hooks == set(re.findall(r"`(dragoman_\w+)`", written))
