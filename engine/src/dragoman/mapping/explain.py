"""Where an expression stopped: the last part that was found and its type. Never a value of the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from dragoman.mapping.expressions import CHAINS, Expression, Node, flat_chain, is_false, search_of

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def explain(expression: Expression, value: Any) -> str:
    """Say for each alternative of an expression that found nothing where it stopped."""
    return "; ".join(_alternatives(expression.tree, value))


def kind_of(value: Any) -> str:
    """Return a value's type in JSON's words, with its size where it is a list."""
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str):
        return "text" if value else "empty text"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "a number" if isinstance(value, int | float) else "an object"


def _alternatives(node: Node, value: Any) -> list[str]:
    kind, below = node["type"], node["children"]
    if kind == "and_expression":
        if is_false(search_of(below[0])(value)):
            return ["what stands before && is not so"]
        below = below[1:]
    elif kind not in ("or_expression", "function_expression"):
        return [_walk(_steps(node), value)]
    return [said for child in below if not _is_constant(child) for said in _alternatives(child, value)]


def is_hollow(expression: Expression, value: Any) -> bool:
    """Whether an empty result only means that no element of a list had what was asked of each."""
    return _is_hollow(expression.tree, value)


def _is_hollow(node: Node, value: Any) -> bool:
    kind = node["type"]
    if kind in _PROJECTIONS:
        left = search_of(node["children"][0])(value)
        return bool(left) and not search_of(node)(value)
    if kind in ("or_expression", "and_expression", "function_expression"):
        return any(_is_hollow(child, value) for child in node["children"])
    return False


def _is_constant(node: Node) -> bool:
    return bool(node["type"] == "literal")


class _Step(NamedTuple):
    """One part of a path: its text, and how to take it.

    ``name`` is a member's, which may be there and be null. A projection also stops where no element has what it asks.
    """

    text: str
    search: Callable[[Any], Any]
    name: str | None = None
    projects: bool = False

    def misses(self, value: Any, inner: Any) -> bool:
        if inner is None:
            return not (isinstance(value, dict) and self.name in value)
        return self.projects and bool(value) and not inner


def _steps(node: Node) -> list[_Step]:
    """Return the steps of a path with what each adds to its text; a projection's inside is one step."""
    kind = node["type"]
    if kind in CHAINS:
        return [step for part in flat_chain(node) for step in _steps(part)]
    if kind in ("projection", "filter_projection", "value_projection"):
        left, right = node["children"][0], node["children"][1]
        opened = _PROJECTIONS[kind]
        projected: dict[str, Any] = {**node, "children": [{"type": "identity", "children": []}, *node["children"][1:]]}
        if left["type"] == "flatten":
            left = left["children"][0]
            opened = "[]"
            projected["children"][0] = {"type": "flatten", "children": [{"type": "identity", "children": []}]}
        inside = "".join(step.text for step in _steps(right))
        return [*_steps(left), _Step(opened + inside, search_of(projected), projects=True)]
    if kind in ("identity", "current"):
        return []
    text = _TEXTS[kind](node) if kind in _TEXTS else f"({kind.replace('_', ' ')})"
    return [_Step(text, search_of(node), name=node["value"] if kind == "field" else None)]


_PROJECTIONS = {"projection": "[*]", "filter_projection": "[?…]", "value_projection": ".*"}


def _field_text(node: Node) -> str:
    name = node["value"]
    return "." + (name if _PLAIN_NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False))


_TEXTS: dict[str, Callable[[Node], str]] = {
    "field": _field_text,
    "index": lambda node: f"[{node['value']}]",
    "flatten": lambda node: "[]",
    "slice": lambda node: "[:]",
}


def _walk(steps: list[_Step], value: Any) -> str:
    found = ""
    for step in steps:
        inner = step.search(value)
        if step.misses(value, inner):
            place = f"{found.lstrip('.')} is" if found else "the whole is"
            return f"{place} {kind_of(value)}, without {step.text.lstrip('.')}"
        found, value = found + step.text, inner
    return f"{found.lstrip('.') or 'the whole'} is {kind_of(value)}"
