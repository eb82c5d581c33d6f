"""The audit log: who changed or tried what, when, and how it ended. Rows are added, never changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.server.state import tables
from dragoman.server.state.database import Database
from dragoman.server.state.texts import storable

Outcome = Literal["done", "refused", "failed"]

MAX_PAGE = 1000
#: More changed paths than these are not written out, one by one.
MAX_PATHS = 200


class Actor(NamedTuple):
    """Who does something: the key's name, a token's subject, or a person at the command line.

    ``key_id`` is the key that was presented, ``request_id`` the request that it came with.
    """

    name: str
    key_id: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, by: Actor | str) -> Actor:
        """Return the actor; a text is a name."""
        return by if isinstance(by, Actor) else cls(by)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that somebody did or tried.

    Args:
        actor: Who: the key's name, a token's subject, or a person at the command line.
        action: What, as ``noun.verb``: ``adapter.save``, ``key.revoke``, ``call.override``.
        subject: To what: ``adapter my-model``, ``key 4f…``.
        outcome: ``done``, ``refused`` (by the policy) or ``failed``.
        paths: The fields that changed, dotted.
        key_id: The key that was presented; ``None`` where there was none.
        old_digest: The document's digest before; ``None`` where there was none. ``new_digest`` likewise.
        reason: Why, in the words of whoever did it, or of the error.
        request_id: The request that it came with.
        at: When; ``None`` is now.
        number: The entry's place in the log, given by the database; ``None`` before that.
    """

    actor: str
    action: str
    subject: str
    outcome: Outcome = "done"
    paths: tuple[str, ...] = ()
    key_id: str | None = None
    old_digest: str | None = None
    new_digest: str | None = None
    reason: str | None = None
    request_id: str | None = None
    at: dt.datetime | None = None
    number: int | None = None


class AuditPage(NamedTuple):
    """Entries, newest first; ``before`` asks for the next page, ``None`` says that this is the last."""

    entries: tuple[AuditEntry, ...]
    before: int | None


class Audit:
    """The log, for who adds to it and who reads it."""

    def __init__(self, database: Database, redact: Callable[[str], str] = str) -> None:
        self._database = database
        self._redact = redact

    async def append(self, entry: AuditEntry) -> None:
        """Add an entry, without any secret that is known; it is on the disk when this returns.

        Raises:
            StateError: it could not be written.
        """
        entry = replace(
            entry,
            subject=self._redact(entry.subject),
            paths=tuple(map(self._redact, entry.paths)),
            reason=None if entry.reason is None else self._redact(entry.reason),
        )
        async with self._database.writing() as connection:
            await record(connection, entry)

    async def query(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        key_id: str | None = None,
        outcome: Outcome | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> AuditPage:
        """Return the entries that fit, newest first.

        Args:
            actor: Only by this one; ``action``, ``subject``, ``key_id`` and ``outcome`` likewise.
            since: Only from this moment on; ``until``: only before this one.
            before: Only entries with a lower number, as the page before said.
            limit: At most so many, 1 to :data:`MAX_PAGE`.
        """
        table = tables.audit.c
        limit = max(1, min(limit, MAX_PAGE))
        query = select(tables.audit).order_by(table.number.desc()).limit(limit + 1)
        wanted = {"actor": actor, "action": action, "subject": subject, "key_id": key_id, "outcome": outcome}
        for name, value in wanted.items():
            if value is not None:
                query = query.where(table[name] == value)
        if since is not None:
            query = query.where(table.at >= since)
        if until is not None:
            query = query.where(table.at < until)
        if before is not None:
            query = query.where(table.number < before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        entries = tuple(AuditEntry(**{**row, "paths": tuple(row["paths"])}) for row in rows[:limit])
        return AuditPage(entries, entries[-1].number if len(rows) > limit else None)


async def record(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add an entry in a transaction that is open already, so that it stands or falls with the change itself."""
    paths = list(entry.paths[:MAX_PATHS])
    if len(entry.paths) > MAX_PATHS:
        paths.append(f"… and {len(entry.paths) - MAX_PATHS} more")
    values = {
        "at": entry.at or dt.datetime.now(dt.UTC),
        "actor": storable(entry.actor, 200),
        "key_id": storable(entry.key_id, 20),
        "action": storable(entry.action, 80),
        "subject": storable(entry.subject, 300),
        "paths": paths,
        "old_digest": storable(entry.old_digest, 64),
        "new_digest": storable(entry.new_digest, 64),
        "outcome": entry.outcome,
        "reason": storable(entry.reason, 2000),
        "request_id": storable(entry.request_id, 200),
    }
    await connection.execute(insert(tables.audit).values(values))


def changed_paths(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the dotted paths of the leaves that differ between two documents, sorted; lists count as leaves."""
    before, after = dict(_leaves(old or {}, "")), dict(_leaves(new or {}, ""))
    absent = object()
    return tuple(sorted(p for p in {*before, *after} if before.get(p, absent) != after.get(p, absent)))


def _leaves(value: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, inner in value.items():
        at = f"{path}.{name}" if path else name
        leaves += _leaves(inner, at) if isinstance(inner, Mapping) and inner else [(at, inner)]
    return leaves
