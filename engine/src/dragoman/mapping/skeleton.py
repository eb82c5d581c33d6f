"""The request skeleton: JSON with expressions at its leaves, compiled once into closures.

A *form* is an object with one of these members: ``$`` (an expression, with ``default`` and ``map``), ``$each`` (a list,
with ``do`` for each of its elements), ``$switch`` (a value, with ``cases`` and ``else``). Any other object, list or
scalar stands for itself; an object may say ``"$spread": "model_kwargs"``. What has no value is left out: a member, an
element, and an object or a list of which nothing is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from dragoman.errors import DocumentError, Problem, UnsupportedError
from dragoman.mapping.expressions import Expression, ExpressionRefused, Node, children, compile_expression
from dragoman.mapping.reads import ROOT, Path, Places, Reads
from dragoman.mapping.view import View, unknown_member

MAX_DEPTH = 32
SPREAD = "$spread"

ABSENT: Final = object()
Json = dict[str, Any]
#: Makes a part of the body from the value that is in scope.
Make = Callable[[Any], Any]

#: The conversation is no endpoint's JSON by itself: these are written member by member.
_NOT_WHOLE: frozenset[Path] = frozenset(
    {("messages",), ("turns",), ("messages", "blocks"), ("turns", "blocks"), ("turns", "blocks", "blocks")}
)


class Skeleton:
    """A compiled skeleton.

    Args:
        make: Makes the body from a view.
        reads: What the skeleton reads of the view.
        cases: The values that its switches have a case for.
        kwargs: Where ``model_kwargs`` go.
    """

    def __init__(self, make: Make, reads: Reads, cases: frozenset[str], kwargs: KwargsPlace) -> None:
        self._make = make
        self.reads = reads
        self.cases = cases
        self._kwargs = kwargs

    def body(self, view: View, model_kwargs: Mapping[str, Any]) -> Any:
        """Return the request's body.

        Raises:
            UnsupportedError: A part of the request has no case, or a model kwarg is written by the skeleton itself.
            DocumentError: ``$each`` met something that is no list.
        """
        try:
            body = self._make(view.values)
        except _NoCase as missing:
            known = ", ".join(missing.known)
            message = f"this mapping has no case for {missing.word} (it has {known})"
            raise UnsupportedError(message, path=view.origins.get(id(missing.scope), missing.path)) from None
        if body is ABSENT:
            body = {}
        rest = {name: value for name, value in model_kwargs.items() if not self.reads.holds("model_kwargs", name)}
        return self._kwargs.add(body, rest) if rest else body


class KwargsPlace:
    """The object in the body that takes ``model_kwargs``, and what the skeleton writes there itself."""

    def __init__(self, document: Any) -> None:
        self._place = next(_spreads(document), ())
        self._written = _written(document) or {}
        for name in self._place:
            self._written = self._written[name]

    def add(self, body: Any, kwargs: Mapping[str, Any]) -> Any:
        """Return a copy of the body with the kwargs in it; objects merge.

        Raises:
            UnsupportedError: A kwarg is written by the skeleton, present this time or not; or there is no object.
        """
        if not isinstance(body, dict):
            raise UnsupportedError("this mapping's body is no object, so nothing can be added", path="model_kwargs")
        return self._at(body, self._place, kwargs)

    def _at(self, body: Json, place: Path, kwargs: Mapping[str, Any]) -> Json:
        if not place:
            return _merged(body, kwargs, self._written, "model_kwargs")
        return {**body, place[0]: self._at(body.get(place[0], {}), place[1:], kwargs)}


def _merged(body: Json, kwargs: Mapping[str, Any], written: Mapping[str, Any], path: str) -> Json:
    body = dict(body)
    for name, value in kwargs.items():
        own = written.get(name)
        if name not in written:
            body[name] = value
        elif isinstance(own, dict) and isinstance(value, Mapping):
            body[name] = _merged(body.get(name, {}), value, own, f"{path}.{name}")
        else:
            hint = own if isinstance(own, str) else None
            raise UnsupportedError("is written by the mapping itself", path=f"{path}.{name}", hint=hint)
    return body


def _written(document: Any) -> Any:
    """Return the members that a plain object writes, each with what it writes below; for a setting, where it is set."""
    if _is_plain_object(document):
        return {name: _written(value) for name, value in document.items() if name != SPREAD}
    source = document.get("$") if isinstance(document, Mapping) else None
    if isinstance(source, str) and (setting := _SETTING.fullmatch(source)):
        return f"use inference.{setting[1]}"
    return None


def _spreads(document: Any, place: Path = ()) -> Iterator[Path]:
    if _is_plain_object(document):
        if SPREAD in document:
            yield place
        for name, value in document.items():
            yield from _spreads(value, (*place, name))


def _is_plain_object(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(form in value for form in _FORMS)


_SETTING = re.compile(r"params\.([a-z_]+)")


class _NoCase(Exception):  # noqa: N818  (it never leaves this module)
    """A switch met a value without a case. ``path`` is what a caller calls it, ``scope`` what the switch looks at."""

    def __init__(self, path: str, word: str, scope: Any, known: tuple[str, ...]) -> None:
        super().__init__(path)
        self.path = path
        self.word = word
        self.scope = scope
        self.known = known


def word_of(value: Any) -> str:
    """Return a value as a key of ``map`` and ``cases``: text as it is, anything else as JSON; 1.0 is 1."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"), default=str)


# --- compiling ---------------------------------------------------------------------------------------------------


def compile_skeleton(document: Any, view: Mapping[str, Any], path: str = "mapping.request") -> Skeleton:
    """Compile a skeleton.

    Args:
        document: The skeleton.
        view: The members of the request that it may read.
        path: What problems call it.

    Raises:
        DocumentError: naming everything that is wrong, with its path.
    """
    compiler = _Compiler(view)
    make = compiler.node(document, path, _Place(ROOT))
    if len(list(_spreads(document))) > 1:
        compiler.problem(path, f"says {SPREAD} more than once")
    if compiler.problems:
        raise DocumentError("mapping", compiler.problems)
    return Skeleton(make or _constant(document), compiler.reads, frozenset(compiler.cases), KwargsPlace(document))


class _Place(NamedTuple):
    """Where a part of the skeleton stands: what it reads from, how deep it is, whether plain objects lead to it."""

    scope: Places
    depth: int = 1
    is_plain: bool = True

    def below(self, scope: Places | None = None, *, is_plain: bool = False) -> _Place:
        return _Place(self.scope if scope is None else scope, self.depth + 1, self.is_plain and is_plain)


class _Compiler:
    """Compiles one skeleton. A node's function is ``None`` where the node stands for itself."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        self._view = view
        self.reads = Reads()
        self.cases: set[str] = set()
        self.problems: list[Problem] = []

    def node(self, value: Any, path: str, place: _Place) -> Make | None:
        """Compile a part of the skeleton."""
        if place.depth > MAX_DEPTH:
            self.problem(path, f"is nested more than {MAX_DEPTH} deep")
        elif isinstance(value, list):
            return self._list(value, path, place)
        elif isinstance(value, Mapping):
            form = next((form for form in _FORMS if form in value), None)
            return _FORMS[form](self, value, path, place) if form else self._object(value, path, place)
        return None

    def problem(self, path: str, message: str, hint: str | None = None) -> None:
        """Note what is wrong; everything that is wrong is told at once."""
        self.problems.append(Problem(path, message, hint))

    # --- what stands for itself ----------------------------------------------------------------------------------

    def _object(self, value: Mapping[str, Any], path: str, place: _Place) -> Make | None:
        spreads = SPREAD in value
        if spreads and (value[SPREAD] != "model_kwargs" or not place.is_plain):
            self.problem(f"{path}.{SPREAD}", 'must be "model_kwargs", in the body or in objects inside it')
        for name in value:
            if name.startswith("$") and name != SPREAD:
                self.problem(f"{path}.{name}", "is no form", f"there are {', '.join(_FORMS)} and {SPREAD}")
        inside = place.below(is_plain=True)
        members = [(n, v, self.node(v, f"{path}.{n}", inside)) for n, v in value.items() if n != SPREAD]
        if not spreads and all(make is None for _, _, make in members):
            return None
        constants = {name: inner for name, inner, make in members if make is None}
        makes = [(name, make or _constant(inner)) for name, inner, make in members]
        keeps_empty = spreads or place.depth == 1

        def make_object(scope: Any) -> Any:
            made = {name: part for name, make in makes if (part := make(scope)) is not ABSENT}
            return made if made or constants or keeps_empty else ABSENT

        return make_object

    def _list(self, value: list[Any], path: str, place: _Place) -> Make | None:
        makes = [self.node(inner, f"{path}[{index}]", place.below()) for index, inner in enumerate(value)]
        if all(make is None for make in makes):
            return None
        elements = [make or _constant(inner) for make, inner in zip(makes, value, strict=True)]

        def make_list(scope: Any) -> Any:
            return [part for make in elements if (part := make(scope)) is not ABSENT] or ABSENT

        return make_list

    # --- forms ---------------------------------------------------------------------------------------------------

    def _leaf(self, value: Mapping[str, Any], path: str, place: _Place) -> Make | None:
        self._only(value, path, "$", "default", "map")
        expression = self._expression(value["$"], f"{path}.$")
        table = value.get("map", {})
        if not isinstance(table, Mapping):
            self.problem(f"{path}.map", "must be an object")
        if expression is None or not isinstance(table, Mapping):
            return None
        self._note(self._trace(expression, f"{path}.$", place, writes=True))
        search, default = expression.search, value.get("default", ABSENT)

        def make_leaf(scope: Any) -> Any:
            found = search(scope)
            if found is None:
                return default
            if table and (word := word_of(found)) in table:
                return ABSENT if table[word] is None else table[word]
            return found

        return make_leaf

    def _each(self, value: Mapping[str, Any], path: str, place: _Place) -> Make | None:
        self._only(value, path, "$each", "do")
        expression = self._expression(value["$each"], f"{path}.$each")
        if "do" not in value:
            self.problem(f"{path}.do", "is missing")
        if expression is None or "do" not in value:
            return None
        elements = self._trace(expression, f"{path}.$each", place)
        if _holds_list(expression.tree):
            self.problem(f"{path}.$each", "takes its list from the request, not from a literal")
        self._note(elements - _NOT_WHOLE)
        search = expression.search
        do = self.node(value["do"], f"{path}.do", place.below(elements)) or _constant(value["do"])

        def make_each(scope: Any) -> Any:
            found = search(scope)
            if found is None:
                return ABSENT
            if not isinstance(found, list):
                raise DocumentError("mapping", [Problem(path, f"{expression.source} is no list")])
            return [part for element in found if (part := do(element)) is not ABSENT] or ABSENT

        return make_each

    def _switch(self, value: Mapping[str, Any], path: str, place: _Place) -> Make | None:
        self._only(value, path, "$switch", "cases", "else")
        expression = self._expression(value["$switch"], f"{path}.$switch")
        cases = value.get("cases")
        if not isinstance(cases, Mapping):
            self.problem(f"{path}.cases", "must be an object: value -> what to write")
            return None
        if expression is None:
            return None
        self._note(self._trace(expression, f"{path}.$switch", place))
        self.cases |= set(cases)
        search, asked = expression.search, _asked_path(expression.source) or path
        makes = {word: self._case(inner, f"{path}.cases.{word}", place) for word, inner in cases.items()}
        otherwise = self._case(value["else"], f"{path}.else", place) if "else" in value else None

        def make_switch(scope: Any) -> Any:
            found = search(scope)
            make = makes.get(word_of(found), otherwise) if found is not None else otherwise
            if make is not None:
                return make(scope)
            if found is None:
                return ABSENT
            raise _NoCase(asked, word_of(found), scope, tuple(makes))

        return make_switch

    def _case(self, value: Any, path: str, place: _Place) -> Make:
        """Compile what a case writes; ``null`` writes nothing."""
        if value is None:
            return _constant(ABSENT)
        return self.node(value, path, place.below()) or _constant(value)

    # --- helpers of the forms ------------------------------------------------------------------------------------

    def _only(self, value: Mapping[str, Any], path: str, *known: str) -> None:
        for name in value:
            if name not in known:
                self.problem(f"{path}.{name}", "is not a member of this form", f"it takes {', '.join(known)}")

    def _expression(self, source: Any, path: str) -> Expression | None:
        if not isinstance(source, str):
            self.problem(path, "must be an expression, as text")
            return None
        try:
            return compile_expression(source)
        except ExpressionRefused as refused:
            self.problem(path, f"{source[:80]!r} {refused}")
            return None

    def _trace(self, expression: Expression, path: str, place: _Place, *, writes: bool = False) -> Places:
        """Return where an expression's value comes from; note members that the request does not have."""
        reads = Reads()
        places = reads.trace(expression.tree, place.scope)
        for read in sorted(reads.paths | places):
            if wrong := unknown_member(read, self._view):
                self.problem(path, f"{expression.source!r} finds nothing: {wrong}")
            elif writes and read in _NOT_WHOLE:
                self.problem(
                    path, f"{'.'.join(read)} cannot be written as a whole", "write it with $each and its members"
                )
        self.reads.paths |= reads.paths
        return places

    def _note(self, places: Places) -> None:
        self.reads.paths |= places


def _asked_path(source: str) -> str | None:
    """Return what a caller calls the thing that an expression reads, where that is one setting or the tool choice."""
    if setting := _SETTING.match(source):
        return f"inference.{setting[1]}"
    return "tool_choice" if source.startswith("tool_choice.") else None


def _constant(value: Any) -> Make:
    return lambda scope: value


def _holds_list(node: Node) -> bool:
    """Whether a literal in the expression is a list or an object."""
    if node["type"] == "literal":
        return isinstance(node["value"], list | dict)
    return any(_holds_list(child) for child in children(node))


_FORMS: dict[str, Callable[[_Compiler, Mapping[str, Any], str, _Place], Make | None]] = {
    "$": _Compiler._leaf,
    "$each": _Compiler._each,
    "$switch": _Compiler._switch,
}
