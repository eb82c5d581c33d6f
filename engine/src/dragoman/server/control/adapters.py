"""Adapters: list, show with origins, validate, dry run, save, revisions, roll back, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dragoman.catalog import SAVED_AS, Catalog, Saved
from dragoman.errors import AdapterNotFoundError, DragomanError, ProblemsError
from dragoman.merge import Layer
from dragoman.policy import hidden_members, shown_document, shown_origins
from dragoman.resolve import Resolved
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.doors.models import list_models
from dragoman.server.refusals import Refusal
from dragoman.server.state import Revision
from dragoman.server.state.following import saved_of
from dragoman.server.state.store import ADAPTER

_ETAG = re.compile(r'"(\d{1,9})-[0-9a-f]+"')


async def _list(asked: Asked) -> Answer:
    usable = await list_models(asked.engine, asked.caller)
    rows = [{"name": row["id"], **row["dragoman"]} for row in usable["data"]]
    if asked.caller.role != "admin":
        return Answer({"adapters": rows})
    listing = await asked.engine.adapters.list()
    problems = [{"name": row.name, "problem": row.problem} for row in listing.adapters if row.problem]
    failures = [{"where": failure.where, "reason": failure.reason} for failure in listing.failures]
    return Answer({"adapters": rows, "problems": problems, "failures": failures})


async def _show(asked: Asked) -> Answer:
    resolved = await asked.engine.resolve(asked.path["name"], caller=asked.caller)
    entry = (await asked.engine.catalog()).find(asked.path["name"])
    revision = asked.state.store.current(ADAPTER).get(entry.name)
    shown: dict[str, Any] = {"name": entry.name, **_effective(resolved, asked)}
    role = asked.caller.role
    shown["layers"] = [
        {"origin": layer.origin, "document": shown_document(layer.document, role)} for layer in entry.layers
    ]
    if role == "admin":
        shown["source"] = entry.source
    if revision is not None:
        shown["revision"] = _revision(revision, asked, document=False)
    return Answer(shown, etag=revision.etag if revision else None)


async def _validate(asked: Asked) -> Answer:
    if asked.caller.rights.adapters is not None:
        raise Refusal(403, "permission", "documents are checked for callers who may use every adapter")
    document = asked.mapping("document")
    try:
        resolved = await asked.engine.resolve(document, trusted=False)
    except ProblemsError as error:
        problems = [{"path": p.path, "message": p.message, "hint": p.hint} for p in error.problems]
        return Answer({"valid": False, "problems": problems})
    except DragomanError as error:
        return Answer({"valid": False, "problems": [{"path": "", "message": error.message, "hint": error.hint}]})
    return Answer({"valid": True, "problems": [], **_effective(resolved, asked)})


async def _dry_run(asked: Asked) -> Answer:
    adapter, override = asked.body.get("adapter"), asked.body.get("override")
    if not isinstance(adapter, str | dict) or not isinstance(override, dict | None):
        raise Refusal(422, "invalid_body", "adapter is a name or a document, override an object", param="adapter")
    messages = asked.body.get("messages") or "Hello"
    stream = asked.body.get("stream") is True
    run = await asked.engine.dry_run(adapter, messages, override=override, caller=asked.caller, stream=stream)
    reports = [report._asdict() for report in run.reports]
    return Answer({"method": run.method, "url": run.url, "headers": run.headers, "body": run.body, "reports": reports})


async def _save(asked: Asked) -> Answer:
    name = _named(asked)
    document = as_saved(asked, name, asked.mapping("document"))
    await _check(asked, name, document)
    await asked.engine.adapters.try_saved(name, document)
    revision = await asked.state.store.save(
        ADAPTER, name, document, by=asked.actor, reason=asked.text("reason"), expected=_expected(asked)
    )
    return await _saved(asked, revision)


async def _delete(asked: Asked) -> Answer:
    name = _named(asked)
    if name in (await asked.engine.catalog()).entries:
        await _check(asked, name, None)
    revision = await asked.state.store.delete(
        ADAPTER, name, by=asked.actor, reason=asked.text("reason"), expected=_expected(asked)
    )
    return await _saved(asked, revision)


async def _roll_back(asked: Asked) -> Answer:
    name, number = _named(asked), asked.body.get("revision")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 10**9:
        raise Refusal(422, "invalid_body", "revision must be the number of one", param="revision")
    wanted = await asked.state.store.get(ADAPTER, name, number)
    await _check(asked, name, dict(wanted.document))
    await asked.engine.adapters.try_saved(name, wanted.document)
    revision = await asked.state.store.roll_back(
        ADAPTER, name, number, by=asked.actor, reason=asked.text("reason"), expected=_expected(asked)
    )
    return await _saved(asked, revision)


async def _revisions(asked: Asked) -> Answer:
    before = asked.number("before", 1, 10**9 - 1) if "before" in asked.query else None
    found = await asked.state.store.history(
        ADAPTER, _named(asked), before=before, limit=asked.number("limit", 100, 1000)
    )
    return Answer({"revisions": [_revision(revision, asked, document=True) for revision in found]})


# --- how ---------------------------------------------------------------------------------------------------------


def _named(asked: Asked) -> str:
    """Return the adapter's name that the address says, where the caller may use one of that name."""
    name = asked.path["name"]
    if not asked.caller.may_use(name):
        raise AdapterNotFoundError(f"there is no adapter {name!r}, or you may not use it")
    return name


def as_saved(asked: Asked, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is saved where a caller sends a document: what they may not see of the one before stays."""
    current = asked.state.store.current(ADAPTER).get(name)
    return {**(hidden_members(current.document, asked.caller.role) if current else {}), **document}


async def _check(asked: Asked, name: str, document: dict[str, Any] | None) -> None:
    """Hold what would be saved to the policy; ``None``: what would be deleted."""
    catalog = await asked.engine.catalog()
    draft = catalog.with_saved(Saved({name: _draft(document)})) if document is not None else _without(catalog, name)
    asked.engine.policy.check_saving(asked.caller.rights, catalog, draft, asked.engine.plugins, name)


def _draft(document: Any) -> Layer:
    return Layer(f"{SAVED_AS}draft", document, trusted=False)


def _without(catalog: Catalog, name: str) -> Catalog:
    entry = catalog.entries[name]
    layers = tuple(layer for layer in entry.layers if not layer.origin.startswith(SAVED_AS))
    kept = {other: found for other, found in catalog.entries.items() if other != name}
    return replace(catalog, entries={**kept, name: replace(entry, layers=layers)} if layers else kept)


def _expected(asked: Asked) -> int:
    """Return the revision that a write starts from, as the client says it.

    Raises:
        Refusal: It says nothing, or no revision's tag.
    """
    if asked.if_none_match == "*":
        return 0
    if asked.if_match is None:
        hint = "send If-Match with the ETag that you read, or If-None-Match: * for a new one"
        raise Refusal(428, "precondition_required", f"the write names no revision; {hint}")
    found = _ETAG.fullmatch(asked.if_match.removeprefix("W/"))
    if found is None:
        raise Refusal(412, "precondition_failed", "If-Match is not the ETag of a revision")
    return int(found[1])


async def _saved(asked: Asked, revision: Revision) -> Answer:
    await asked.engine.use_saved(saved_of(asked.state.store))
    status = 201 if revision.number == 1 else 200
    return Answer(_revision(revision, asked, document=True), status, revision.etag)


def _revision(revision: Revision, asked: Asked, *, document: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": revision.name,
        "number": revision.number,
        "digest": revision.digest,
        "deleted": revision.deleted,
        "saved_by": revision.saved_by,
        "saved_at": revision.saved_at.isoformat(),
        "reason": revision.reason,
        "restored": revision.restored,
    }
    if document:
        shown["document"] = shown_document(revision.document, asked.caller.role)
    return shown


def _effective(resolved: Resolved, asked: Asked) -> dict[str, Any]:
    role = asked.caller.role
    return {
        "effective": shown_document(resolved.document, role),
        "origins": shown_origins(resolved.origins, role),
        "digest": resolved.digest,
    }


_DOCUMENT = {"type": "object", "description": "an adapter document; /api/schemas/adapter describes it"}
_REASON = {"type": "string", "description": "why, for the history"}

ROUTES = (
    Route("GET", "/api/adapters", _list, "user", "List the adapters that you may use."),
    Route(
        "POST", "/api/adapters/validate", _validate, "developer", "Say whether a document holds, and what is wrong.",
        body={"type": "object", "required": ["document"], "properties": {"document": _DOCUMENT}},
    ),
    Route(
        "POST", "/api/adapters/dry-run", _dry_run, "admin", "Show the exact request of a call, and send nothing.",
        body={
            "type": "object",
            "required": ["adapter"],
            "properties": {
                "adapter": {"type": ["string", "object"]},
                "override": {"type": "object"},
                "messages": {"type": ["array", "string"]},
                "stream": {"type": "boolean"},
            },
        },
    ),
    Route("GET", "/api/adapters/{name}", _show, "user", "Show an adapter's effective document with its origins."),
    Route(
        "PUT", "/api/adapters/{name}", _save, "developer", "Save an adapter as its next revision.", writes=True,
        action="adapter.save",
        body={"type": "object", "required": ["document"], "properties": {"document": _DOCUMENT, "reason": _REASON}},
    ),
    Route("DELETE", "/api/adapters/{name}", _delete, "developer", "Delete what was saved, softly.", writes=True,
        action="adapter.delete",
    ),
    Route(
        "GET", "/api/adapters/{name}/revisions", _revisions, "developer", "List what was saved, newest first.",
        query={"before": "only revisions with a lower number", "limit": "at most so many, 100 unless given"},
    ),
    Route(
        "POST", "/api/adapters/{name}/roll-back", _roll_back, "developer", "Save an older revision anew.", writes=True,
        action="adapter.roll_back",
        body={
            "type": "object",
            "required": ["revision"],
            "properties": {"revision": {"type": "integer", "minimum": 1}, "reason": _REASON},
        },
    ),
)  # fmt: skip
