"""A draft: what is wrong with it, what it would become, the exact request that it would send."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import orjson

from dragoman.catalog import SAVED_AS, Saved
from dragoman.documents import parse_document, write_document
from dragoman.engine import DryRun
from dragoman.errors import AdapterNotFoundError, DocumentError, DragomanError, PolicyError
from dragoman.merge import Layer
from dragoman.policy import hidden_members, shown_document, shown_origins
from dragoman.resolve import Resolved
from dragoman.server.control.adapters import as_saved
from dragoman.server.control.problems import problems_in
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.workbench.notices import notice_of
from dragoman.server.refusals import Refusal

MASK = "•••"
#: Shorter texts and numbers are masked where they are the whole value only: they would be found everywhere.
MIN_MASKED = 4

_SUFFIXES = {"yaml": ".yaml", "json": ".json"}


async def check(asked: Asked) -> Answer:
    """Tell what is wrong with a draft, field by field, what it inherits, and what a call through it would use."""
    document = asked.mapping("document")
    answer: dict[str, Any] = {
        "problems": [], "refused": [], "effective": None, "origins": {}, "reports": [], "inherited": None
    }  # fmt: skip
    try:
        answer["refused"] = await _refused(asked, document)
        draft = await resolve_draft(asked, document)
    except DragomanError as error:
        answer["problems"] = problems_in(error)
        if isinstance(error, AdapterNotFoundError):
            return Answer(answer)
    else:
        answer |= _shown(asked, draft)
        answer["digest"] = draft.digest
        answer["notice"] = notice_of(asked, draft.adapter.notice)
        answer["reports"] = [report._asdict() for report in draft.notes]
    answer["inherited"] = await _inherited(asked, document)
    return Answer(answer)


async def resolve_draft(asked: Asked, document: Mapping[str, Any]) -> Resolved:
    """Return a draft as it would be if it were saved: over the file or the predefined adapter of its name."""
    name = document.get("name")
    if isinstance(name, str) and await _is_saved_as(asked, name):
        return await asked.engine.adapters.try_saved(name, as_saved(asked, name, document))
    return await asked.engine.resolve(document, trusted=False)


async def _is_saved_as(asked: Asked, name: str) -> bool:
    """Return whether a draft of this name would be saved under it: others than administrators name what there is."""
    return asked.caller.role == "admin" or (
        asked.caller.may_use(name) and name in (await asked.engine.catalog()).entries
    )


async def _refused(asked: Asked, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields that the policy refuses this caller: of a named draft, to save it; else to call it.

    Raises:
        AdapterNotFoundError: It builds on an adapter that is not there, or that the caller may not use.
    """
    engine, name, rights = asked.engine, document.get("name"), asked.caller.rights
    catalog = await engine.catalog()
    try:
        if isinstance(name, str) and await _is_saved_as(asked, name):
            draft = catalog.with_saved(Saved({name: _layer(as_saved(asked, name, document))}))
            engine.policy.check_saving(rights, catalog, draft, engine.plugins, name)
        else:
            engine.policy.check(rights, catalog, engine.plugins, document)
    except DocumentError:
        return []  # the problems say so
    except PolicyError as error:
        return problems_in(error)
    return []


async def _inherited(asked: Asked, document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a draft would be if it said nothing itself: its base, its name's file or predefined adapter."""
    name, base = document.get("name"), document.get("base")
    if isinstance(base, str) and not asked.caller.may_use(base):
        return None
    alone = {member: document[member] for member in ("name", "base") if document.get(member)}
    try:
        resolved = await resolve_draft(asked, alone)
    except DragomanError:
        return None  # there is nothing below, or it is incomplete: the draft's problems say so
    below = base if isinstance(base, str) and base else name
    return {"name": below, "is_base": bool(base), **_shown(asked, resolved)}


def _layer(document: Mapping[str, Any]) -> Layer:
    return Layer(f"{SAVED_AS}draft", document, trusted=False)


def _shown(asked: Asked, resolved: Resolved) -> dict[str, Any]:
    role = asked.caller.role
    effective = shown_document(resolved.document, role)
    return {"effective": effective, "origins": shown_origins(resolved.origins, role)}


async def dry_run(asked: Asked) -> Answer:
    """Return the exact request that a draft or an adapter would send, its credentials masked, also as curl.

    Who is no administrator sees what is said to the model, and nothing of where it goes.
    """
    body, document = asked.body, asked.mapping("document")
    is_admin = asked.caller.role == "admin"
    if not is_admin and (refused := await _refused(asked, document)):
        raise Refusal(403, "policy", "the draft has changes that you may not make", problems=tuple(refused))
    resolved = await resolve_draft(asked, document)  # as it would be saved, with what lies below it
    run = await asked.engine.dry_run(
        resolved,
        body.get("messages") or "Hello",
        tools=body.get("tools"),
        stream=bool(body.get("stream")),
    )
    reports = [report._asdict() for report in run.reports]
    if not is_admin:
        hidden = texts_in(hidden_members(resolved.document, asked.caller.role))
        shown = masked(run.body, hidden)
        return Answer(
            {"method": run.method, "url": None, "headers": {}, "body": shown, "reports": reports, "curl": None}
        )
    return Answer(
        {
            "method": run.method,
            "url": run.url,
            "headers": run.headers,
            "body": run.body,
            "reports": reports,
            "curl": curl(run),
        }
    )


def texts_in(value: Any) -> frozenset[str]:
    """Return the texts and numbers of a value, as texts, at any depth."""
    if isinstance(value, Mapping):
        return frozenset().union(*map(texts_in, value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*map(texts_in, value))
    return frozenset() if value is None or isinstance(value, bool) else frozenset({str(value)})


def masked(body: Any, hidden: frozenset[str]) -> Any:
    """Return a request's body with what is hidden masked: whole values, and longer ones also inside of texts."""
    if isinstance(body, Mapping):
        return {name: masked(value, hidden) for name, value in body.items()}
    if isinstance(body, list | tuple):
        return [masked(value, hidden) for value in body]
    if body is None or isinstance(body, bool):
        return body
    if str(body) in hidden and (isinstance(body, str) or len(str(body)) >= MIN_MASKED):
        return MASK
    if isinstance(body, str):
        for text in sorted((text for text in hidden if len(text) >= MIN_MASKED), key=len, reverse=True):
            body = body.replace(text, MASK)
    return body


def curl(run: DryRun) -> str:
    """Return a dry run as a curl command; masked credentials stay masked, the reader puts theirs in."""
    parts = [f"curl -X {run.method} {shlex.quote(run.url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in run.headers.items()]
    if run.body is not None:
        text = run.body if isinstance(run.body, str) else orjson.dumps(run.body, option=orjson.OPT_INDENT_2).decode()
        parts.append(f"--data-raw {shlex.quote(text)}")
    return " \\\n  ".join(parts)


async def text(asked: Asked) -> Answer:
    """Turn a document into YAML or JSON, or such a text into a document; a broken one is told with its line."""
    suffix = _SUFFIXES.get(asked.text("format") or "yaml", ".yaml")
    if "document" in asked.body:
        return Answer({"text": write_document(asked.mapping("document"), suffix)})
    try:
        document = await asked.engine.run_blocking(
            parse_document, asked.text("text", needed=True) or "", suffix, "document"
        )
    except DocumentError as error:
        return Answer({"problems": problems_in(error)})
    return Answer({"document": document})


_DOCUMENT = {"type": "object", "description": "an adapter document; /api/schemas/adapter describes it"}

ROUTES = (
    Route(
        "POST", "/api/workbench/check", check, "user", "Tell what is wrong with a draft, and what it inherits.",
        body={"type": "object", "required": ["document"], "properties": {"document": _DOCUMENT}},
    ),
    Route(
        "POST", "/api/workbench/dry-run", dry_run, "user", "Show the exact request of a draft, also as curl.",
        body={
            "type": "object",
            "required": ["document"],
            "properties": {
                "document": _DOCUMENT,
                "messages": {"type": ["array", "string"]},
                "tools": {"type": ["array", "null"]},
                "stream": {"type": "boolean"},
            },
        },
    ),
    Route(
        "POST", "/api/workbench/text", text, "user", "Turn a document into YAML or JSON, or such a text into one.",
        body={
            "type": "object",
            "properties": {
                "document": _DOCUMENT, "text": {"type": "string"}, "format": {"enum": ["yaml", "json"]},
            },
        },
    ),
)  # fmt: skip
