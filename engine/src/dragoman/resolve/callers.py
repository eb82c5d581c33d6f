"""What an API caller may not say in a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from dragoman.errors import Problem
from dragoman.merge import Path, dotted
from dragoman.provider import DEPLOYMENT_ONLY


def refused_to_callers(connection: BaseModel, untrusted: Sequence[Path], *, native: bool) -> list[Problem]:
    """Return what is wrong with the parts of a connection that an API caller gave."""
    if not untrusted:
        return []
    problems = list(_deployment_only(connection, ("connection",), untrusted))
    if not native:
        what = "cannot be an API caller's: a LangChain class makes calls that the address check does not see"
        problems += [Problem(dotted(path), what, "write it into the deployment's files") for path in untrusted]
    return problems


def _deployment_only(section: BaseModel, path: Path, untrusted: Sequence[Path]) -> Iterator[Problem]:
    """Yield the fields that an API caller set and that are the deployment's alone."""
    for name in section.model_fields_set:
        here = (*path, name)
        if not any(_overlap(here, given) for given in untrusted):
            continue
        value, extra = getattr(section, name), type(section).model_fields[name].json_schema_extra
        if value is not None and isinstance(extra, Mapping) and DEPLOYMENT_ONLY.items() <= extra.items():
            what = "names something of the engine's machine, and an API caller may not set it"
            yield Problem(dotted(here), what, "write it into the deployment's files")
        for inner in value if isinstance(value, list | tuple) else [value]:
            if isinstance(inner, BaseModel):
                yield from _deployment_only(inner, here, untrusted)


def _overlap(one: Path, other: Path) -> bool:
    """Whether one path is the other, or leads to it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
