"""Expressions: JMESPath, restricted so far that whoever may write an adapter cannot make one that hurts.

The library parses, and evaluates what is rare; the common shapes (paths, ``||``, ``&&``, ``!``, a comparison with
text) become closures. What makes JMESPath dangerous is refused when an expression is compiled: multi-selects and
expression references, with which values double at each step, and a ``join`` whose separator is data. What is left
runs in time linear in the value for each of at most :data:`MAX_NODES` nodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NoReturn

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.lexer import Lexer
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

MAX_CHARS = 256
MAX_NODES = 48
MAX_DEPTH = 24

NODES = frozenset(
    {
        "and_expression", "comparator", "current", "field", "filter_projection", "flatten", "function_expression",
        "identity", "index", "index_expression", "literal", "not_expression", "or_expression", "pipe", "projection",
        "slice", "subexpression", "value_projection",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "contains", "ends_with", "join", "keys", "length", "max", "min", "not_null", "sort", "starts_with", "sum",
        "to_number", "to_string", "type", "values",
    }
)  # fmt: skip

Node = Mapping[str, Any]
Search = Callable[[Any], Any]


class ExpressionRefused(Exception):  # noqa: N818  (it says what happened)
    """An expression that is not taken: why, and where in its text (from 0; ``None`` where it is about the whole)."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason if position is None else f"{reason} (at character {position})")
        self.reason = reason
        self.position = position


class Expression:
    """A compiled expression. ``search`` returns what it finds, ``None`` where that is nothing, and never raises."""

    __slots__ = ("search", "source", "tree")

    def __init__(self, source: str, tree: Node) -> None:
        self.source = source
        self.tree = tree
        self.search: Search = search_of(tree)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


@lru_cache(maxsize=1024)
def compile_expression(source: str) -> Expression:
    """Compile an expression.

    Raises:
        ExpressionRefused: It cannot be read, or is none of the restricted language.
    """
    if len(source) > MAX_CHARS:
        raise ExpressionRefused(f"has {len(source)} characters; at most {MAX_CHARS} are taken")
    if not source.strip():
        raise ExpressionRefused("is empty")
    _check_text(source)
    try:
        _check_tokens(list(Lexer().tokenize(source)))
        tree: Node = Parser().parse(source).parsed
    except JMESPathError as error:
        raise ExpressionRefused(*_said(error)) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ExpressionRefused(f"cannot be read: {type(error).__name__}") from None
    _check_tree(tree)
    return Expression(source, tree)


def is_false(value: Any) -> bool:
    """Whether JMESPath takes a value for false: null, false, and empty text, list and object; 0 is true."""
    return not value and (value is None or value is False or not isinstance(value, int | float))


# --- what is taken -----------------------------------------------------------------------------------------------

_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`""", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"


def _check_text(source: str) -> None:
    """Refuse what the library's parser must not see: deep nesting, and its deprecated literals that are not JSON."""
    for match in _QUOTED.finditer(source):
        if match[0].startswith("`"):
            try:
                json.loads(match[0][1:-1].replace("\\`", "`"), parse_constant=_no_constant)
            except (ValueError, RecursionError):
                what = "a literal in backticks is JSON, and text stands in single quotes"
                raise ExpressionRefused(what, match.start()) from None
    depth = 0
    for position, character in enumerate(_QUOTED.sub(lambda m: "_" * len(m[0]), source)):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth > MAX_DEPTH:
            raise ExpressionRefused(f"is nested more than {MAX_DEPTH} deep", position)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _check_tokens(tokens: list[dict[str, Any]]) -> None:
    """Refuse what is outside the language, while it is known where it stands."""
    negations = 0
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        kind, position = token["type"], token["start"]
        negations = negations + 1 if kind == "not" else 0
        if kind == "expref":
            raise ExpressionRefused("expression references (&) are not taken", position)
        if kind == "lbrace" or (kind == "lbracket" and following["type"] not in ("number", "colon", "star")):
            raise ExpressionRefused("multi-selects are not taken: an expression finds one value", position)
        if kind == "unquoted_identifier" and following["type"] == "lparen" and token["value"] not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ExpressionRefused(f"the function {token['value']} is not taken; there are {known}", position)
        if negations > MAX_DEPTH:
            raise ExpressionRefused(f"is nested more than {MAX_DEPTH} deep", position)


def _said(error: JMESPathError) -> tuple[str, int | None]:
    """Return a reading error's own words, without the library's drawing of the expression, and the position."""
    position = getattr(error, "lex_position", getattr(error, "lexer_position", None))
    text = getattr(error, "message", None) or getattr(error, "msg", None) or "is incomplete"
    return f"cannot be read: {text}", position if isinstance(position, int) and position >= 0 else None


def _check_tree(tree: Node) -> None:
    count = 0
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise ExpressionRefused(f"is nested more than {MAX_DEPTH} deep")
        if count > MAX_NODES:
            raise ExpressionRefused(f"has more than {MAX_NODES} parts")
        if node["type"] not in NODES:
            raise ExpressionRefused(f"{node['type']} is not taken")
        if check := _NODE_CHECKS.get(node["type"]):
            check(node)
        pending += [(child, depth + 1) for child in children(node)]


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes below a node; a slice's numbers are none."""
    return (child for child in node["children"] if isinstance(child, Mapping))


def _check_function(node: Node) -> None:
    name, given = node["value"], len(node["children"])
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    least, variadic = len(signature), bool(signature and signature[-1].get("variadic"))
    if given < least or (given > least and not variadic):
        raise ExpressionRefused(f"{name}() takes {'at least ' if variadic else ''}{least}, not {given}")
    if name == "join":
        separator = node["children"][0]
        if separator["type"] != "literal" or not isinstance(separator["value"], str):
            raise ExpressionRefused("join() takes its separator as text in quotes")


def _check_slice(node: Node) -> None:
    if node["children"][2] == 0:
        raise ExpressionRefused("a slice's step cannot be 0")


def _check_path(node: Node) -> None:
    """Refuse ``!a.b``: JMESPath reads it as ``(!a).b``, which finds nothing, ever."""
    if node["children"][0]["type"] == "not_expression":
        raise ExpressionRefused("! takes only the first name of a path: write !(a.b)")


_NODE_CHECKS: dict[str, Callable[[Node], None]] = {
    "function_expression": _check_function,
    "slice": _check_slice,
    "subexpression": _check_path,
    "index_expression": _check_path,
}


# --- evaluation --------------------------------------------------------------------------------------------------

_LIBRARY = TreeInterpreter()
_FAILURES = (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def search_of(node: Node) -> Search:
    """Return the function that evaluates a node."""
    make = _MAKERS.get(node["type"])
    return (make(node) if make is not None else None) or _by_library(node)


def _by_library(node: Node) -> Search:
    visit = _LIBRARY.visit

    def search(value: Any) -> Any:
        try:
            return visit(node, value)
        except _FAILURES:  # a function that cannot take its argument, a comparison of values nested too deep
            return None

    return search


def _field(node: Node) -> Search:
    name = node["value"]

    def search(value: Any) -> Any:
        return value.get(name) if isinstance(value, dict) else None

    return search


def _index(node: Node) -> Search:
    position: int = node["value"]

    def search(value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= position < len(value):
            return None
        return value[position]

    return search


def _chain(node: Node) -> Search:
    steps = tuple(search_of(step) for step in flat_chain(node))
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def search(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return search


def flat_chain(node: Node) -> list[Node]:
    """Return the steps of a path, in order; a chain inside a chain is taken apart."""
    if node["type"] not in CHAINS:
        return [node]
    return [step for child in node["children"] for step in flat_chain(child)]


CHAINS = frozenset({"subexpression", "index_expression", "pipe"})


def _or(node: Node) -> Search:
    left, right = map(search_of, node["children"])

    def search(value: Any) -> Any:
        found = left(value)
        return right(value) if is_false(found) else found

    return search


def _and(node: Node) -> Search:
    left, right = map(search_of, node["children"])

    def search(value: Any) -> Any:
        found = left(value)
        return found if is_false(found) else right(value)

    return search


def _not(node: Node) -> Search:
    inner = search_of(node["children"][0])
    return lambda value: is_false(inner(value))


def _comparator(node: Node) -> Search | None:
    """Return a closure for ``path == 'text'`` and ``!=``; other comparisons have rules of their own."""
    left, right = node["children"]
    if right["type"] != "literal" or not isinstance(right["value"], str) or node["value"] not in ("eq", "ne"):
        return None
    inner, text, equal = search_of(left), right["value"], node["value"] == "eq"
    return lambda value: (inner(value) == text) is equal


def _function(node: Node) -> Search | None:
    """Return a closure for ``not_null``, the way to say "this or that" where empty text is an answer."""
    if node["value"] != "not_null":
        return None
    choices = tuple(map(search_of, node["children"]))
    return lambda value: next((found for search in choices if (found := search(value)) is not None), None)


def _literal(node: Node) -> Search:
    constant = node["value"]
    return lambda value: constant


def _itself(node: Node) -> Search:
    return lambda value: value


_MAKERS: dict[str, Callable[[Node], Search | None]] = {
    "field": _field,
    "index": _index,
    **dict.fromkeys(CHAINS, _chain),
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "comparator": _comparator,
    "function_expression": _function,
    "literal": _literal,
    "current": _itself,
    "identity": _itself,
}
