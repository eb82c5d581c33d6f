"""What prompt management takes, held to the service's own model before a call: lengths, patterns, counts, members.

botocore checks types and what must be there; lengths above the limit, patterns and unknown words it leaves to the
service. Its model holds them all, so that no limit is written down here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from dragoman.errors import Problem

SERVICE = "bedrock-agent"


@cache
def shape_of(operation: str) -> Any:
    """Return the shape of an operation's arguments, under the service's name for it; loads botocore and blocks."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return (
        ServiceModel(Loader().load_service_model(SERVICE, "service-2"), SERVICE).operation_model(operation).input_shape
    )


def problems_of_arguments(operation: str, arguments: Mapping[str, Any]) -> list[Problem]:
    """Return all that the service would not take of an operation's arguments, each with its path."""
    return list(_of(arguments, shape_of(operation), ""))


def _of(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    if getattr(shape, "is_document_type", False):
        return
    check = _CHECKS.get(shape.type_name)
    if check is not None:
        yield from check(value, shape, path)


def _structure(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    for name in value:
        if name not in shape.members:
            yield Problem(
                _join(path, name), "is not known to prompt management", f"there are: {', '.join(shape.members)}"
            )
    for name in shape.required_members:
        if name not in value:
            yield Problem(_join(path, name), "is missing")
    if shape.is_tagged_union and len(value) != 1:
        yield Problem(path, f"has {len(value)} members", f"one of {', '.join(shape.members)} is expected")
    for name, inner in value.items():
        if name in shape.members:
            yield from _of(inner, shape.members[name], _join(path, name))


def _list(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    yield from _range(len(value), shape.metadata, path, "entries")
    for number, inner in enumerate(value):
        yield from _of(inner, shape.member, _join(path, str(number)))


def _map(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    for name, inner in value.items():
        yield from _of(name, shape.key, _join(path, name))
        yield from _of(inner, shape.value, _join(path, name))


def _string(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    yield from _range(len(value), shape.metadata, path, "characters")
    if shape.enum and value not in shape.enum:
        yield Problem(path, f"{value!r} is not known", f"one of {', '.join(shape.enum)}")
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        yield Problem(path, "has characters that are not allowed", f"the service takes {pattern}")


def _number(value: Any, shape: Any, path: str) -> Iterator[Problem]:
    yield from _range(value, shape.metadata, path, None)


def _range(found: float, metadata: Mapping[str, Any], path: str, unit: str | None) -> Iterator[Problem]:
    least, most = metadata.get("min"), metadata.get("max")
    if (least is not None and found < least) or (most is not None and found > most):
        allowed = f"{least if least is not None else 'up'} to {most}" if most is not None else f"at least {least}"
        yield Problem(path, f"has {found} {unit}" if unit else f"is {found:g}", f"{allowed} is allowed")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_CHECKS: Mapping[str, Callable[[Any, Any, str], Iterator[Problem]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
}
