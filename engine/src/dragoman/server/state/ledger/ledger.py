"""Booking calls, and moving what was booked into the database."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from dragoman.errors import DragomanError, StateError
from dragoman.server.state import tables
from dragoman.server.state.database import Database, reason_of
from dragoman.server.state.ledger.insertion import Insertion
from dragoman.server.state.ledger.journal import JournalFile, abandoned, keep_damaged
from dragoman.server.state.ledger.record import CallRecord, row_of
from dragoman.server.state.ledger.usage import UsageQuery, UsageReport, read_usage
from dragoman.server.state.repeating import Repeating
from dragoman.settings import StoreSettings

logger = logging.getLogger("dragoman.state")

#: Rows that one transaction takes; more would keep the loop from its calls for longer than two milliseconds.
BATCH_ROWS = 200
#: Moves between two looks for journals of dead processes.
LOOK_EVERY = 20
#: Calls that are kept in memory while the journal cannot be written; beyond it they are counted as lost, loudly.
MAX_UNWRITTEN = 100_000
#: Seconds that a call waits for the database to take what the journal could not.
WRITE_THROUGH_S = 5.0


class Ledger:
    """The calls, one row each: booked in a journal at once, in the database within a second."""

    def __init__(self, database: Database, folder: Path, settings: StoreSettings) -> None:
        self._database = database
        self._folder = folder
        self._sync = settings.ledger_sync
        self._journal: JournalFile | None = None
        self._sealed: list[JournalFile] = []
        self._unwritten: list[bytes] = []
        self._insertion = Insertion(database)
        self._moving = asyncio.Lock()
        self._syncing: asyncio.Task[None] | None = None
        self._writing_through: asyncio.Task[None] | None = None
        self._turns = itertools.count(1)
        self._repeating = Repeating("dragoman-state-ledger", self._move_on, settings.ledger_interval_s)
        #: Why booked calls do not reach the database, or the journal, just now; ``None``: they do.
        self.problem: str | None = None
        #: Why a call could be booked nowhere just now, so that none should begin; ``None``: it can.
        self.unbookable: str | None = None
        #: Lines found torn or damaged since the start, and calls that could be kept nowhere.
        self.damaged_lines = 0
        self.lost_calls = 0

    # --- the hot path --------------------------------------------------------------------------------------------

    def append(self, call: CallRecord) -> None:
        """Book a call: one write into the journal, some microseconds. Call it once, before the answer ends.

        Raises nothing: where the disk is full the call is kept in memory and goes with the next move.
        """
        line = call.as_json()
        try:
            if self._journal is None:
                self._journal = JournalFile.create(self._folder)
            self._journal.append(line)
        except (OSError, StateError) as error:
            self._keep(line, error)

    async def synced(self) -> None:
        """Wait until everything booked so far is on the disk, where ``store.ledger_sync`` is ``always``.

        Calls that wait at the same time share one write. Otherwise returns at once; but where the journal could not
        take a call, always waits until the database has it, or cannot take it either.

        Raises:
            StateError: The disk refuses.
        """
        if self._unwritten:
            await self._write_through()
        if self._sync != "always":
            return
        if self._syncing is not None:  # it may have begun before our line was written
            await asyncio.shield(self._syncing)
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._force())
        await asyncio.shield(self._syncing)

    # --- asking --------------------------------------------------------------------------------------------------

    async def usage(self, query: UsageQuery | None = None) -> UsageReport:
        """Return what was used; calls of the last second may be missing, see :meth:`flush`.

        Raises:
            StateError: The database cannot be read.
        """
        return await read_usage(self._database, query or UsageQuery())

    async def count(self) -> int:
        """Return how many calls the database holds."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(func.count()).select_from(tables.calls))
            return int(found.scalar_one())

    @property
    def backlog_bytes(self) -> int:
        """Bytes of journals of this process that are not yet in the database."""
        files = [*self._sealed, *([self._journal] if self._journal else [])]
        return sum(file.size for file in files) + sum(map(len, self._unwritten))

    # --- moving --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Move what dead processes left, then go on moving in the background.

        Raises:
            StateError: The journal's folder cannot be written.
        """
        self._journal = await asyncio.to_thread(JournalFile.create, self._folder)
        await self._adopt()
        try:
            await self.flush()
        except StateError as error:
            self._tell(error)
        self._repeating.start()

    async def aclose(self) -> None:
        """Move what is booked and stop. What cannot be moved stays in the journal for the next start."""
        await self._repeating.aclose()
        try:
            await self.flush()
        except StateError as error:
            self._tell(error)
            await self._write_again()
        if self._unwritten:
            self.lost_calls += len(self._unwritten)
            logger.error("%d calls could be booked neither in the journal nor in the database", len(self._unwritten))
        for file in [*self._sealed, *([self._journal] if self._journal else [])]:
            file.close(remove=file.size == 0)
        self._sealed, self._journal = [], None

    async def flush(self) -> None:
        """Move everything that is booked into the database now.

        Raises:
            StateError: The database refuses; nothing is lost, the next move tries again.
        """
        async with self._moving:
            await self._move_unwritten()
            await self._move_sealed()
            if self._journal is not None and self._journal.size:
                fresh = await self._fresh_journal()
                sealed, self._journal = self._journal, fresh
                self._sealed.append(sealed)
                await self._move_sealed()

    async def _move_on(self) -> None:
        try:
            await self._rescue()
            if self._sync != "off":
                await self._force()
            if next(self._turns) % LOOK_EVERY == 0:
                await self._adopt()
            self._database.check_in_place()  # before anything new is made in a folder that may be moved back
            await self.flush()
            self._well()
        except DragomanError as error:
            self._tell(error)
            await self._write_again()
        except Exception as error:
            logger.exception("moving booked calls into the database failed; the next move tries again")
            self._tell(error)
            await self._write_again()

    async def _adopt(self) -> None:
        found = await asyncio.to_thread(abandoned, self._folder)
        for file in found:
            if file.size:
                logger.info("the journal %s of a process that ended early is taken over", file.path.name)
        self._sealed += found

    async def _fresh_journal(self) -> JournalFile | None:
        """Make the next file off the loop; where that fails, the next call tries again and stays in memory."""
        try:
            return await asyncio.to_thread(JournalFile.create, self._folder)
        except StateError as error:
            self._tell(error)
            return None

    async def _move_sealed(self) -> None:
        while self._sealed:
            await self._move(self._sealed[0])
            self._sealed.pop(0).close(remove=True)

    async def _move_unwritten(self) -> None:
        """Move the calls that the journal could not take."""
        while batch := self._unwritten[:BATCH_ROWS]:
            self.lost_calls += len(await self._insert([row_of(line) for line in batch]))
            del self._unwritten[: len(batch)]

    async def _move(self, file: JournalFile) -> None:
        """Book a file's lines. It may be moved in part and again from its start: no call is booked twice."""
        damaged: list[bytes] = []
        lines = file.lines()
        while batch := await asyncio.to_thread(lambda: list(itertools.islice(lines, BATCH_ROWS))):
            rows = []
            for line in batch:
                try:
                    rows.append(row_of(line.content or b""))
                except ValueError:
                    damaged.append(line.raw)
            damaged += [repr(row).encode() + b"\n" for row in await self._insert(rows)]
        if damaged:
            await self._keep_damaged(file, damaged)

    async def _keep_damaged(self, file: JournalFile, lines: list[bytes]) -> None:
        try:
            path = await asyncio.to_thread(keep_damaged, self._folder, file.path.name, lines)
        except OSError as error:
            raise StateError(f"lines that cannot be booked cannot be kept either: {error.strerror}") from None
        self.damaged_lines += len(lines)
        if not lines[-1].endswith(b"\n"):
            logger.warning("the last line of %s is torn: its process died, or the disk was full", file.path.name)
        logger.warning("%d lines of the ledger's journal cannot be booked; they are kept in %s", len(lines), path)

    async def _insert(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Insert the rows, those that are there already excepted, and return those that the database refuses."""
        if not rows:
            return []
        try:
            async with self._database.writing() as connection:
                await connection.exec_driver_sql(self._insertion.text, list(map(self._insertion.values, rows)))
        except StateError as error:
            if not _is_refusal(error.__cause__):
                raise
            if len(rows) == 1:
                logger.warning("the database refuses a booked call: %s", reason_of(error.__cause__ or error))
                return rows
            halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
            return [row for half in halves for row in await self._insert(half)]
        return []

    async def _force(self) -> None:
        for file in [*self._sealed, *([self._journal] if self._journal else [])]:
            await file.sync()

    # --- when something is away ----------------------------------------------------------------------------------

    async def _rescue(self) -> None:
        """Write again what is in a journal that was deleted: nobody else could read it any more."""
        journal = self._journal
        if journal is not None and journal.whereabouts() == "deleted":
            self._journal = await self._fresh_journal()
            self._sealed.append(journal)
        async with self._moving:
            for place, file in enumerate(self._sealed):
                if file.whereabouts() == "deleted":
                    try:
                        self._sealed[place] = await asyncio.to_thread(file.rescued)
                    except StateError as error:
                        self._tell(error)
                        return
                    file.close()
                    logger.warning("the ledger's journal %s was deleted; its calls were written again", file.path.name)

    async def _write_through(self) -> None:
        """Wait until the database has what the journal could not take; where it cannot either, say so and go on."""
        if self._writing_through is None or self._writing_through.done():
            self._writing_through = asyncio.create_task(self._flush_unwritten(), name="dragoman-ledger-write-through")
        await asyncio.wait([self._writing_through], timeout=WRITE_THROUGH_S)
        if self._unwritten:
            self.unbookable = self.problem

    async def _flush_unwritten(self) -> None:
        try:
            async with self._moving:
                await self._move_unwritten()
        except StateError as error:
            self._tell(error)

    async def _write_again(self) -> None:
        """Try the journal once more with the calls that it could not take, as the database does not take them."""
        async with self._moving:
            if self._unwritten and self._journal is None:
                self._journal = await self._fresh_journal()
            try:
                while self._unwritten and self._journal is not None:
                    self._journal.append(self._unwritten[0])
                    del self._unwritten[0]
            except OSError as error:
                self._tell(error)
        self.unbookable = self.problem if self._unwritten else None

    def _keep(self, line: bytes, error: Exception) -> None:
        self._tell(error)
        if len(self._unwritten) < MAX_UNWRITTEN:
            self._unwritten.append(line)
        else:
            self.lost_calls += 1
            logger.error("a call could be booked neither in the journal nor in memory: %s", error)

    def _tell(self, error: Exception) -> None:
        if self.problem is None:
            logger.warning("booked calls wait in the journal for now: %s", error)
        self.problem = str(error)

    def _well(self) -> None:
        if self._unwritten:
            return
        self.unbookable = None
        if self.problem is not None:
            logger.warning("booked calls reach the database again")
        self.problem = None


def _is_refusal(error: BaseException | None) -> bool:
    """Return whether the database refused the values themselves; a connection that broke is none."""
    return isinstance(error, DBAPIError) and not error.connection_invalidated and _sqlstate_class(error) in ("22", "23")


def _sqlstate_class(error: DBAPIError) -> str:
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state[:2]
    names: Iterator[str] = (kind.__name__ for kind in type(error.orig).__mro__)
    return "22" if {"DataError", "IntegrityError"} & set(names) or isinstance(error.orig, OverflowError) else ""
