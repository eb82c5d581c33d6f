"""Whether two variants of the service say the same, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Wire = Mapping[str, Any]

#: The service keeps numbers with single precision: 0.7 may come back as 0.699999988.
PRECISION = 1e-6

#: What says nothing about a call: who made it with what, for people.
_ASIDE = ("metadata",)
_MISSING: Any = object()


def differences(wanted: Wire, found: Wire) -> list[str]:
    """Return the dotted paths at which two variants differ; the order of variables and what is empty do not count."""
    return list(_differing(normal(wanted), normal(found), ""))


def normal(variant: Wire) -> dict[str, Any]:
    """Return a variant as it is compared: without what is empty, aside, or the service's own default."""
    return {
        name: _normal(name, value) for name, value in variant.items() if name not in _ASIDE and not _is_empty(value)
    }


def _normal(name: str, value: Any) -> Any:
    if name == "inputVariables":
        return sorted(variable["name"] for variable in value)
    if name in ("additionalModelRequestFields", "json"):
        return value
    if isinstance(value, Mapping):
        inner = {n: _normal(n, v) for n, v in value.items() if not _is_empty(v)}
        if name == "toolConfiguration" and set(inner.get("toolChoice", ())) == {"auto"}:
            del inner["toolChoice"]  # what the model does where nothing is said
        return inner
    if isinstance(value, list | tuple):
        return [_normal("", item) for item in value]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping | list | tuple | str) and not value)


def _differing(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for name in dict.fromkeys([*wanted, *found]):
            inner = (wanted.get(name, _MISSING), found.get(name, _MISSING))
            yield from _differing(*inner, f"{path}.{name}" if path else str(name))
    elif _is_list(wanted) and _is_list(found) and len(wanted) == len(found):
        for number, pair in enumerate(zip(wanted, found, strict=True)):
            yield from _differing(*pair, f"{path}.{number}")
    elif not _same(wanted, found):
        yield path


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _same(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    if numbers:
        return math.isclose(one, other, rel_tol=PRECISION, abs_tol=PRECISION)
    return type(one) is type(other) and bool(one == other)
