"""Reading the configuration's files again while calls go on: what no longer works keeps what it said before."""

from __future__ import annotations

from dragoman.catalog import Catalog
from dragoman.errors import DragomanError
from dragoman.plugins import Plugins
from dragoman.resolve import resolve


def keep_what_worked(catalog: Catalog, before: Catalog, plugins: Plugins) -> Catalog:
    """Return the new catalogue, with every changed file taken back that broke an adapter which worked before.

    A file that is no document never gets this far; this is about documents that their provider does not take, and
    about bases and inference configurations that break others. A file that was removed stays removed. Blocks.
    """
    changed = [path for path, now in catalog.files.items() if path in before.files and before.files[path] != now]
    if not changed:
        return catalog
    broken = {
        name: reason
        for name in catalog.entries
        if name in before.entries
        and (reason := _problem(catalog, name, plugins)) is not None
        and _problem(before, name, plugins) is None
    }
    for path in changed:
        if not broken:
            break
        reason = next(iter(broken.values()))
        taken_back = catalog.reverted(path, before.files[path], reason)
        still = {name: why for name in broken if (why := _problem(taken_back, name, plugins)) is not None}
        if len(still) < len(broken):
            catalog, broken = taken_back, still
    return catalog


def _problem(catalog: Catalog, name: str, plugins: Plugins) -> str | None:
    try:
        resolve(catalog, plugins, name)
    except DragomanError as error:
        return str(error)
    return None
