"""What administrators see: usage, plugins, names of secrets, keys, the audit log."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from dragoman.errors import DragomanError
from dragoman.server.refusals import Refusal
from dragoman.server.state import Key, UsageQuery
from dragoman.server.state.ledger.usage import DIMENSIONS, Dimension
from dragoman.server.workbench.question import Answer, Question

MAX_DAYS = 366
MAX_KEY_DAYS = 3650
# Where somebody wrote a key in place of its name, the key must not be listed.
_LIKE_A_NAME = re.compile(r"(?!.*[A-Za-z0-9]{24})[A-Za-z_][A-Za-z0-9_. /:-]*")


async def usage(asked: Question) -> Answer:
    """Return what was used, by ``by`` (comma-separated), of the last ``days``. Others than administrators see theirs."""
    by = tuple(part for part in asked.query.get("by", "day").split(",") if part)
    days = asked.query.get("days", "30")
    if not days.isdigit() or not 1 <= int(days) <= MAX_DAYS:
        raise Refusal(400, "invalid_request", f"days is a number from 1 to {MAX_DAYS}", param="days")
    if unknown := [part for part in by if part not in DIMENSIONS]:
        raise Refusal(400, "invalid_request", f"{unknown[0]!r} is none of {', '.join(DIMENSIONS)}", param="by")
    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=int(days))
    own: dict[Dimension, str] = {} if asked.caller.role == "admin" else {"principal": asked.caller.name}
    dimensions: Any = by
    report = await asked.state.ledger.usage(UsageQuery(by=dimensions, since=since, only=own))
    return Answer(report.as_dict())


async def plugins(asked: Question) -> Answer:
    """Return which plugins loaded, what each brings, and which failed and why."""
    asked.require("admin")
    found = await asked.engine.run_blocking(lambda: asked.engine.plugins)
    loaded = [
        {
            "name": p.name,
            "distribution": p.distribution,
            "version": p.version,
            "providers": [{"kind": d.kind, "title": d.title, "operations": d.operations} for d in p.providers],
            "secret_sources": [d.kind for d in p.secret_sources],
            "importers": [d.name for d in p.importers],
        }
        for p in found.loaded
    ]
    failed = [{"name": f.name, "reason": f.reason} for f in found.failed]
    return Answer({"loaded": loaded, "failed": failed, "blocked": list(found.blocked)})


async def secrets(asked: Question) -> Answer:
    """Return the names of secrets, where each comes from and what asks for it: never a value."""
    asked.require("admin")
    engine = asked.engine
    needed: dict[str, list[str]] = {}
    for name in (await engine.catalog()).entries:
        try:
            credentials = (await engine.resolve(name)).target.credentials
        except DragomanError:
            continue  # the list of models says so
        for secret in filter(_LIKE_A_NAME.fullmatch, credentials.values()):
            needed.setdefault(secret, []).append(name)
    snapshot = await engine.secrets.load()
    rows = [
        {"name": row.name, "source": row.source, "also_in": list(row.also_in), "adapters": needed.get(row.name, [])}
        for row in snapshot.listing(needed)
    ]
    problems = [{"source": p.source, "name": p.name, "message": p.message} for p in snapshot.problems]
    return Answer({"sources": list(snapshot.sources), "secrets": rows, "problems": problems})


async def keys(asked: Question) -> Answer:
    """List the gateway's keys, without their secrets."""
    asked.require("admin")
    return Answer({"keys": [_shown(key) for key in await asked.state.keys.list()]})


async def create_key(asked: Question) -> Answer:
    """Make a key; its secret is in this answer and in no other."""
    asked.require("admin")
    days = asked.body.get("expires_in_days")
    if days is not None and (type(days) is not int or not 1 <= days <= MAX_KEY_DAYS):
        what = f"expires_in_days is a number from 1 to {MAX_KEY_DAYS}, or null"
        raise Refusal(400, "invalid_request", what, param="expires_in_days")
    made = await asked.state.keys.create(
        name=asked.text("name"),
        project=asked.text("project"),
        by=asked.actor,
        roles=[asked.text("role", "user")],
        adapters=_names(asked, "adapters"),
        expires_at=None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days),
    )
    return Answer({**_shown(made.key), "secret": made.secret.reveal()}, status=201)


async def revoke_key(asked: Question) -> Answer:
    """Revoke a key, for good."""
    asked.require("admin")
    return Answer(_shown(await asked.state.keys.revoke(asked.rest, by=asked.actor)))


async def audit(asked: Question) -> Answer:
    """Return the audit log, newest first."""
    asked.require("admin")
    before = asked.query.get("before", "")
    page = await asked.state.audit.query(
        actor=asked.query.get("actor") or None,
        action=asked.query.get("action") or None,
        subject=asked.query.get("subject") or None,
        before=int(before) if before.isdigit() else None,
    )
    entries = [
        {
            "number": e.number,
            "at": e.at.isoformat() if e.at else None,
            "actor": e.actor,
            "action": e.action,
            "subject": e.subject,
            "outcome": e.outcome,
            "paths": e.paths,
            "reason": e.reason,
        }
        for e in page.entries
    ]
    return Answer({"entries": entries, "before": page.before})


def _names(asked: Question, member: str) -> list[str] | None:
    value = asked.body.get(member)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Refusal(400, "invalid_request", f"{member} is a list of names, or null for all", param=member)
    return value


def _shown(key: Key) -> dict[str, Any]:
    def moment(at: dt.datetime | None) -> str | None:
        return at.isoformat() if at else None

    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "roles": key.roles,
        "adapters": key.adapters,
        "networks": key.networks,
        "state": key.state,
        "created_by": key.created_by,
        "created_at": moment(key.created_at),
        "expires_at": moment(key.expires_at),
        "last_used_at": moment(key.last_used_at),
    }
