"""``chat --save``: the adapter and the changes of a command line, as an adapter document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragoman.cli.patches import stacked

if TYPE_CHECKING:
    from dragoman.engine import Engine


async def save_adapter(
    engine: Engine,
    name: str,
    adapter: str | Mapping[str, Any] | None,
    override: Mapping[str, Any],
    *,
    force: bool,
) -> Path:
    """Write a new adapter document into the configuration's folder and return its file.

    What a name stands for becomes the new document's base; a document from a file is copied, without its aliases.

    Raises:
        DocumentError: The result does not hold, or the name is taken and ``force`` is not given.
    """
    document = await _document(engine, name, adapter, override)
    return await engine.adapters.save({"version": 1, **document, "name": name}, force=force)


async def _document(
    engine: Engine, name: str, adapter: str | Mapping[str, Any] | None, override: Mapping[str, Any]
) -> dict[str, Any]:
    if isinstance(adapter, Mapping):
        copied = {member: value for member, value in adapter.items() if member != "aliases"}
        return stacked([copied, override])
    base = (await engine.resolve(adapter)).name or ""
    if base == name:  # it is being changed in place; it cannot be its own base
        return stacked([(await engine.adapters.get(base)).document, override])
    return {"base": base, **override}
