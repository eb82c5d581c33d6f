"""Bringing the tables up to date, one process at a time, as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, func, inspect, select, text

from dragoman.errors import StateError
from dragoman.server.state.database import Database, require_installed

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "dragoman_version"
#: The newest migration, written here so that a start that has nothing to migrate need not import Alembic.
NEWEST = "0002"
#: PostgreSQL's advisory lock under which one process migrates; any number that no one else uses.
LOCK = 0x_D7A6_0314

_FOLDER = Path(__file__).with_name("migrations")


class MigrationStatus(NamedTuple):
    """Where the tables are; ``version`` is ``None`` where there are none yet, ``newest`` is this program's."""

    version: str | None
    newest: str

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to do."""
        return self.version == self.newest


async def migration_status(database: Database) -> MigrationStatus:
    """Return where the tables are, and where they should be.

    Raises:
        StateError: The database cannot be read.
    """
    async with database.reading() as connection:
        return MigrationStatus(await connection.run_sync(_version), NEWEST)


async def upgrade(database: Database) -> MigrationStatus:
    """Bring the tables up to date; where they are, nothing is done. Returns where they were.

    Raises:
        StateError: The database is newer than this program, or cannot be written.
    """
    before = await migration_status(database)
    if not before.is_current:
        require_installed("server", "alembic")
        async with database.writing() as connection:
            await connection.run_sync(_upgrade)
    return before


async def downgrade(database: Database, version: str) -> None:
    """Take the tables back to a version; ``base`` drops them with all that they hold.

    Raises:
        StateError: There is no such version, or the database cannot be written.
    """
    async with database.writing() as connection:
        await connection.run_sync(_downgrade, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  (our constant)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    _lock(connection)
    config = _config(connection)
    version = _version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StateError(
            f"the database is at version {version}, which this program does not know; it knows up to {NEWEST}",
            hint="install the dragoman that migrated it, or take the database back with that one",
        )
    command.upgrade(config, "head")


def _downgrade(connection: Connection, version: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    _lock(connection)
    try:
        command.downgrade(_config(connection), version)
    except CommandError as error:
        raise StateError(f"the database cannot go back to {version!r}: {error}") from None


def _lock(connection: Connection) -> None:
    # SQLite's transaction began IMMEDIATE: it is the lock.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
