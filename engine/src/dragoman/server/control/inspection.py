"""Checks of adapters and live lists of models, which ask the providers; policies, which ask nobody."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from dragoman.inspection import ModelList
from dragoman.listing import Listed
from dragoman.server.control.checking import check
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal


async def _models(asked: Asked) -> Answer:
    adapters = [asked.query["adapter"]] if "adapter" in asked.query else []
    provider = asked.query.get("provider")
    if provider is not None and provider not in (known := asked.engine.plugins.providers):
        raise Refusal(404, "not_found", f"nobody brings that provider; there are: {', '.join(known)}", param="provider")
    listed = await asked.engine.models(adapters, provider=provider, caller=asked.caller)
    return Answer({"lists": [_list(one, found) for one in listed for found in one.lists]})


def _list(one: Listed, found: ModelList) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "adapters": list(one.adapters),
        "source": found.source,
        "failure": found.failure.as_dict() if found.failure else None,
        "document": dict(one.document),
        "models": [{**row.as_dict(), "adapter": dict(row.adapter)} for row in found.models],
    }


async def _check(asked: Asked) -> Answer:
    adapter, override = _adapter(asked)
    async with aclosing(check(asked, adapter, override)) as found:
        steps = [step async for step in found]
    return Answer({"ok": steps[-1].state != "failed", "steps": [step.as_dict() for step in steps]})


async def _permissions(asked: Asked) -> Answer:
    adapter, override = _adapter(asked)
    purposes = asked.texts("for") or ()
    found = await asked.engine.permissions(adapter, override, caller=asked.caller, purposes=purposes)
    return Answer(found.as_dict())


def _adapter(asked: Asked) -> tuple[str | dict[str, Any], dict[str, Any] | None]:
    """Return the adapter that the body names or holds, and what is laid over it."""
    adapter, override = asked.body.get("adapter"), asked.body.get("override")
    if not isinstance(adapter, str | dict) or not isinstance(override, dict | None):
        raise Refusal(422, "invalid_body", "adapter is a name or a document, override an object", param="adapter")
    return adapter, override


_ADAPTER = {"adapter": {"type": ["string", "object"]}, "override": {"type": "object"}}

ROUTES = (
    Route(
        "GET", "/api/models", _models, "admin", "List the models that can be called, read from the providers now.",
        query={"provider": "only of this kind", "adapter": "only by this adapter's connection"},
    ),
    Route(
        "POST", "/api/checks", _check, "admin", "Check an adapter step by step, up to a call of one token.",
        body={"type": "object", "required": ["adapter"], "properties": _ADAPTER},
    ),
    Route(
        "POST", "/api/permissions", _permissions, "admin", "Show the policies that an adapter's identities need.",
        body={
            "type": "object",
            "required": ["adapter"],
            "properties": {**_ADAPTER, "for": {"type": "array", "items": {"type": "string"}}},
        },
    ),
)  # fmt: skip
