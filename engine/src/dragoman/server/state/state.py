"""Everything that the gateway keeps, opened together and closed together."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Self

from dragoman.engine import Engine
from dragoman.errors import StateError
from dragoman.secrets import SecretStore
from dragoman.server.state.audit import Audit
from dragoman.server.state.changes import Changes
from dragoman.server.state.database import Database, locate_database
from dragoman.server.state.following import ConfigurationFiles, Reloads, SavedDocuments
from dragoman.server.state.keys import Keys
from dragoman.server.state.ledger import Ledger
from dragoman.server.state.migrating import migration_status, upgrade
from dragoman.server.state.retention import Retention
from dragoman.server.state.store import Store
from dragoman.settings import Settings

logger = logging.getLogger("dragoman.state")

JOURNAL_FOLDER = "journal"


class State:
    """The gateway's state: ``store``, ``keys``, ``audit`` and ``ledger`` on one database.

    It belongs to the event loop that opened it. Open it after a worker process was started, never before: neither
    connections nor journals survive a fork.
    """

    def __init__(self, settings: Settings, database: Database, secrets: SecretStore | None = None) -> None:
        self.settings = settings
        self.database = database
        self.changes = Changes(database)
        self.store = Store(database, self.changes)
        self.keys = Keys(database, self.changes)
        self.audit = Audit(database, secrets.redact if secrets else str)
        self.ledger = Ledger(database, settings.locate(settings.store.directory) / JOURNAL_FOLDER, settings.store)
        self.retention = Retention(database, self.audit, settings.store.ledger_days, settings.store.audit_days)
        self._saved: SavedDocuments | None = None
        self._files: ConfigurationFiles | None = None
        #: Lets every process read its secrets and files anew; ``None`` before :meth:`attach`.
        self.reloads: Reloads | None = None

    @classmethod
    async def open(cls, settings: Settings, secrets: SecretStore | None = None, *, serve: bool = True) -> Self:
        """Connect, bring the tables up to date, read what is kept in memory, and begin the work in the background.

        Args:
            settings: The deployment's settings; the group ``store`` counts.
            secrets: Where ``store.url_secret`` is looked up, as a rule ``engine.secrets``.
            serve: Whether to begin the work in the background; a command that asks one question needs none of it.

        Raises:
            SettingsError: The settings name no usable database.
            StateError: The database cannot be reached, is not up to date, or the journal cannot be written.
        """
        url = await locate_database(settings, secrets)
        database = Database(url, pool_size=settings.store.pool_size)
        state = cls(settings, database, secrets)
        try:
            await state._prepare()
            if serve:
                await state._begin()
        except BaseException:
            await state.aclose()
            raise
        return state

    async def attach(self, engine: Engine) -> None:
        """Let the engine's catalogue follow what is saved, and its configuration's files, from now on."""
        self._files = ConfigurationFiles(engine, self.settings.reload_interval_s)
        await self._files.start()
        self._saved = SavedDocuments(engine, self.store, self.changes)
        await self._saved.start()
        self.reloads = Reloads(engine, self.changes)
        self.reloads.start()

    async def aclose(self) -> None:
        """Move what is booked, write what is pending, stop the background work and close the connections."""
        if self._files is not None:
            await self._files.aclose()
        if self._saved is not None:
            self._saved.stop()
        await self.changes.aclose()
        if self.reloads is not None:
            await self.reloads.aclose()
        await self.retention.aclose()
        await asyncio.gather(self.ledger.aclose(), self.keys.aclose(), return_exceptions=True)
        await self.database.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def health(self) -> dict[str, Any]:
        """Return how it stands, for ``/api/health``: ``problem`` is ``None`` where a part is well."""
        return {
            "database": {
                "place": self.database.place,
                "problem": self.changes.problem,
                "seen_s_ago": round(self.changes.age_s, 1),
            },
            "files": {"problem": self._files.problem if self._files else None},
            "settings": {"problem": self._files.settings.problem if self._files else None},
            "ledger": {
                "problem": self.ledger.problem,
                "backlog_bytes": self.ledger.backlog_bytes,
                "damaged_lines": self.ledger.damaged_lines,
                "lost_calls": self.ledger.lost_calls,
            },
            "retention": {"problem": self.retention.problem},
        }

    @property
    def is_well(self) -> bool:
        """Whether nothing of it is away."""
        return self.changes.problem is None and self.ledger.problem is None

    async def _prepare(self) -> None:
        if self.settings.store.migrate:
            before = await upgrade(self.database)
            if not before.is_current:
                logger.info("the database was at version %s and is at %s now", before.version, before.newest)
            return
        status = await migration_status(self.database)
        if not status.is_current:
            raise StateError(
                f"the database is at version {status.version or 'none'} and {status.newest} is needed",
                hint="run `dragoman database upgrade`, or set store.migrate",
            )

    async def _begin(self) -> None:
        await self.changes.start()
        self.database.keep_in_sight()
        await self.ledger.start()
        self.keys.start()
        self.retention.start()
