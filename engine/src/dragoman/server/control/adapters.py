"""Adapters: list, show with origins, validate, dry run, and what saving one is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.catalog import SAVED_AS, Saved
from dragoman.errors import AdapterNotFoundError, DragomanError, NotSavedError, ProblemsError
from dragoman.merge import Layer
from dragoman.policy import hidden_members, shown_document, shown_origins
from dragoman.resolve import Resolved
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.saved import Kind
from dragoman.server.doors.models import list_models
from dragoman.server.refusals import Refusal
from dragoman.server.state import Revision
from dragoman.server.state.following import layers_of
from dragoman.server.state.store import ADAPTER, Beside
from dragoman.spelling import in_one_spelling


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
    revision = KIND.current(asked, entry.name)
    shown: dict[str, Any] = {"name": entry.name, **_effective(resolved, asked)}
    role = asked.caller.role
    shown["layers"] = [
        {"origin": layer.origin, "document": shown_document(layer.document, role)} for layer in entry.layers
    ]
    if role == "admin":
        shown["source"] = entry.source
    if revision is not None:
        shown["revision"] = KIND.revision(revision, asked, document=False)
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


# --- how ---------------------------------------------------------------------------------------------------------


async def _admit(asked: Asked, name: str) -> None:
    if not asked.caller.may_use(name):
        raise AdapterNotFoundError(f"there is no adapter {name!r}, or you may not use it")


def as_saved(asked: Asked, name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what would be saved where a caller sends a document, as far as this process knows."""
    return _with_hidden(KIND.current(asked, name), asked, document)


async def _taken(asked: Asked, name: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is saved where a caller sends a document: what they may not see of the one before stays."""
    try:
        return _with_hidden(await asked.state.store.get(ADAPTER, name), asked, document)
    except NotSavedError:
        return document


def _with_hidden(current: Revision | None, asked: Asked, document: Mapping[str, Any]) -> dict[str, Any]:
    return {**(hidden_members(current.document, asked.caller.role) if current else {}), **document}


async def _judge(asked: Asked, name: str, document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Hold to the policy what would be saved, or deleted; and what would be saved to its provider."""
    catalog = await asked.engine.catalog()
    rights, plugins, policy = asked.caller.rights, asked.engine.plugins, asked.engine.policy
    if document is None:
        if name in catalog.entries:
            policy.check_saving(rights, catalog, catalog.without_saved([name]), plugins, name)
        return None
    spelt = in_one_spelling(document, f"adapter {name}")
    policy.check_saving(rights, catalog, catalog.with_saved(Saved({name: _draft(spelt)})), plugins, name)
    await asked.engine.adapters.try_saved(name, spelt)
    return spelt


async def _beside(asked: Asked, name: str, document: Mapping[str, Any]) -> Beside:
    """Refuse a name or an alias that another adapter was given since this one was judged."""
    catalog = await asked.engine.catalog()

    def check_names(saved: Mapping[str, Revision]) -> None:
        now = catalog.with_adapters_saved(layers_of(saved))
        now.with_saved(Saved({name: _draft(document)})).check_names(name, now)

    return check_names


def _draft(document: Any) -> Layer:
    return Layer(f"{SAVED_AS}draft", document, trusted=False)


def _effective(resolved: Resolved, asked: Asked) -> dict[str, Any]:
    role = asked.caller.role
    return {
        "effective": shown_document(resolved.document, role),
        "origins": shown_origins(resolved.origins, role),
        "digest": resolved.digest,
    }


_DOCUMENT = {"type": "object", "description": "an adapter document; /api/schemas/adapter describes it"}

_ROUTES = (
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
)  # fmt: skip

KIND = Kind(
    name=ADAPTER,
    address="/api/adapters",
    title="an adapter",
    role="developer",
    document=_DOCUMENT,
    admit=_admit,
    judge=_judge,
    beside=_beside,
    taken=_taken,
    shown=shown_document,
    routes=_ROUTES,
)
