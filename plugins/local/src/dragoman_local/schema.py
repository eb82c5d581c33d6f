"""JSON Schema as the toy model understands it: reading a schema, and whether a value conforms.

What is not understood is refused, never ignored: a value that was checked here conforms. Keywords that only describe
(``title``, ``default``, ``format`` and the like) are passed over, as the standard says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import unquote

from dragoman_local.patterns import PatternError, example

#: A schema comes from a caller: how deep, and how much work, before it is refused.
MAX_DEPTH = 60
MAX_STEPS = 50_000
#: No text is made longer, and no list or object larger, than this.
MAX_CHARS = 10_000
MAX_MEMBERS = 1_000

Keywords = Mapping[str, Any]

_IMPOSSIBLE: Keywords = {"enum": ()}
_ANYTHING: Keywords = {}


class SchemaError(ValueError):
    """The schema cannot be followed: malformed, beyond what is understood, or beyond what can be satisfied."""


class UndecidedError(SchemaError):
    """Whether the value conforms cannot be told."""


class Schemas:
    """One document of schemas, and the work that may still be spent on it."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._steps = MAX_STEPS

    def read(self, schema: Any, depth: int = 0) -> Keywords:
        """Return a schema's keywords after checking that each can be followed; ``$ref`` and all stay as they are."""
        self._steps -= 1
        if self._steps < 0 or depth > MAX_DEPTH:
            raise SchemaError("is too large or too deep")
        if isinstance(schema, bool):
            return _ANYTHING if schema else _IMPOSSIBLE
        if not isinstance(schema, Mapping):
            raise SchemaError(f"holds {type(schema).__name__} where a schema is expected")
        for keyword, value in schema.items():
            if keyword in _NOT_UNDERSTOOD:
                raise SchemaError(f"uses {keyword}, which is not understood here")
            if (holds := _SHAPES.get(keyword)) and not holds(value):
                raise SchemaError(f"has a {keyword} that is malformed")
        return schema

    def target(self, reference: str) -> Any:
        """Return what a ``$ref`` points to: ``#`` or a JSON pointer in the same document."""
        if reference != "#" and not reference.startswith("#/"):
            raise SchemaError("refers to another document or by an anchor; only #/… is understood")
        found = self._root
        for step in reference.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise SchemaError("has a $ref that points nowhere")
        return found

    def conforms(self, value: Any, schema: Any, depth: int = 0) -> bool:
        """Tell whether a JSON value follows the schema."""
        keywords = self.read(schema, depth)
        check = _Check(self, keywords, depth + 1)
        return all(
            _CHECKS[keyword].holds(check, value, wanted)
            for keyword, wanted in keywords.items()
            if keyword in _CHECKS and _CHECKS[keyword].speaks_of(value)
        )


# --- values ------------------------------------------------------------------------------------------------------

_NUMBER = (int, float)


def same(a: Any, b: Any) -> bool:
    """Compare as JSON does: 1 is 1.0, and neither is true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def is_type(value: Any, name: str) -> bool:
    """Tell whether a value is of one of JSON Schema's types; 3.0 is an integer."""
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, float):
        return name == "number" or (name == "integer" and value.is_integer())
    return isinstance(value, TYPES[name])


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": _NUMBER,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def exact(number: float) -> Fraction:
    """Return the number as it is written in JSON: 0.1 is a tenth."""
    return Fraction(number) if isinstance(number, int) else Fraction(str(number))


def type_names(keywords: Keywords) -> tuple[str, ...]:
    """Return what ``type`` names; empty where it is absent."""
    named = keywords.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def lengths(keywords: Keywords) -> tuple[int, int]:
    """Return the shortest and the longest text that is wanted, in characters."""
    least, most = int(keywords.get("minLength", 0)), int(keywords.get("maxLength", MAX_CHARS))
    if least > min(most, MAX_CHARS):
        raise SchemaError("wants too long a text")
    return least, most


def pattern_example(keywords: Keywords) -> str:
    """Return the text that is made for a ``pattern``, within the lengths beside it."""
    least, most = lengths(keywords)
    try:
        return example(keywords["pattern"], least, most)
    except PatternError as error:
        raise SchemaError(f"has a pattern that cannot be followed: {error}") from None


# --- whether a keyword is well formed ----------------------------------------------------------------------------


def _is_schema(value: Any) -> bool:
    return isinstance(value, Mapping | bool)


def _is_schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_schema, value))


def _is_named_schemas(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_schema, value.values()))


def _is_number(value: Any) -> TypeGuard[float]:
    return not isinstance(value, bool) and (
        isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    )


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else _is_names(value) and bool(value) and set(value) <= set(TYPES)


def _is_named_names(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_names, value.values()))


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "$ref": lambda value: isinstance(value, str),
    "type": _is_type,
    "enum": lambda value: isinstance(value, list | tuple),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    "multipleOf": _is_positive,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _is_count),
    "pattern": lambda value: isinstance(value, str),
    "format": lambda value: isinstance(value, str),
    "uniqueItems": lambda value: isinstance(value, bool),
    **dict.fromkeys(("items", "additionalProperties", "propertyNames", "not", "if", "then", "else"), _is_schema),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _is_schemas),
    "properties": _is_named_schemas,
    "required": _is_names,
    "dependentRequired": _is_named_names,
}

#: Keywords that say what a value must be, in ways that are not followed here.
_NOT_UNDERSTOOD = frozenset(
    {
        "$dynamicRef",
        "$recursiveRef",
        "additionalItems",
        "contains",
        "dependencies",
        "dependentSchemas",
        "maxContains",
        "minContains",
        "patternProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)


# --- whether a value holds ---------------------------------------------------------------------------------------


class _Check:
    """One value against one schema; each method is one keyword."""

    def __init__(self, schemas: Schemas, keywords: Keywords, depth: int) -> None:
        self._schemas = schemas
        self._keywords = keywords
        self._depth = depth

    def _ok(self, value: Any, schema: Any) -> bool:
        return self._schemas.conforms(value, schema, self._depth)

    def ref(self, value: Any, wanted: str) -> bool:
        return self._ok(value, self._schemas.target(wanted))

    def type(self, value: Any, wanted: Any) -> bool:
        return any(is_type(value, name) for name in type_names({"type": wanted}))

    def enum(self, value: Any, wanted: Sequence[Any]) -> bool:
        return any(same(value, one) for one in wanted)

    def all_of(self, value: Any, wanted: Sequence[Any]) -> bool:
        return all(self._ok(value, schema) for schema in wanted)

    def any_of(self, value: Any, wanted: Sequence[Any]) -> bool:
        unknown = None
        for schema in wanted:
            try:
                if self._ok(value, schema):
                    return True
            except UndecidedError as error:
                unknown = error
        if unknown:
            raise unknown
        return False

    def one_of(self, value: Any, wanted: Sequence[Any]) -> bool:
        return sum(self._ok(value, schema) for schema in wanted) == 1

    def if_(self, value: Any, wanted: Any) -> bool:
        return self._ok(value, self._keywords.get("then" if self._ok(value, wanted) else "else", True))

    def multiple_of(self, value: float, wanted: float) -> bool:
        # As decimal fractions, the way they are written: 0.3 is three times 0.1.
        return (exact(value) / exact(wanted)).denominator == 1

    def pattern(self, value: str, wanted: str) -> bool:
        if value == pattern_example(self._keywords):
            return True
        # It may match all the same; but an expression is never run (see `patterns`).
        raise UndecidedError("has a pattern that cannot be checked where it stands")

    def unique(self, value: list[Any], wanted: bool) -> bool:
        return not wanted or not any(same(a, b) for i, a in enumerate(value) for b in value[:i])

    def prefix_items(self, value: list[Any], wanted: Sequence[Any]) -> bool:
        return all(self._ok(item, schema) for item, schema in zip(value, wanted, strict=False))

    def items(self, value: list[Any], wanted: Any) -> bool:
        return all(self._ok(item, wanted) for item in value[len(self._keywords.get("prefixItems", ())) :])

    def properties(self, value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        return all(self._ok(value[name], schema) for name, schema in wanted.items() if name in value)

    def additional(self, value: Mapping[str, Any], wanted: Any) -> bool:
        declared = self._keywords.get("properties", {})
        return all(self._ok(member, wanted) for name, member in value.items() if name not in declared)

    def names(self, value: Mapping[str, Any], wanted: Any) -> bool:
        return all(self._ok(name, wanted) for name in value)

    def dependent(self, value: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> bool:
        return all(value.keys() >= set(names) for name, names in wanted.items() if name in value)


class _Keyword(NamedTuple):
    kinds: tuple[type, ...]
    holds: Callable[[_Check, Any, Any], bool]

    def speaks_of(self, value: Any) -> bool:
        return isinstance(value, self.kinds) and not (self.kinds is _NUMBER and isinstance(value, bool))


_ANY: tuple[type, ...] = (object,)

_CHECKS: dict[str, _Keyword] = {
    "$ref": _Keyword(_ANY, _Check.ref),
    "type": _Keyword(_ANY, _Check.type),
    "enum": _Keyword(_ANY, _Check.enum),
    "const": _Keyword(_ANY, lambda _, value, wanted: same(value, wanted)),
    "allOf": _Keyword(_ANY, _Check.all_of),
    "anyOf": _Keyword(_ANY, _Check.any_of),
    "oneOf": _Keyword(_ANY, _Check.one_of),
    "not": _Keyword(_ANY, lambda check, value, wanted: not check._ok(value, wanted)),
    "if": _Keyword(_ANY, _Check.if_),
    "minimum": _Keyword(_NUMBER, lambda _, value, wanted: value >= wanted),
    "maximum": _Keyword(_NUMBER, lambda _, value, wanted: value <= wanted),
    "exclusiveMinimum": _Keyword(_NUMBER, lambda _, value, wanted: value > wanted),
    "exclusiveMaximum": _Keyword(_NUMBER, lambda _, value, wanted: value < wanted),
    "multipleOf": _Keyword(_NUMBER, _Check.multiple_of),
    "minLength": _Keyword((str,), lambda _, value, wanted: len(value) >= wanted),
    "maxLength": _Keyword((str,), lambda _, value, wanted: len(value) <= wanted),
    "pattern": _Keyword((str,), _Check.pattern),
    "minItems": _Keyword((list,), lambda _, value, wanted: len(value) >= wanted),
    "maxItems": _Keyword((list,), lambda _, value, wanted: len(value) <= wanted),
    "uniqueItems": _Keyword((list,), _Check.unique),
    "prefixItems": _Keyword((list,), _Check.prefix_items),
    "items": _Keyword((list,), _Check.items),
    "required": _Keyword((dict,), lambda _, value, wanted: value.keys() >= set(wanted)),
    "properties": _Keyword((dict,), _Check.properties),
    "additionalProperties": _Keyword((dict,), _Check.additional),
    "minProperties": _Keyword((dict,), lambda _, value, wanted: len(value) >= wanted),
    "maxProperties": _Keyword((dict,), lambda _, value, wanted: len(value) <= wanted),
    "propertyNames": _Keyword((dict,), _Check.names),
    "dependentRequired": _Keyword((dict,), _Check.dependent),
}
