"""What an expression reads of the request: found once, when a mapping is compiled.

It decides what the request view has to hold, and which of a caller's settings would be dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dragoman.mapping.expressions import Node

#: A path in the request view, list positions left out: ``("messages", "blocks", "text")``.
Path = tuple[str, ...]
#: Where a value may come from; empty for one that is made up, as a literal or a comparison's answer is.
Places = frozenset[Path]

ROOT: Places = frozenset({()})
NOWHERE: Places = frozenset()


class Reads:
    """The paths that are read. A path that was read as a whole stands for everything below it.

    They are collected while a mapping is compiled and asked for afterwards, with each request, so answers are kept.
    """

    def __init__(self) -> None:
        self.paths: set[Path] = set()
        self._answers: dict[Path, bool] = {}

    def add(self, node: Node, scope: Places) -> None:
        """Note what an expression's value is made of, evaluated at ``scope``."""
        self.paths |= self.trace(node, scope)

    def trace(self, node: Node, scope: Places) -> Places:
        """Return where an expression's value comes from; note what it looks at on the way."""
        follow = _FOLLOW.get(node["type"])
        if follow is not None:
            return follow(self, node, scope)
        return scope  # identity, current, index and slice: list positions do not count

    def holds(self, *path: str) -> bool:
        """Whether a path, something above it or something below it is read."""
        answer = self._answers.get(path)
        if answer is None:
            answer = self._answers[path] = any(read[: len(path)] == path[: len(read)] for read in self.paths)
        return answer

    def names(self, *path: str) -> set[str]:
        """Return the names read directly below a path."""
        return {read[len(path)] for read in self.paths if len(read) > len(path) and read[: len(path)] == path}

    # --- one function for each kind of node ----------------------------------------------------------------------

    def _field(self, node: Node, scope: Places) -> Places:
        return frozenset((*place, node["value"]) for place in scope)

    def _chain(self, node: Node, scope: Places) -> Places:
        for step in node["children"]:
            scope = self.trace(step, scope)
        return scope

    def _values(self, node: Node, scope: Places) -> Places:
        left = self.trace(node["children"][0], scope)
        self.paths |= left  # which names it meets is not known
        return self.trace(node["children"][1], left)

    def _filter(self, node: Node, scope: Places) -> Places:
        left, right, condition = node["children"]
        elements = self.trace(left, scope)
        self.add(condition, elements)
        return self.trace(right, elements)

    def _flatten(self, node: Node, scope: Places) -> Places:
        return self.trace(node["children"][0], scope)

    def _or(self, node: Node, scope: Places) -> Places:
        left, right = (self.trace(child, scope) for child in node["children"])
        return left | right

    def _and(self, node: Node, scope: Places) -> Places:
        left, right = (self.trace(child, scope) for child in node["children"])
        self.paths |= left
        return right

    def _made(self, node: Node, scope: Places) -> Places:
        for child in node["children"]:
            self.add(child, scope)
        return NOWHERE

    def _function(self, node: Node, scope: Places) -> Places:
        places = [self.trace(child, scope) for child in node["children"]]
        everything = frozenset().union(*places) if places else NOWHERE
        self.paths |= everything
        return everything if node["value"] in _HANDS_ON else NOWHERE

    def _literal(self, node: Node, scope: Places) -> Places:
        return NOWHERE


#: Functions whose value is, or holds, a part of their argument.
_HANDS_ON = frozenset({"max", "min", "not_null", "sort", "values"})

_FOLLOW: dict[str, Callable[[Reads, Any, Places], Places]] = {
    "field": Reads._field,
    "subexpression": Reads._chain,
    "index_expression": Reads._chain,
    "pipe": Reads._chain,
    "projection": Reads._chain,
    "value_projection": Reads._values,
    "filter_projection": Reads._filter,
    "flatten": Reads._flatten,
    "or_expression": Reads._or,
    "and_expression": Reads._and,
    "not_expression": Reads._made,
    "comparator": Reads._made,
    "function_expression": Reads._function,
    "literal": Reads._literal,
}
