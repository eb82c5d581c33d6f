"""The one merge rule: how layers of adapter documents become one effective document.

It is JSON Merge Patch (RFC 7396): objects merge, arrays and scalars replace, ``null`` removes what lies below; with
three refinements.

1. A layer that changes ``provider`` drops the :data:`PROVIDER_MEMBERS` of the layers below.
2. A layer that changes a member's ``type``, ``kind`` or ``preset`` replaces that whole member.
3. The values at :data:`OPAQUE_PATHS` are replaced whole and keep their nulls.

Inside ``upstreams.<id>`` a ``null`` is kept, because the entry is itself a layer that is applied later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Path = tuple[str, ...]

#: Members that mean nothing to another provider.
PROVIDER_MEMBERS = ("connection", "credentials", "endpoint_kwargs", "mapping")
TAGS = ("type", "kind", "preset")
OPAQUE_PATHS: frozenset[Path] = frozenset(
    {("inference", "response_format", "json_schema", "schema"), ("mapping", "request")}
)
#: The members whose own members are anybody's words: one called ``type`` says nothing about the others.
FREE_PATHS: frozenset[Path] = frozenset({("tags",)})


class Layer(NamedTuple):
    """One sparse document and what to call it where a value's origin is shown.

    ``trusted`` says whose it is: true for the deployment's files, a plugin and a local program or command; false where
    it comes from an API caller, whose addresses are checked before they are called.
    """

    origin: str
    document: Mapping[str, Any]
    trusted: bool = True


class Merged(NamedTuple):
    """An effective document, and for each of its leaves the origin of the value."""

    document: dict[str, Any]
    origins: dict[Path, str]

    def remove(self, path: Path) -> None:
        """Take a value out, and its origins."""
        parent = value_at(self.document, path[:-1])
        if isinstance(parent, dict):
            parent.pop(path[-1], None)
        forget_origins(self.origins, path)


def forget_origins(origins: dict[Path, str], path: Path) -> None:
    """Drop the origins of everything at or below a path."""
    for known in [k for k in origins if k[: len(path)] == path]:
        del origins[known]


def merge(layers: Iterable[Layer]) -> Merged:
    """Merge layers, later wins. The layers are left as they are; the result shares nothing with them."""
    merging = _Merging()
    for layer in layers:
        merging.apply(layer)
    return Merged(merging.document, merging.origins)


def apply_patch(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with one more layer on it."""
    return merge([Layer("", document), Layer("", patch)]).document


def dotted(path: Iterable[str]) -> str:
    """Write a path for a person: ``inference.top_p``; a name that holds a dot is quoted."""
    return ".".join(f'"{p}"' if "." in p else p for p in path)


def value_at(document: Mapping[str, Any], path: Iterable[str]) -> Any:
    """Return the value at a path, ``None`` where it is absent."""
    value: Any = document
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of everything that is no object, and of empty objects."""
    if isinstance(value, Mapping) and value and _document_path(path) not in OPAQUE_PATHS:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path


class _Merging:
    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.origins: dict[Path, str] = {}

    def apply(self, layer: Layer) -> None:
        self._object(self.document, layer.document, (), layer.origin)

    def _object(self, lower: dict[str, Any], upper: Mapping[str, Any], path: Path, origin: str) -> None:
        if _is_document_root(path):
            self._drop_for_other_provider(lower, upper, path)
        self.origins.pop(path, None)  # an empty object was a leaf
        for name, value in upper.items():
            self._member(lower, name, value, (*path, name), origin)
        if not lower and path:
            self.origins[path] = origin

    def _member(self, lower: dict[str, Any], name: str, value: Any, path: Path, origin: str) -> None:
        below = lower.get(name)
        if value is None and not _keeps_null(path):
            self._forget(path, lower.pop(name, None))
        elif isinstance(value, Mapping) and _document_path(path) not in OPAQUE_PATHS:
            if not isinstance(below, dict) or (_document_path(path) not in FREE_PATHS and _changes_tag(below, value)):
                self._forget(path, below)
                below = lower[name] = {}
            self._object(below, value, path, origin)
        else:
            self._forget(path, below)
            lower[name] = _copy(value)
            self.origins[path] = origin

    def _drop_for_other_provider(self, lower: dict[str, Any], upper: Mapping[str, Any], path: Path) -> None:
        current = lower.get("provider", self.document.get("provider"))
        if "provider" in upper and current is not None and upper["provider"] != current:
            for name in PROVIDER_MEMBERS:
                if name in lower:
                    self._forget((*path, name), lower.pop(name))

    def _forget(self, path: Path, value: Any) -> None:
        """Drop the origins of a value; only an object has some below its own, which are looked for one by one."""
        if isinstance(value, dict):
            forget_origins(self.origins, path)
        else:
            self.origins.pop(path, None)


def _is_document_root(path: Path) -> bool:
    return not path or (len(path) == 2 and path[0] == "upstreams")


def _document_path(path: Path) -> Path:
    return path[2:] if path[:1] == ("upstreams",) else path


def _keeps_null(path: Path) -> bool:
    return path[0] == "upstreams" and len(path) > 2


def _changes_tag(below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    return any(tag in above and above[tag] != below.get(tag) for tag in TAGS)


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _copy(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(v) for v in value]
    return value
