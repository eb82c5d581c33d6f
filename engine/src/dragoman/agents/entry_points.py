"""Tools that installed packages offer, by entry point: a document names one, and never what is imported."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dragoman.errors import PluginError

TOOL_GROUP = "dragoman.tools"


def offered_tools() -> dict[str, str]:
    """Return the names of the tools that are installed, each with the distribution that brings it; imports none."""
    return {name: ", ".join(map(_brought_by, found)) for name, found in _by_name().items()}


def load_tool(name: str) -> Any:
    """Import what a tool's entry point names. Blocks.

    Raises:
        PluginError: Nobody offers it, several do, or importing it fails; names the distribution.
    """
    offered = _by_name()
    found = offered.get(name, [])
    if not found:
        known = ", ".join(offered) or "none"
        raise PluginError(
            f"no installed package offers the tool {name!r}",
            hint=f"there are: {known}; a package offers one in the entry-point group {TOOL_GROUP}",
        )
    if len(found) > 1:
        several = ", ".join(map(_brought_by, found))
        raise PluginError(f"the tool {name!r} is offered by several packages, and none is used: {several}")
    try:
        return found[0].load()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(f"the tool {name!r} of {_brought_by(found[0])} cannot be imported: {reason}") from error


def _by_name() -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=TOOL_GROUP), key=lambda entry: entry.name):
        found.setdefault(entry.name, []).append(entry)
    return found


def _brought_by(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"
