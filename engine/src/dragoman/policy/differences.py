"""What a change changes: the leaves in which two documents differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from dragoman.merge import OPAQUE_PATHS, Path
from dragoman.resolve import Expanded


class Change(NamedTuple):
    """A field of the effective document that a caller changes; ``None`` stands for what is not there."""

    path: Path
    before: Any
    after: Any


def changes_between(before: Expanded, after: Expanded) -> list[Change]:
    """Return what differs: in the merged document, and in what a call would use through each of its upstreams."""
    found = {change.path: change for change in differences(before.written, after.written)}
    any_before = next(iter(before.effective.values()))
    for name, document in after.effective.items():
        below = before.effective.get(name, any_before)
        for change in differences(below, document):
            if change.path[0] not in ("upstreams", "base"):
                found.setdefault(change.path, change)
    return list(found.values())


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Change]:
    """Yield the leaves that differ, those of lists by their place. An empty section is the same as none.

    Further down it is not: an upstream without a patch can be the one that a call takes.
    """
    lower, upper = members(before, path), members(after, path)
    if not lower and not upper:
        if not _is_same(*((_or_none(before), _or_none(after)) if len(path) == 1 else (before, after))):
            yield Change(path, before, after)
        return
    if _is_leaf(before, lower) or _is_leaf(after, upper):
        yield Change(path, before, after)  # a value became an object, or the reverse
    for name in {**(lower or {}), **(upper or {})}:
        yield from differences((lower or {}).get(name), (upper or {}).get(name), (*path, name))


def members(value: Any, path: Path) -> dict[str, Any] | None:
    """Return what is inside an object or a list, by name or place; ``None`` for a value and for opaque ones."""
    if path in OPAQUE_PATHS:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return {str(place): inner for place, inner in enumerate(value)}
    return None


def _is_leaf(value: Any, inside: dict[str, Any] | None) -> bool:
    return value is not None and inside is None


def _or_none(section: Any) -> Any:
    return None if section == {} else section


def _is_same(before: Any, after: Any) -> bool:
    if isinstance(before, int | float) and isinstance(after, int | float):
        return before == after and isinstance(before, bool) == isinstance(after, bool)
    return orjson.dumps(before, option=orjson.OPT_SORT_KEYS) == orjson.dumps(after, option=orjson.OPT_SORT_KEYS)
