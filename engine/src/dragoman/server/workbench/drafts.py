"""A draft: what is wrong with it, what it would become, the exact request that it would send."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import orjson

from dragoman.documents import parse_document, write_document
from dragoman.engine import DryRun
from dragoman.errors import AdapterNotFoundError, DocumentError, DragomanError
from dragoman.policy import shown_document, shown_origins
from dragoman.resolve import Resolved
from dragoman.server.refusals import Refusal
from dragoman.server.state.store import ADAPTER
from dragoman.server.workbench.question import Answer, Question, problems_in

_SUFFIXES = {"yaml": ".yaml", "json": ".json"}


async def check(asked: Question) -> Answer:
    """Tell what is wrong with a draft, field by field, what it inherits, and what a call through it would use."""
    document = asked.object("document")
    name = document.get("name")
    answer: dict[str, Any] = {"problems": [], "refused": [], "effective": None, "origins": {}, "reports": []}
    try:
        draft = await _resolved(asked, document)
    except DragomanError as error:
        answer["problems"] = problems_in(error)
    else:
        answer |= _shown(asked, draft)
        answer["digest"] = draft.digest
        answer["reports"] = [report._asdict() for report in draft.notes]
    answer["refused"] = await _refused(asked, document)
    answer["inherited"] = await _inherited(asked, document.get("base"), name)
    return Answer(answer)


async def _resolved(asked: Question, document: Mapping[str, Any]) -> Resolved:
    if asked.caller.role == "admin" and isinstance(document.get("name"), str):
        return await asked.engine.adapters.try_saved(document["name"], document)
    return await asked.engine.resolve(document, trusted=False)


async def _refused(asked: Question, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields that the policy refuses this caller."""
    engine = asked.engine
    try:
        engine.policy.check(asked.caller.rights, await engine.catalog(), engine.plugins, document)
    except (DocumentError, AdapterNotFoundError):
        return []  # the problems say so
    except DragomanError as error:
        return problems_in(error)
    return []


async def _inherited(asked: Question, base: Any, name: Any) -> dict[str, Any] | None:
    """Return what lies below a draft: its base, or the adapter of its name in the deployment's files."""
    catalog = await asked.engine.catalog()
    below = base if isinstance(base, str) and base else None
    if below is None and isinstance(name, str) and name in catalog.entries:
        entry = catalog.entries[name]
        has_files = any(not layer.origin.startswith("saved ") for layer in entry.layers)
        below = name if has_files and name not in asked.state.store.current(ADAPTER) else None
    if below is None:
        return None
    if base and isinstance(base, str) and not asked.caller.may_use(base):
        return None
    try:
        return {"name": below, **_shown(asked, await asked.engine.resolve(below))}
    except DragomanError:
        return None


def _shown(asked: Question, resolved: Resolved) -> dict[str, Any]:
    role = asked.caller.role
    effective = shown_document(resolved.document, role)
    return {"effective": effective, "origins": shown_origins(resolved.origins, role)}


async def dry_run(asked: Question) -> Answer:
    """Return the exact request that a draft or an adapter would send, its credentials masked, also as curl."""
    asked.require("admin")
    body = asked.body
    adapter = body.get("document") or body.get("adapter")
    if not isinstance(adapter, dict | str):
        raise Refusal(400, "invalid_request", "name an adapter, or give a document", param="document")
    if isinstance(adapter, dict):  # first as it would be saved, with what lies below it
        resolved = await _resolved(asked, adapter)
        adapter = {name: value for name, value in resolved.document.items() if name != "name"}
    run = await asked.engine.dry_run(
        adapter,
        body.get("messages") or "Hello",
        tools=body.get("tools"),
        caller=asked.caller,
        stream=bool(body.get("stream")),
    )
    return Answer(
        {
            "method": run.method,
            "url": run.url,
            "headers": run.headers,
            "body": run.body,
            "reports": [report._asdict() for report in run.reports],
            "curl": curl(run),
        }
    )


def curl(run: DryRun) -> str:
    """Return a dry run as a curl command; masked credentials stay masked, the reader puts theirs in."""
    parts = [f"curl -X {run.method} {shlex.quote(run.url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in run.headers.items()]
    if run.body is not None:
        text = run.body if isinstance(run.body, str) else orjson.dumps(run.body, option=orjson.OPT_INDENT_2).decode()
        parts.append(f"--data-raw {shlex.quote(text)}")
    return " \\\n  ".join(parts)


async def text(asked: Question) -> Answer:
    """Turn a document into YAML or JSON, or such a text into a document; a broken one is told with its line."""
    suffix = _SUFFIXES.get(asked.text("format", "yaml"), ".yaml")
    if "document" in asked.body:
        return Answer({"text": write_document(asked.object("document"), suffix)})
    try:
        document = await asked.engine.run_blocking(parse_document, asked.text("text"), suffix, "document")
    except DocumentError as error:
        return Answer({"problems": problems_in(error)})
    return Answer({"document": document})
