"""Keys, usage and the audit log."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal
from dragoman.server.state import Key, UsageQuery
from dragoman.server.state.ledger.usage import DIMENSIONS, TAG, is_dimension
from dragoman.server.state.ledger.usage_csv import usage_csv


async def _keys(asked: Asked) -> Answer:
    return Answer({"keys": [_key(key) for key in await asked.state.keys.list()]})


async def _make_key(asked: Asked) -> Answer:
    roles, adapters = asked.texts("roles"), asked.texts("adapters")
    usable = asked.caller.rights.adapters
    if usable is not None and (adapters is None or not usable.issuperset(adapters)):
        what = "you may use certain adapters only, and no key that you make may use others"
        raise Refusal(403, "permission", what, param="adapters")
    made = await asked.state.keys.create(
        name=asked.text("name", needed=True) or "",
        project=asked.text("project", needed=True) or "",
        by=asked.actor,
        roles=["user"] if roles is None else roles,
        adapters=adapters,
        networks=asked.texts("networks"),
        expires_at=_moment(asked.text("expires_at"), "expires_at"),
    )
    return Answer({**_key(made.key), "secret": made.secret.reveal()}, 201)


async def _revoke_key(asked: Asked) -> Answer:
    return Answer(_key(await asked.state.keys.revoke(asked.path["id"], by=asked.actor, reason=asked.reason)))


async def _usage(asked: Asked) -> Answer:
    by = [part for part in dict.fromkeys(asked.query.get("by", "day").split(",")) if part]
    only: dict[str, str | None] = {n: v for n, v in asked.query.items() if n in _FILTERS or n.startswith(TAG)}
    if strange := [part for part in (*by, *only) if not is_dimension(part)]:
        what = f"usage is grouped by {', '.join(DIMENSIONS)} and {TAG}NAME, not by {strange[0][:80]}"
        raise Refusal(422, "invalid_query", what, param="by" if strange[0] in by else strange[0])
    if asked.caller.role != "admin":
        if hidden := _HIDDEN.intersection((*by, *only)):
            what = f"{min(hidden)} is shown to administrators only: group by adapter or base_model"
            raise Refusal(403, "permission", what, param=min(hidden))
        only |= {"principal": asked.caller.name, "key": asked.caller.key_id}  # names are not one person's
    query = UsageQuery(
        by=tuple(by),
        since=_moment(asked.query.get("since"), "since"),
        until=_moment(asked.query.get("until"), "until"),
        only=only,
    )
    shape = asked.query.get("format", "json")
    if shape not in ("json", "csv"):
        raise Refusal(422, "invalid_query", "format is json or csv", param="format")
    await asked.state.ledger.flush()
    kept_since = asked.state.retention.kept_since("ledger")
    report = await asked.state.ledger.usage(query)
    if shape == "csv":
        return Answer(usage_csv(report), media_type=_CSV)
    return Answer({**report.as_dict(), "kept_since": kept_since.isoformat() if kept_since else None})


async def _audit(asked: Asked) -> Answer:
    before = asked.number("before", 1, 10**9 - 1) if "before" in asked.query else None
    page = await asked.state.audit.query(
        actor=asked.query.get("actor"),
        action=asked.query.get("action"),
        subject=asked.query.get("subject"),
        since=_moment(asked.query.get("since"), "since"),
        until=_moment(asked.query.get("until"), "until"),
        before=before,
        limit=asked.number("limit", 100, 1000),
    )
    entries = [
        {
            "number": entry.number,
            "at": entry.at.isoformat() if entry.at else None,
            "actor": entry.actor,
            "key_id": entry.key_id,
            "action": entry.action,
            "subject": entry.subject,
            "outcome": entry.outcome,
            "paths": list(entry.paths),
            "reason": entry.reason,
            "request_id": entry.request_id,
        }
        for entry in page.entries
    ]
    return Answer({"entries": entries, "before": page.before})


def _key(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "roles": list(key.roles),
        "adapters": None if key.adapters is None else list(key.adapters),
        "networks": None if key.networks is None else list(key.networks),
        "state": key.state,
        "created_by": key.created_by,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def _moment(text: str | None, name: str) -> dt.datetime | None:
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        what = f"{name} must be a moment such as 2026-11-28T12:00:00Z"
        raise Refusal(422, "invalid_query", what, param=name) from None


_CSV = "text/csv; charset=utf-8"
#: What calls can be picked by, beside their time and their tags.
_FILTERS = [name for name in DIMENSIONS if name != "day"]
#: Where a call went: an endpoint's name or an ARN may stand there.
_HIDDEN = frozenset({"model", "upstream"})

_TEXTS = {"type": ["array", "null"], "items": {"type": "string"}}

ROUTES = (
    Route("GET", "/api/keys", _keys, "admin", "List the keys, without their secrets."),
    Route(
        "POST", "/api/keys", _make_key, "admin", "Make a key; its secret is shown this once.", status=201,
        body={
            "type": "object",
            "required": ["name", "project"],
            "properties": {
                "name": {"type": "string"},
                "project": {"type": "string"},
                "roles": {"type": "array", "items": {"enum": ["user", "developer", "admin"]}},
                "adapters": _TEXTS,
                "networks": _TEXTS,
                "expires_at": {"type": ["string", "null"], "format": "date-time"},
            },
        },
    ),
    Route("DELETE", "/api/keys/{id}", _revoke_key, "admin", "Revoke a key, for good."),
    Route(
        "GET", "/api/usage", _usage, "user", "What was used: of everybody for administrators, else your own.",
        media_types=("application/json", "text/csv"),
        query={
            "by": f"what to group by, with commas: {', '.join(DIMENSIONS)}, {TAG}NAME",
            "since": "a moment",
            "until": "a moment",
            "format": "json or csv",
            **dict.fromkeys(_FILTERS, "only calls with this value; tag:NAME likewise"),
        },
    ),
    Route(
        "GET", "/api/audit", _audit, "admin", "Who changed or tried what, newest first.",
        query={
            "actor": "only by this one", "action": "only this", "subject": "only to this", "since": "a moment",
            "until": "a moment", "before": "only entries with a lower number", "limit": "at most so many",
        },
    ),
)  # fmt: skip
