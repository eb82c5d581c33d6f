"""The adapters as OpenAI's and Azure's clients list models and deployments."""

from __future__ import annotations

from typing import Any

from dragoman.catalog import Entry
from dragoman.engine import Engine
from dragoman.errors import AdapterNotFoundError, DragomanError
from dragoman.policy import Caller, shown_document

#: When nobody knows when a model was made; clients want a number.
CREATED = 0


async def list_models(engine: Engine, caller: Caller) -> dict[str, Any]:
    """Return the adapters that a caller may use and that can be called."""
    return {"object": "list", "data": [await _model(engine, caller, e) for e in await _usable(engine, caller)]}


async def show_model(engine: Engine, caller: Caller, name: str) -> dict[str, Any]:
    """Return one adapter, by name or alias.

    Raises:
        AdapterNotFoundError: There is none, or the caller may not use it.
    """
    resolved = await engine.resolve(name, caller=caller)
    catalog = await engine.catalog()
    return await _model(engine, caller, catalog.find(resolved.name or name))


async def list_deployments(engine: Engine, caller: Caller) -> dict[str, Any]:
    """Return the same adapters as deployments."""
    return {"object": "list", "data": [_deployment(entry.name) for entry in await _usable(engine, caller)]}


async def show_deployment(engine: Engine, caller: Caller, name: str) -> dict[str, Any]:
    """Return one adapter as a deployment; raises as :func:`show_model`."""
    return _deployment((await engine.resolve(name, caller=caller)).name or name)


def _deployment(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "model": name,
        "object": "deployment",
        "owner": "dragoman",
        "status": "succeeded",
        "created_at": CREATED,
        "updated_at": CREATED,
        "scale_settings": {"scale_type": "standard"},
    }


async def _usable(engine: Engine, caller: Caller) -> list[Entry]:
    catalog = await engine.catalog()
    found = []
    for entry in catalog.entries.values():
        if not caller.may_use(entry.name):
            continue
        try:
            await engine.resolve(entry.name)
        except DragomanError:
            continue  # what cannot be called is told at /api/health, not to every client
        found.append(entry)
    return found


async def _model(engine: Engine, caller: Caller, entry: Entry) -> dict[str, Any]:
    try:
        resolved = await engine.resolve(entry.name)
    except DragomanError:
        raise AdapterNotFoundError(f"there is no adapter {entry.name!r}, or you may not use it") from None
    shown = shown_document(resolved.document, caller.role)
    about = {
        name: shown[name]
        for name in ("title", "operation", "provider", "base_model", "capabilities", "constraints", "pricing", "notice")
        if name in shown
    }
    return {"id": entry.name, "object": "model", "created": CREATED, "owned_by": "dragoman", "dragoman": about}
