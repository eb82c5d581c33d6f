"""How long booked calls and the audit log are kept, and taking out what is older, a little at a time."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import NamedTuple

from sqlalchemy import Column, Table, delete, func, select

from dragoman.errors import DragomanError
from dragoman.server.state import tables
from dragoman.server.state.audit import Actor, Audit, AuditEntry
from dragoman.server.state.database import Database
from dragoman.server.state.repeating import Repeating

logger = logging.getLogger("dragoman.state")

#: Rows that one transaction takes out, and the pause between two: others write meanwhile.
BATCH_ROWS = 500
PAUSE_S = 0.02
#: Seconds between two looks in the background. One finds something once a day: whole days are taken out.
LOOK_S = 300.0


class Expired(NamedTuple):
    """What is older than it is kept.

    ``what`` is ``ledger`` or ``audit``; ``before`` the midnight (UTC) from which on rows are kept, ``rows`` how many
    are older.
    """

    what: str
    before: dt.datetime
    rows: int


class _Kept(NamedTuple):
    table: Table
    key: Column[object]


_KEPT = {
    "ledger": _Kept(tables.calls, tables.calls.c.call_id),
    "audit": _Kept(tables.audit, tables.audit.c.number),
}


class Retention:
    """Takes out what is older than it is kept.

    Args:
        database: Where it is.
        audit: Told of what was taken out.
        ledger_days: Days that a call is kept, today not counted; ``None`` = for ever. ``audit_days`` likewise.
    """

    def __init__(self, database: Database, audit: Audit, ledger_days: int | None, audit_days: int | None) -> None:
        self._database = database
        self._audit = audit
        self.days = {"ledger": ledger_days, "audit": audit_days}
        self._repeating = Repeating("dragoman-state-retention", self._look, LOOK_S) if any(self.days.values()) else None
        #: Why nothing could be taken out just now; ``None``: it could.
        self.problem: str | None = None

    def kept_since(self, what: str) -> dt.datetime | None:
        """Return the midnight from which on rows of ``ledger`` or ``audit`` are kept; ``None`` = all of them are."""
        days = self.days[what]
        if days is None:
            return None
        today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - dt.timedelta(days=days)

    async def plan(self) -> list[Expired]:
        """Count what is older than it is kept.

        Raises:
            StateError: The database cannot be read.
        """
        found = []
        for what, (table, _) in _KEPT.items():
            before = self.kept_since(what)
            if before is not None:
                async with self._database.reading() as connection:
                    counted = select(func.count()).select_from(table).where(table.c.at < before)
                    found.append(Expired(what, before, int((await connection.execute(counted)).scalar_one())))
        return found

    async def prune(self, by: Actor | str) -> list[Expired]:
        """Take it out, in transactions of :data:`BATCH_ROWS`, and return how much it was.

        It may stop anywhere and go on later. Several processes may do it at a time.

        Raises:
            StateError: The database cannot be written; what was taken out until then is out.
        """
        done = []
        for what in _KEPT:
            before = self.kept_since(what)
            if before is not None:
                done.append(Expired(what, before, await self._prune(what, before)))
        for expired in done:
            if expired.rows:
                await self._audit.append(_audited(expired, Actor.of(by)))
        return done

    def start(self) -> None:
        """Look now and then in the background, where anything is not kept for ever."""
        if self._repeating is not None:
            self._repeating.start()

    async def aclose(self) -> None:
        """Stop."""
        if self._repeating is not None:
            await self._repeating.aclose()

    async def _prune(self, what: str, before: dt.datetime) -> int:
        table, key = _KEPT[what]
        oldest = select(key).where(table.c.at < before).order_by(table.c.at).limit(BATCH_ROWS)
        batch = delete(table).where(key.in_(oldest.with_for_update(skip_locked=True)))  # SQLite has no such words
        total = 0
        while not self._is_stopping:
            async with self._database.writing() as connection:
                taken = (await connection.execute(batch)).rowcount
            total += taken
            if taken < BATCH_ROWS:
                break
            await asyncio.sleep(PAUSE_S)
        return total

    @property
    def _is_stopping(self) -> bool:
        return self._repeating is not None and self._repeating.is_stopping

    async def _look(self) -> None:
        try:
            for expired in await self.prune("retention"):
                if expired.rows:
                    logger.info("%s: %d rows from before %s are taken out", *_shown(expired))
            self.problem = None
        except DragomanError as error:
            self._tell(error)
        except Exception as error:
            logger.exception("taking out what is older than it is kept failed; the next look tries again")
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if self.problem is None:
            logger.warning("what is older than it is kept stays for now: %s", error)
        self.problem = str(error)


def _shown(expired: Expired) -> tuple[str, int, str]:
    return expired.what, expired.rows, f"{expired.before:%Y-%m-%d}"


def _audited(expired: Expired, by: Actor) -> AuditEntry:
    what, rows, day = _shown(expired)
    return AuditEntry(
        actor=by.name,
        action=f"{what}.prune",
        subject=what,
        reason=f"{rows} rows from before {day}",
        key_id=by.key_id,
        request_id=by.request_id,
    )
