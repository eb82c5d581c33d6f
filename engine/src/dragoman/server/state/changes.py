"""How a change in one process is seen by all: every change moves a number, and every process watches the numbers.

PostgreSQL tells of it (LISTEN/NOTIFY), with a slow poll as a net for what gets lost with a connection. SQLite cannot
tell; its ``data_version``, which is cheap to read, says whether another process has written anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import func

from dragoman.errors import DragomanError, StateError
from dragoman.server.state import tables
from dragoman.server.state.database import Database
from dragoman.server.state.repeating import Repeating

logger = logging.getLogger("dragoman.state")

CHANNEL = "dragoman_changes"
#: Seconds between two looks at SQLite's version.
SQLITE_POLL_S = 0.2
#: Seconds between two looks at PostgreSQL beside its own notifications.
POSTGRESQL_POLL_S = 5.0
#: Seconds between two attempts to reach a database that is away.
RETRY_S = 1.0

Refresh = Callable[[], Awaitable[None]]


async def move(connection: AsyncConnection, topic: str) -> int:
    """Move a topic's number in the running transaction, and return it.

    From here on, whoever else writes under this topic waits until the transaction ends: numbers become visible in
    their order, none is skipped by a reader.
    """
    moved = (
        update(tables.changes)
        .where(tables.changes.c.topic == topic)
        .values(number=tables.changes.c.number + 1)
        .returning(tables.changes.c.number)
    )
    number = (await connection.execute(moved)).scalar_one()
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_notify(CHANNEL, topic)))
    return int(number)


class Changes:
    """Watches the numbers and lets those that keep something in memory read it again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: dict[str, list[Refresh]] = {}
        self._seen: dict[str, int] = {}
        self._refreshed: dict[str, asyncio.Event] = {}
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._watching = Repeating("dragoman-state-changes", self._watch, RETRY_S)
        self._looked_at = time.monotonic()
        #: Why the database cannot be watched just now; ``None``: it can.
        self.problem: str | None = None

    def subscribe(self, topic: str, refresh: Refresh) -> None:
        """Call ``refresh`` after every change under a topic, and once at the start; in the order of subscribing."""
        self._subscribers.setdefault(topic, []).append(refresh)

    def unsubscribe(self, topic: str, refresh: Refresh) -> None:
        """Call it no more; one that was never subscribed is no error."""
        self._subscribers[topic] = [known for known in self._subscribers.get(topic, ()) if known != refresh]

    async def watch(self, topic: str) -> AsyncGenerator[None, None]:
        """Yield once at the start, and after every change under a topic, when it has been read; several may be one."""
        while True:
            refreshed = self._refreshed.setdefault(topic, asyncio.Event())
            yield
            await refreshed.wait()

    @property
    def age_s(self) -> float:
        """Seconds since everything was known to be up to date."""
        return time.monotonic() - self._looked_at

    async def start(self) -> None:
        """Read everything once, then watch in the background.

        Raises:
            StateError: the database cannot be read.
        """
        await self.look()
        self._watching.start(at_once=True)

    async def look(self) -> None:
        """Compare the numbers now and refresh what has changed; after a change of one's own, for example."""
        async with self._looking:
            async with self._database.reading() as connection:
                rows = (await connection.execute(select(tables.changes.c.topic, tables.changes.c.number))).all()
            for topic, number in rows:
                if self._seen.get(topic) != number:
                    for refresh in tuple(self._subscribers.get(topic, ())):
                        await refresh()
                    self._seen[topic] = number
                    self._refreshed.pop(topic, asyncio.Event()).set()
            self._looked_at = time.monotonic()

    async def announce(self, topic: str) -> None:
        """Tell the other processes of a change that this one has taken over already.

        Raises:
            StateError: The database cannot be written; nobody was told.
        """
        async with self._looking:
            async with self._database.writing() as connection:
                number = await move(connection, topic)
            if self._seen.get(topic) == number - 1:  # otherwise somebody else's is still to be taken over
                self._seen[topic] = number

    async def catch_up(self) -> None:
        """Look after a change of one's own. The change stands whatever happens here, so nothing is raised."""
        try:
            await self.look()
        except StateError as error:
            logger.warning("a change was written and could not be read back yet: %s", error)
            self._wake.set()

    async def aclose(self) -> None:
        """Stop watching."""
        self._wake.set()
        await self._watching.aclose()

    async def _watch(self) -> None:
        """Watch until the connection breaks, or until it is time to stop."""
        watch = self._watch_sqlite if self._database.is_sqlite else self._watch_postgresql
        try:
            with self._database.told_as_state_error():
                await watch()
        except DragomanError as error:
            self._tell(error)
        except Exception as error:
            logger.exception("watching the database failed; it goes on")
            self._tell(StateError(f"{type(error).__name__}: {error}"))

    async def _rest(self, seconds: float) -> None:
        """Wait until it is time to look again, or something asks for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _tell(self, error: DragomanError) -> None:
        if self.problem is None:
            logger.warning("changes by other processes are not seen for now: %s", error)
        self.problem = str(error)

    def _well(self) -> None:
        if self.problem is not None:
            logger.warning("changes by other processes are seen again")
        self.problem = None

    async def _watch_sqlite(self) -> None:
        connection = await self._database.dedicated()
        try:
            known = None
            while not self._watching.is_stopping:
                self._database.check_in_place()
                version = (await connection.exec_driver_sql("PRAGMA data_version")).scalar_one()
                if version != known:
                    await self.look()
                    known = version
                self._looked_at = time.monotonic()
                self._well()
                await self._rest(SQLITE_POLL_S)
        finally:
            await connection.close()

    async def _watch_postgresql(self) -> None:
        connection = await self._database.dedicated()
        try:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda *_: self._wake.set())
            await driver.add_listener(CHANNEL, lambda *_: self._wake.set())
            while not self._watching.is_stopping:
                if driver.is_closed():
                    raise StateError("the connection that brings notifications was closed")
                await self.look()
                self._well()
                await self._rest(POSTGRESQL_POLL_S)
        finally:
            await connection.close()
