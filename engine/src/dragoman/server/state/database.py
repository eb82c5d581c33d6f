"""The database: where it is, its connections, transactions, and how its failures are told.

SQLite is the embedded default, for any number of processes on one machine; PostgreSQL is for more machines than one.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from dragoman.errors import SettingsError, StateError
from dragoman.secrets import SecretStore
from dragoman.settings import Settings

logger = logging.getLogger("dragoman.state")

#: Milliseconds that a connection to SQLite waits for another process's transaction to end.
BUSY_TIMEOUT_MS = 10_000
#: Seconds that a command to PostgreSQL may take, and that connecting to it may take.
COMMAND_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
FILE_NAME = "dragoman.db"
#: What SQLite's write-ahead log is called beside its file, as long as somebody has it open.
WAL_SUFFIX = "-wal"


async def locate_database(settings: Settings, secrets: SecretStore | None = None) -> URL:
    """Return the database's URL with the driver that is used for it.

    Args:
        settings: The deployment's settings; the group ``store`` counts.
        secrets: Where ``store.url_secret`` is looked up; ``None`` opens the deployment's own sources.

    Raises:
        SettingsError: The URL cannot be read, names an unsupported database, or is given twice.
        SecretError: The secret that should hold it is absent.
    """
    store = settings.store
    if store.url and store.url_secret:
        raise SettingsError("store.url and store.url_secret are both set", hint="keep one of them")
    if store.url_secret:
        found = await (secrets or SecretStore(settings)).get(store.url_secret)
        return _read_url(found.reveal(), f"the secret {store.url_secret}", settings)
    if store.url:
        return _read_url(store.url, "store.url", settings)
    return URL.create("sqlite+aiosqlite", database=str(settings.locate(store.directory) / FILE_NAME))


def _read_url(text: str, named_by: str, settings: Settings) -> URL:
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        url = None
    kind = url.drivername.split("+")[0] if url else ""
    if url is None or kind not in ("sqlite", "postgresql", "postgres"):
        raise SettingsError(
            f"{named_by} names no database that is supported",
            hint="write sqlite:///path or postgresql://user@host/name",
        )
    if kind != "sqlite":
        return url.set(drivername="postgresql+asyncpg")
    if not url.database or url.database == ":memory:":
        raise SettingsError(f"{named_by} names no file", hint="write sqlite:///path")
    return url.set(drivername="sqlite+aiosqlite", database=str(settings.locate(Path(url.database))))


class Database:
    """One process's connections to the database. Close it with :meth:`aclose`."""

    def __init__(self, url: URL, *, pool_size: int = 5) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        # SQLite has one writer at a time: who waits here waits in order, and occupies no thread.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.is_sqlite else nullcontext()
        pool = {
            "poolclass": AsyncAdaptedQueuePool,
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_pre_ping": not self.is_sqlite,
        }
        self.engine = _create_engine(url, is_sqlite=self.is_sqlite, **pool)
        self._unpooled = _create_engine(url, is_sqlite=self.is_sqlite, poolclass=NullPool)
        self._is_closed = False
        #: Of SQLite's file and its write-ahead log: what was opened, so that its being moved or deleted is noticed.
        self._opened: _Files | None = None
        if self.is_sqlite:
            for engine in (self.engine, self._unpooled):
                event.listen(engine.sync_engine, "do_connect", self._open_what_is_there)

    @property
    def place(self) -> str:
        """Where it is, for a person; without a password."""
        return self.url.database or "" if self.is_sqlite else self.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection, None]:
        """Open a connection in which everything is read from one moment.

        Raises:
            StateError: the database cannot be reached or refuses.
        """
        self.check_in_place()
        with self.told_as_state_error():
            async with self._connected() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection, None]:
        """Open a transaction: committed at the end, undone where an error leaves it.

        Raises:
            StateError: the database cannot be reached or refuses, or what was written is where nobody finds it again.
        """
        self.check_in_place()
        with self.told_as_state_error():
            async with self._turn, self._connected() as connection:
                await connection.execution_options(dragoman_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    yield connection
                self.check_in_place()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[AsyncConnection, None]:
        async with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                if self._is_closed:  # it would go back to a pool that nobody closes any more
                    await connection.invalidate()

    async def dedicated(self) -> AsyncConnection:
        """Open a connection outside the pool and outside transactions; who asked for it closes it."""
        self.check_in_place()
        connection = await self._unpooled.connect()
        return await connection.execution_options(isolation_level="AUTOCOMMIT", dragoman_begin=None)

    def keep_in_sight(self) -> None:
        """Remember SQLite's files as they are now, for :meth:`check_in_place`; PostgreSQL tells by itself."""
        if self.is_sqlite:
            self._opened = _Files.found_at(Path(self.place))

    def check_in_place(self) -> None:
        """Look whether SQLite's files are still those that are open; some microseconds.

        A process goes on writing into a file that was moved or deleted, and nothing fails; nobody would find it again.

        Raises:
            StateError: They are not.
        """
        if self._opened is not None and (why := self._opened.problem()) is not None:
            hint = "move it back, or restart the gateway with what is there now"
            raise StateError(f"the database {self.place} {why}", hint=hint)

    def _open_what_is_there(self, _dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        """Let SQLite make no new file where the one that was open is away: it would take over its write-ahead log."""
        if self._opened is not None:
            arguments[0] = f"{self._opened.path.absolute().as_uri()}?mode=rw"
            named["uri"] = True

    async def aclose(self) -> None:
        """Close every connection; one that is in use is closed as soon as it is not."""
        self._is_closed = True
        await self.engine.dispose()
        await self._unpooled.dispose()

    @contextmanager
    def told_as_state_error(self) -> Iterator[None]:
        """Turn what the driver raises into one clear error, without statement, values or password."""
        try:
            yield
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            self.check_in_place()  # which would explain it better than the driver does
            what = f"the database {self.place} cannot be used: {reason_of(error)}"
            raise StateError(what, hint="is it running, and do its address and its rights hold?") from error


class _Files(NamedTuple):
    """SQLite's file by device and inode, and its write-ahead log, where it has one beside it."""

    path: Path
    identity: tuple[int, int]
    log: Path | None

    @classmethod
    def found_at(cls, path: Path) -> _Files | None:
        """Return what is there; ``None`` where nothing is."""
        log = path.with_name(f"{path.name}{WAL_SUFFIX}")
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(path, (found.st_dev, found.st_ino), log if log.exists() else None)

    def problem(self) -> str | None:
        """Return why what is open is not what is there."""
        try:
            found = self.path.stat()
        except OSError:
            return "was moved or deleted while it was open"
        if (found.st_dev, found.st_ino) != self.identity:
            return "was replaced by another file while it was open"
        if self.log is not None and not self.log.exists():
            return f"lost its write-ahead log ({WAL_SUFFIX}) while it was open"
        return None


def reason_of(error: BaseException) -> str:
    """Return the first line of what the driver said."""
    said: BaseException = (error.orig or error) if isinstance(error, DBAPIError) else error
    lines = str(said).strip().splitlines()
    first = lines[0].partition("<class ")[2].partition(">: ")[2] or lines[0] if lines else ""
    return first or type(said).__name__


def _create_engine(url: URL, *, is_sqlite: bool, **pool: Any) -> AsyncEngine:
    require_installed("server", "greenlet")
    if is_sqlite:
        require_installed("server", "aiosqlite")
        _make_folder(Path(url.database or "").parent)
        arguments: dict[str, Any] = {}
    else:
        require_installed("postgresql", "asyncpg")
        arguments = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S}
    engine = create_async_engine(
        url,
        **pool,
        hide_parameters=True,
        connect_args=arguments,
        json_serializer=_json_text,
        json_deserializer=json.loads,
    )
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        what = f"the database's folder {folder} cannot be made: {error.strerror}"
        raise StateError(what, hint="set store.directory to a folder that this process may write") from None


def _json_text(value: Any) -> str:
    return json.dumps(value, allow_nan=False)  # escapes all but ASCII: some databases refuse lone surrogates


def require_installed(extra: str, *modules: str) -> None:
    """Import what an extra brings.

    Raises:
        SettingsError: Something of it is not installed.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            what = f"{module}, a part of dragoman[{extra}], is not installed"
            raise SettingsError(what, hint=f"pip install 'dragoman[{extra}]'") from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    cursor = connection.cursor()
    # WAL with FULL: an acknowledged write survives kill -9 and power failure; readers never wait for the writer.
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("dragoman_begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)
