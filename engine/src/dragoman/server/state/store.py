"""Documents saved at run time: adapters, inference configurations, and kinds to come, as immutable revisions.

A revision is never changed. Saving adds one, deleting adds one that is marked so, rolling back adds one with an older
document: numbers only grow, also over a deletion. Every change is in the audit log, in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.adapter import digest
from dragoman.errors import NotSavedError, RevisionConflictError
from dragoman.prompts import PROMPT_VERSION
from dragoman.server.state import tables
from dragoman.server.state.audit import Actor, AuditEntry, changed_paths, record
from dragoman.server.state.changes import Changes, move
from dragoman.server.state.database import Database
from dragoman.server.state.revision import Revision, check
from dragoman.server.state.texts import storable

#: The kinds that the engine's catalogue reads; other kinds are read by who knows them.
ADAPTER = "adapter"
INFERENCE = "inference"
#: Kinds whose documents are written once: they get no second revision, and are not deleted.
WRITTEN_ONCE = (PROMPT_VERSION,)

TOPIC = "documents"

#: Raises where a document cannot stand beside what is saved of its kind, by name: that is read when it is written, and
#: nobody else writes a document meanwhile. Pure and quick: all other writers wait for it.
Beside = Callable[[Mapping[str, Revision]], None]

_NONE: Mapping[str, Revision] = MappingProxyType({})


class Store:
    """The saved documents. What is current is kept in memory, and read again when any process changes it."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        self._current: dict[str, Mapping[str, Revision]] = {}
        self._seen = -1
        changes.subscribe(TOPIC, self._refresh)

    # --- reading -------------------------------------------------------------------------------------------------

    def current(self, kind: str) -> Mapping[str, Revision]:
        """Return the documents of a kind by name, without the deleted ones, from memory."""
        return self._current.get(kind, _NONE)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of which anything was ever saved."""
        return frozenset(self._current)

    def watch(self) -> AsyncGenerator[None, None]:
        """Yield once at the start, and after every change, by whichever process; changes at a time count as one."""
        return self._changes.watch(TOPIC)

    async def list(self, kind: str, *, deleted: bool = False) -> Sequence[Revision]:
        """Return the current revision of every document of a kind, by name; ``deleted``: of the deleted ones too."""
        table = tables.revisions
        latest = select(table.c.name, func.max(table.c.number)).where(table.c.kind == kind).group_by(table.c.name)
        query = select(table).where(table.c.kind == kind, tuple_(table.c.name, table.c.number).in_(latest))
        if not deleted:
            query = query.where(table.c.deleted.is_(False))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.name))).mappings().all()
        return [_revision(row) for row in rows]

    async def get(self, kind: str, name: str, number: int | None = None) -> Revision:
        """Return a document's current revision, or the one of a number.

        Raises:
            NotSavedError: There is none, or without a number: it is deleted.
        """
        async with self._database.reading() as connection:
            found = await _read(connection, kind, name, number)
        if found is None or (found.deleted and number is None):
            raise _not_saved(kind, name, number, found)
        return found

    async def history(self, kind: str, name: str, *, before: int | None = None, limit: int = 100) -> Sequence[Revision]:
        """Return a document's revisions, newest first, deletions among them.

        Args:
            kind: The document's kind.
            name: Its name.
            before: Only revisions with a lower number: the next page.
            limit: At most so many.

        Raises:
            NotSavedError: Nothing of this name was ever saved.
        """
        table = tables.revisions
        query = select(table).where(table.c.kind == kind, table.c.name == name)
        if before is not None:
            query = query.where(table.c.number < before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.number.desc()).limit(limit))).mappings().all()
        if not rows and before is None:
            raise _not_saved(kind, name, None, None)
        return [_revision(row) for row in rows]

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(
        self,
        kind: str,
        name: str,
        document: Mapping[str, Any],
        *,
        by: Actor | str,
        reason: str | None = None,
        expected: int | None = None,
        beside: Beside | None = None,
    ) -> Revision:
        """Save a document as its next revision; it is on the disk when this returns.

        Args:
            kind: The document's kind.
            name: Its name.
            document: JSON data. Whether it makes sense is for the caller to check before.
            by: Who saves it.
            reason: Why, in their words.
            expected: The number of the revision that the change was made from; 0: there is none yet, or it is
                deleted. ``None`` asks for no check: the last one wins.
            beside: Judges it by the others that are there when it is written; what it raises leaves nothing behind.

        Raises:
            RevisionConflictError: The current revision is another one than expected.
            DocumentError: It is no JSON data, too long, or its name is none.
            StateError: The database cannot be used; nothing was saved.
        """
        check(kind, name, document)
        change = _Change(Actor.of(by), reason, expected, beside)
        return await self._write(kind, name, change, document=document)

    async def delete(
        self,
        kind: str,
        name: str,
        *,
        by: Actor | str,
        reason: str | None = None,
        expected: int | None = None,
    ) -> Revision:
        """Delete a document softly: its revisions stay, and it can be rolled back. The arguments are :meth:`save`'s.

        Raises:
            NotSavedError: There is no such document, or it is deleted already.
            RevisionConflictError: The current revision is another one than expected.
        """
        change = _Change(Actor.of(by), reason, expected)
        return await self._write(kind, name, change, deleted=True)

    async def roll_back(
        self,
        kind: str,
        name: str,
        number: int,
        *,
        by: Actor | str,
        reason: str | None = None,
        expected: int | None = None,
        beside: Beside | None = None,
    ) -> Revision:
        """Save an older revision's document anew; brings back a deleted one, too. The arguments are :meth:`save`'s.

        Raises:
            NotSavedError: There is no such revision, or it is a deletion.
            RevisionConflictError: The current revision is another one than expected.
        """
        change = _Change(Actor.of(by), reason, expected, beside)
        return await self._write(kind, name, change, restored=number)

    async def _write(
        self,
        kind: str,
        name: str,
        change: _Change,
        *,
        document: Mapping[str, Any] | None = None,
        deleted: bool = False,
        restored: int | None = None,
    ) -> Revision:
        async with self._database.writing() as connection:
            number = await move(connection, TOPIC)  # from here on nobody else writes a document
            current = await _read(connection, kind, name)
            _compare(kind, name, current, change.expected)
            if deleted and (current is None or current.deleted):
                raise _not_saved(kind, name, None, current)
            if restored is not None:
                document = await _restorable(connection, kind, name, restored)
            elif document is None:
                document = current.document if current else {}
            if change.beside is not None:
                change.beside((await self._read_on(connection)).current.get(kind, _NONE))
            revision = Revision(
                kind=kind,
                name=name,
                number=current.number + 1 if current else 1,
                document=document,
                digest=digest(document),
                deleted=deleted,
                saved_by=storable(change.by.name, 200),
                saved_at=dt.datetime.now(dt.UTC),
                reason=storable(change.reason, 2000),
                restored=restored,
            )
            values = {column: getattr(revision, column) for column in Revision.__slots__} | {"change": number}
            await connection.execute(insert(tables.revisions).values(values))
            await record(connection, _audited(current, revision, change))
        await self._changes.catch_up()
        return revision

    # --- following -----------------------------------------------------------------------------------------------

    async def _refresh(self) -> None:
        async with self._database.reading() as connection:
            self._current, self._seen = await self._read_on(connection)

    async def _read_on(self, connection: AsyncConnection) -> _Known:
        """Return what is current on a connection: what is in memory, and over it what was written since."""
        table, seen = tables.revisions, self._seen
        found: dict[str, dict[str, Revision]] = {kind: dict(known) for kind, known in self._current.items()}
        query = select(table).where(table.c.change > seen).order_by(table.c.change)
        for row in (await connection.execute(query)).mappings():
            known = found.setdefault(row["kind"], {})
            if row["deleted"]:
                known.pop(row["name"], None)
            else:
                known[row["name"]] = _revision(row)
            seen = row["change"]
        return _Known({kind: MappingProxyType(known) for kind, known in found.items()}, seen)


# --- one change --------------------------------------------------------------------------------------------------


class _Change(NamedTuple):
    by: Actor
    reason: str | None
    expected: int | None
    beside: Beside | None = None


class _Known(NamedTuple):
    """The documents of every kind by name, as of a change's number."""

    current: dict[str, Mapping[str, Revision]]
    seen: int


def _compare(kind: str, name: str, current: Revision | None, expected: int | None) -> None:
    is_there = current is not None and not current.deleted
    number = current.number if current else 0
    if kind in WRITTEN_ONCE and current is not None:
        raise RevisionConflictError(f"{kind} {name!r} is there, and is never changed", current_revision=number)
    if expected is None or expected == number or (expected == 0 and not is_there):
        return
    what = f"is at revision {number}, saved by {current.saved_by}" if current and is_there else "is not there any more"
    if current is None:
        what = "was never saved"
    raise RevisionConflictError(
        f"{kind} {name!r} {what}; the change was made from {f'revision {expected}' if expected else 'nothing'}",
        current_revision=number if is_there else 0,
        hint="read it again and repeat the change",
    )


async def _read(connection: AsyncConnection, kind: str, name: str, number: int | None = None) -> Revision | None:
    table = tables.revisions
    query = select(table).where(table.c.kind == kind, table.c.name == name)
    query = query.where(table.c.number == number) if number is not None else query.order_by(table.c.number.desc())
    row = (await connection.execute(query.limit(1))).mappings().first()
    return None if row is None else _revision(row)


async def _restorable(connection: AsyncConnection, kind: str, name: str, number: int) -> Mapping[str, Any]:
    found = await _read(connection, kind, name, number)
    if found is None or found.deleted:
        raise _not_saved(kind, name, number, found)
    return found.document


def _revision(row: RowMapping) -> Revision:
    return Revision(**{column: row[column] for column in Revision.__slots__})


def _audited(before: Revision | None, after: Revision, change: _Change) -> AuditEntry:
    old = before if before and not before.deleted else None
    verb = "delete" if after.deleted else "save" if after.restored is None else "roll_back"
    return AuditEntry(
        actor=change.by.name,
        action=f"{after.kind}.{verb}",
        subject=f"{after.kind} {after.name}",
        paths=changed_paths(old.document if old else None, None if after.deleted else after.document),
        key_id=change.by.key_id,
        old_digest=old.digest if old else None,
        new_digest=None if after.deleted else after.digest,
        reason=change.reason,
        request_id=change.by.request_id,
        at=after.saved_at,
    )


def _not_saved(kind: str, name: str, number: int | None, found: Revision | None) -> NotSavedError:
    if number is not None:
        what = "is a deletion" if found else "is not there"
        return NotSavedError(f"revision {number} of {kind} {name!r} {what}")
    if found is not None:
        hint = "roll back to an older revision to bring it back"
        return NotSavedError(f"{kind} {name!r} was deleted by {found.saved_by}", hint=hint)
    return NotSavedError(f"no {kind} {name!r} was ever saved")
