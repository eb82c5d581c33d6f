"""Adapters as they are written: read, saved, their revisions, rolled back, deleted."""

from __future__ import annotations

from typing import Any

from dragoman.catalog import PREDEFINED_BY, SAVED_AS
from dragoman.errors import NotSavedError
from dragoman.policy import shown_document
from dragoman.server.refusals import Refusal
from dragoman.server.state.store import ADAPTER, Revision
from dragoman.server.workbench.question import Answer, Question


async def show(asked: Question) -> Answer:
    """Return an adapter as it was written, with the tag of its saved revision where it has one."""
    engine, name = asked.engine, asked.rest
    await engine.resolve(name, caller=asked.caller) if asked.caller.role != "admin" else None
    entry = (await engine.catalog()).find(name)
    saved = asked.state.store.current(ADAPTER).get(entry.name)
    top = entry.layers[-1]
    kind = "saved" if saved else "plugin" if top.origin.startswith(PREDEFINED_BY) else "file"
    shown = shown_document(dict(top.document), asked.caller.role)
    below = [layer for layer in entry.layers if not layer.origin.startswith(SAVED_AS)]
    data = {"name": entry.name, "document": shown, "kind": kind, "source": entry.source, "has_file": bool(below)}
    return Answer(data | ({"revision": _shown(saved)} if saved else {}), saved.etag if saved else None)


async def save(asked: Question) -> Answer:
    """Save a draft as the next revision. ``If-Match``, or ``If-None-Match: *`` for a new one, is required."""
    asked.require("admin")
    engine, name, document = asked.engine, asked.rest, asked.object("document")
    expected = _expected(asked)
    written = {"name": name, **document}
    await engine.adapters.try_saved(name, written)
    catalog = await engine.catalog()
    if name in catalog.entries:
        override = {member: value for member, value in written.items() if member != "name"}
        engine.policy.check(asked.caller.rights, catalog, engine.plugins, name, override=override)
    else:
        engine.policy.check(asked.caller.rights, catalog, engine.plugins, written)
    reason = asked.body.get("reason") if isinstance(asked.body.get("reason"), str) else None
    revision = await asked.state.store.save(
        ADAPTER, name, written, by=asked.actor, reason=reason or None, expected=expected
    )
    return Answer(_shown(revision), revision.etag, 201 if revision.number == 1 else 200)


async def remove(asked: Question) -> Answer:
    """Delete a saved adapter softly."""
    asked.require("admin")
    revision = await asked.state.store.delete(ADAPTER, asked.rest, by=asked.actor, expected=_expected(asked))
    return Answer(_shown(revision), revision.etag)


async def history(asked: Question) -> Answer:
    """Return a saved adapter's revisions, newest first; of one that was never saved there are none."""
    asked.require("admin")
    try:
        found = await asked.state.store.history(ADAPTER, asked.rest)
    except NotSavedError:
        return Answer({"revisions": []})
    return Answer({"revisions": [_shown(revision) for revision in found]})


async def roll_back(asked: Question) -> Answer:
    """Save an older revision's document anew."""
    asked.require("admin")
    number = asked.body.get("revision")
    if not isinstance(number, int):
        raise Refusal(400, "invalid_request", "revision must be a number", param="revision")
    old = await asked.state.store.get(ADAPTER, asked.rest, number)
    engine = asked.engine
    engine.policy.check(asked.caller.rights, await engine.catalog(), engine.plugins, old.document)
    revision = await asked.state.store.roll_back(
        ADAPTER, asked.rest, number, by=asked.actor, expected=_expected(asked)
    )
    return Answer(_shown(revision), revision.etag)


def _expected(asked: Question) -> int:
    if asked.expected is None:
        raise Refusal(428, "precondition_required", "send If-Match with the revision's ETag, or If-None-Match: *")
    return asked.expected


def _shown(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "document": revision.document,
        "digest": revision.digest,
        "deleted": revision.deleted,
        "saved_by": revision.saved_by,
        "saved_at": revision.saved_at.isoformat(),
        "reason": revision.reason,
        "restored": revision.restored,
        "etag": revision.etag,
    }
