"""Values that conform to a JSON Schema: from the prompt where it mentions one that fits, else made up.

Every value is checked before it is handed out (see `schema`); a schema that cannot be satisfied is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dragoman_local.formats import ANY_FORMAT, FORMATS
from dragoman_local.prompted import Prompted
from dragoman_local.sampling import Sampler
from dragoman_local.schema import (
    MAX_MEMBERS,
    Keywords,
    SchemaError,
    Schemas,
    exact,
    lengths,
    pattern_example,
    same,
    type_names,
)

#: Below this depth optional members are left out and lists stay empty, so that recursive schemas come to an end.
MAX_GENEROUS_DEPTH = 4
#: How often another value is tried where a list wants different ones.
MAX_VARIANTS = 40
#: Beyond so many texts of its own in one value, the model writes the same one.
MAX_PHRASES = 100
_MAX_CHOICES = 100

T = TypeVar("T")


def conforming_value(
    schema: Any, root: Any, *, sampler: Sampler, prompted: Prompted, phrase: Callable[[str], str]
) -> Any:
    """Return a JSON value that conforms to the schema.

    Args:
        schema: The schema; ``root`` is the document that its references point into.
        sampler: Chooses where there is a choice.
        prompted: What the prompt mentions; what is used is used up.
        phrase: Writes a short text about a member's name, which may be empty.

    Raises:
        SchemaError: The schema cannot be followed, or no value was found.
    """
    schemas = Schemas(root)
    failure = SchemaError("cannot be satisfied")
    for generous in (True, False):
        try:
            value = _Maker(schemas, sampler, prompted, phrase, generous).make(schema)
            if schemas.conforms(value, schema):
                return value
        except SchemaError as error:
            failure = error
    raise failure


class _Maker:
    def __init__(
        self, schemas: Schemas, sampler: Sampler, prompted: Prompted, phrase: Callable[[str], str], generous: bool
    ) -> None:
        self._schemas = schemas
        self._sampler = sampler
        self._prompted = prompted
        self._phrase = phrase
        self._generous = generous
        self._phrases_left = MAX_PHRASES
        self._variant = 0

    def make(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value for the schema of the member ``name``."""
        flat, groups = self._gathered(schema, {}, [], depth)
        failure = SchemaError("cannot be satisfied")
        for keywords in self._branches(flat, groups, depth):
            try:
                value = self._value(keywords, name, depth)
                if not groups or self._schemas.conforms(value, schema, depth):
                    return value
            except SchemaError as error:
                failure = error
        raise failure

    # --- schemas that consist of schemas -------------------------------------------------------------------------

    def _gathered(
        self, schema: Any, flat: dict[str, Any], groups: list[Sequence[Any]], depth: int
    ) -> tuple[dict[str, Any], list[Sequence[Any]]]:
        """Add a schema's keywords to ``flat``, its ``$ref`` and ``allOf`` included, and its choices to ``groups``."""
        for keyword, value in self._schemas.read(schema, depth).items():
            if keyword == "$ref":
                self._gathered(self._schemas.target(value), flat, groups, depth + 1)
            elif keyword == "allOf":
                for part in value:
                    self._gathered(part, flat, groups, depth + 1)
            elif keyword in ("anyOf", "oneOf"):
                groups.append(value)
            else:
                flat[keyword] = _JOIN.get(keyword, _later)(flat[keyword], value) if keyword in flat else value
        return flat, groups

    def _branches(self, flat: dict[str, Any], groups: list[Sequence[Any]], depth: int) -> Iterator[dict[str, Any]]:
        """Yield the keywords of every way through the choices."""
        if not groups:
            yield flat
            return
        choices, *rest = groups
        if not self._is_generous(depth):
            choices = sorted(choices, key=lambda choice: _size(self._schemas.read(choice, depth)))
        for choice in choices:
            yield from self._branches(*self._gathered(choice, dict(flat), list(rest), depth + 1), depth + 1)

    # --- values --------------------------------------------------------------------------------------------------

    def _value(self, keywords: Keywords, name: str, depth: int) -> Any:
        if "const" in keywords:
            return keywords["const"]
        if "enum" in keywords:
            return self._member(keywords)
        failure = SchemaError("has types that exclude each other")
        for kind in type_names(keywords) or (_implied_type(keywords),):
            try:
                return _MAKE[kind](self, keywords, name, depth)
            except SchemaError as error:
                failure = error
        raise failure

    def _member(self, keywords: Keywords) -> Any:
        rest = {k: v for k, v in keywords.items() if k != "enum"}
        fitting = [one for one in keywords["enum"] if self._schemas.conforms(one, rest)]
        if not fitting:
            raise SchemaError("has an enum of which no member fits")
        mentioned = [one for one in fitting if isinstance(one, str) and self._prompted.mentions(one)]
        return self._pick(fitting if self._variant else mentioned[:1] or fitting)

    def _null(self, keywords: Keywords, name: str, depth: int) -> None:
        return None

    def _boolean(self, keywords: Keywords, name: str, depth: int) -> bool:
        return self._pick((True, False))

    def _integer(self, keywords: Keywords, name: str, depth: int) -> int:
        return int(self._a_number({**keywords, "type": "integer"}))

    def _number(self, keywords: Keywords, name: str, depth: int) -> float:
        return self._a_number({**keywords, "type": "number"})

    def _a_number(self, keywords: Keywords) -> int | float:
        limits = {k: v for k, v in keywords.items() if k in _NUMBER_KEYWORDS}

        def fits(number: float) -> bool:
            return self._schemas.conforms(number, limits)

        if not self._variant and (given := self._prompted.number(fits)) is not None:
            return given
        found = list(filter(fits, _numbers(limits)))
        if not found:
            raise SchemaError("leaves no number")
        return self._pick(found)

    def _string(self, keywords: Keywords, name: str, depth: int) -> str:
        if "pattern" in keywords:
            return pattern_example(keywords)
        least, most = lengths(keywords)
        examples, well_formed = FORMATS.get(keywords.get("format", ""), ANY_FORMAT)

        def fits(text: str) -> bool:
            return least <= len(text) <= most and well_formed(text)

        if not self._variant and (given := self._prompted.text(fits)) is not None:
            return given
        if known := [text for text in examples if fits(text)]:
            return self._pick(known)
        return _of_length(self._text(name), least, most)

    def _text(self, name: str) -> str:
        self._phrases_left -= 1
        text = self._phrase(name) if self._phrases_left >= 0 else name or "Text"
        return f"{self._variant} {text}" if self._variant else text

    def _array(self, keywords: Keywords, name: str, depth: int) -> list[Any]:
        prefix, rest = keywords.get("prefixItems", ()), keywords.get("items", True)
        values: list[Any] = []
        for i in range(self._length(keywords, depth)):
            schema = prefix[i] if i < len(prefix) else rest
            earlier = values if keywords.get("uniqueItems") else ()
            values.append(self._other_than(earlier, schema, name, depth + 1))
        return values

    def _length(self, keywords: Keywords, depth: int) -> int:
        least, most = int(keywords.get("minItems", 0)), int(keywords.get("maxItems", MAX_MEMBERS))
        if least > min(most, MAX_MEMBERS):
            raise SchemaError("wants too long a list")
        if not self._is_generous(depth) or keywords.get("items") is False:
            wanted = len(keywords.get("prefixItems", ())) if self._is_generous(depth) else 0
            return min(max(least, wanted), most)
        shortest = max(least, len(keywords.get("prefixItems", ())), 1)
        return min(self._pick(range(shortest, shortest + 3)), most)

    def _other_than(self, earlier: Sequence[Any], schema: Any, name: str, depth: int) -> Any:
        before = self._variant
        try:
            for self._variant in range(before, before + MAX_VARIANTS):
                value = self.make(schema, name, depth)
                if not any(same(value, one) for one in earlier):
                    return value
        finally:
            self._variant = before
        raise SchemaError("wants more different items than were found")

    def _object(self, keywords: Keywords, name: str, depth: int) -> dict[str, Any]:
        properties = keywords.get("properties", {})
        most = keywords.get("maxProperties", MAX_MEMBERS)
        least = keywords.get("minProperties", 0)
        required = set(keywords.get("required", ()))
        made: dict[str, Any] = {}
        for member in [*properties, *sorted(required - set(properties))]:
            if member in required:
                made[member] = self._property(keywords, member, depth)
        room = most - len(made)
        wanted = room if self._is_generous(depth) else least - len(made)
        for member in [m for m in properties if m not in required]:
            if wanted <= 0:
                break
            wanted -= self._try_property(made, keywords, member, depth)
        self._complete(made, keywords, depth)
        return {member: made[member] for member in [*properties, *made] if member in made}

    def _complete(self, made: dict[str, Any], keywords: Keywords, depth: int) -> None:
        """Add what the members demand of each other, and as many as are wanted at least."""
        needs = keywords.get("dependentRequired", {})
        while missing := [m for name in made for m in needs.get(name, ()) if m not in made]:
            for member in missing:
                made[member] = self._property(keywords, member, depth)
        if keywords.get("minProperties", 0) > MAX_MEMBERS:
            raise SchemaError("wants too many members")
        while len(made) < keywords.get("minProperties", 0):
            member = f"member_{len(made) + 1}"
            made[member] = self._property(keywords, member, depth)

    def _try_property(self, made: dict[str, Any], keywords: Keywords, member: str, depth: int) -> bool:
        try:
            made[member] = self._property(keywords, member, depth)
        except SchemaError:  # an optional member that cannot be there
            return False
        return True

    def _property(self, keywords: Keywords, member: str, depth: int) -> Any:
        schema = keywords.get("properties", {}).get(member, keywords.get("additionalProperties", True))
        return self.make(schema, member, depth + 1)

    def _is_generous(self, depth: int) -> bool:
        return self._generous and depth < MAX_GENEROUS_DEPTH

    def _pick(self, options: Sequence[T]) -> T:
        chosen = self._sampler.pick(range(min(len(options), _MAX_CHOICES)))
        return options[(chosen + self._variant) % len(options)]


_MAKE: dict[str, Callable[[_Maker, Keywords, str, int], Any]] = {
    "object": _Maker._object,
    "array": _Maker._array,
    "string": _Maker._string,
    "number": _Maker._number,
    "integer": _Maker._integer,
    "boolean": _Maker._boolean,
    "null": _Maker._null,
}


# --- numbers -----------------------------------------------------------------------------------------------------

_NUMBER_KEYWORDS = frozenset({"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
#: How far an open end is.
_REACH = 100
#: From here on floating point has no fractions.
_FINEST = 2**52
#: Into how many steps a range below one is cut.
_STEPS = 8


def _numbers(limits: Keywords) -> Iterator[int | float]:
    """Yield numbers at the limits and between them, from 0 upwards where the limits allow."""
    low = max((exact(limits[k]) for k in ("minimum", "exclusiveMinimum") if k in limits), default=None)
    high = min((exact(limits[k]) for k in ("maximum", "exclusiveMaximum") if k in limits), default=None)
    if low is None:
        low = exact(0) if high is None or high > 0 else high - _REACH
    if high is None:
        high = low + _REACH
    start = exact(0) if low <= 0 < high else low
    step = exact(limits["multipleOf"]) if "multipleOf" in limits else None
    if limits["type"] == "integer":
        step = exact(1 if step is None else step.numerator)
    if step is not None:
        start = math.ceil(start / step) * step
    else:
        step = min(exact(1), (high - start) / _STEPS)
    for i in range(_MAX_CHOICES):
        number = start + i * step
        if number.denominator == 1:
            yield number.numerator
        elif abs(number) < _FINEST:
            yield float(number)


# --- texts -------------------------------------------------------------------------------------------------------


def _of_length(text: str, least: int, most: int) -> str:
    longer = text if len(text) >= least else f"{text} " * (least // (len(text) + 1) + 1)
    return longer[: max(least, min(len(text), most))]


# --- joining keywords --------------------------------------------------------------------------------------------


def _later(a: Any, b: Any) -> Any:
    """Keep the later of two; whether the value holds for both is checked in the end."""
    return b


def _both(a: Any, b: Any) -> dict[str, Any]:
    return {"allOf": [a, b]}


def _types(a: Any, b: Any) -> list[str]:
    first, second = type_names({"type": a}), type_names({"type": b})
    wide = {*first, *(["integer"] if "number" in first else [])}
    narrow = {*second, *(["integer"] if "number" in second else [])}
    common = [name for name in dict.fromkeys([*first, *second]) if name in wide & narrow]
    if not common:
        raise SchemaError("has types that exclude each other")
    return common


def _members(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    return [one for one in a if any(same(one, other) for other in b)]


def _named(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _both(a[name], b[name]) if name in a and name in b else {**a, **b}[name] for name in {**a, **b}}


def _names(a: Sequence[str], b: Sequence[str]) -> list[str]:
    return [*a, *b]


_JOIN: dict[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    **dict.fromkeys(("items", "additionalProperties", "propertyNames"), _both),
    "type": _types,
    "enum": _members,
    "properties": _named,
    "required": _names,
}


_IMPLIED = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties", "dependentRequired"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "number": tuple(_NUMBER_KEYWORDS - {"type"}),
}


def _implied_type(keywords: Keywords) -> str:
    return next((kind for kind, names in _IMPLIED.items() if any(name in keywords for name in names)), "string")


def _size(keywords: Keywords) -> int:
    """Rank choices by how soon they come to an end."""
    ranks = {"null": 0, "object": 2}
    return 3 if "$ref" in keywords else min((ranks.get(name, 1) for name in type_names(keywords)), default=2)
