import asyncio
import json
import sqlite3
import subprocess
import sys
import threading

import pytest
from dragoman.errors import SecretError, SettingsError, StateError
from dragoman.server.state import State
from dragoman.server.state.database import Database, locate_database
from dragoman.settings import Settings
from sqlalchemy import text


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sqlite:////srv/x.db", "sqlite+aiosqlite:////srv/x.db"),
        ("sqlite:///x.db", "sqlite+aiosqlite:///{root}/x.db"),
        ("postgresql://me@h:5433/d?ssl=require", "postgresql+asyncpg://me@h:5433/d?ssl=require"),
        ("postgres://me@h/d", "postgresql+asyncpg://me@h/d"),
    ],
)
async def test_the_url_names_the_database_and_we_the_driver(url, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(await locate_database(Settings(store={"url": url}))) == found.format(root=tmp_path)


async def test_without_a_url_it_is_a_file_beside_the_configuration(tmp_path):
    (tmp_path / "dragoman.toml").write_text("")
    url = await locate_database(Settings.load(tmp_path))
    assert url.database == str(tmp_path / "state" / "dragoman.db")


async def test_a_url_with_a_password_comes_from_a_secret_and_is_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me:canary-91@127.0.0.1:1/d")
    settings = Settings(store={"url_secret": "DATABASE_URL", "directory": str(tmp_path)})
    url = await locate_database(settings)
    assert url.password == "canary-91"
    with pytest.raises(StateError) as caught:
        await State.open(settings)
    assert "canary" not in str(caught.value)
    assert "postgresql+asyncpg://me:***@127.0.0.1:1/d cannot be used" in str(caught.value)
    assert json.dumps([str(o) for o in settings.origins()]).count("canary") == 0


async def test_a_secret_that_is_absent_or_no_url_is_told_without_its_content(tmp_path, monkeypatch):
    with pytest.raises(SecretError, match="NO_SUCH_URL"):
        await locate_database(Settings(store={"url_secret": "NO_SUCH_URL"}))
    for wrong in ("canary-17", "mysql://me:canary-17@h/d", "sqlite://", "://canary-17"):
        monkeypatch.setenv("WRONG_URL", wrong)
        with pytest.raises(SettingsError, match="the secret WRONG_URL names no") as caught:
            await locate_database(Settings(store={"url_secret": "WRONG_URL"}))
        assert "canary" not in str(caught.value)


async def test_two_urls_are_one_too_many():
    with pytest.raises(SettingsError, match="are both set"):
        await locate_database(Settings(store={"url": "sqlite:///x", "url_secret": "X"}))


async def test_a_file_that_is_no_database_is_one_clear_error(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError, match=r"x.db cannot be used: file is not a database"):
        await State.open(Settings(store={"url": f"sqlite:///{tmp_path}/x.db", "directory": str(tmp_path)}))


async def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"folder .*file.* cannot be made: Not a directory"):
        await State.open(Settings(store={"directory": str(tmp_path / "file" / "state")}))


async def test_an_error_inside_a_transaction_undoes_it(state):
    async def fail():
        async with state.database.writing() as connection:
            await connection.execute(text("INSERT INTO dragoman_changes VALUES ('x', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with state.database.reading() as connection:
        counted = await connection.execute(text("SELECT count(*) FROM dragoman_changes WHERE topic = 'x'"))
        assert counted.scalar() == 0


async def test_sqlite_keeps_what_it_acknowledged(tmp_path):
    database = Database(await locate_database(Settings(store={"directory": str(tmp_path)})))
    async with database.reading() as connection:
        shown = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    await database.aclose()
    assert shown == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10_000}


async def test_sqlite_waits_for_another_process_to_finish_writing(tmp_path):
    settings = Settings(store={"directory": str(tmp_path)})
    async with await State.open(settings) as state:
        other = sqlite3.connect(tmp_path / "dragoman.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, other.execute, ("COMMIT",)).start()
        await state.store.save("adapter", "mine", {}, by="alice")
        other.close()


def test_without_the_driver_postgresql_says_what_to_install(tmp_path):
    program = (
        "import sys, asyncio; sys.modules['asyncpg'] = None\n"
        "from dragoman.settings import Settings; from dragoman.server.state import State\n"
        "try: asyncio.run(State.open(Settings(store={'url': 'postgresql://h/d'})))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "SettingsError asyncpg, a part of dragoman[postgresql], is not installed" in done.stdout
    assert "pip install 'dragoman[postgresql]'" in done.stdout


def test_nothing_of_it_is_imported_with_the_engine():
    program = (
        "import sys, dragoman, dragoman.engine, dragoman.cli.main\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'sqlalchemy', 'alembic', 'aiosqlite', 'asyncpg'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_start_that_has_nothing_to_migrate_does_not_import_alembic(tmp_path):
    program = (
        "import asyncio, sys; from dragoman.settings import Settings; from dragoman.server.state import State\n"
        "async def main():\n"
        "    async with await State.open(Settings(store={'directory': sys.argv[1]})): pass\n"
        "asyncio.run(main()); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    assert said == ["True", "False"]


async def test_a_connection_that_is_in_use_when_the_database_is_closed_is_closed_after_it(tmp_path):
    database = Database(await locate_database(Settings(store={"directory": str(tmp_path)})))
    before = _drivers_threads()
    all_in_use, is_closed = asyncio.Barrier(3), asyncio.Event()

    async def use(connected):
        async with connected() as connection:
            await connection.execute(text("select 1"))
            await all_in_use.wait()
            await is_closed.wait()
            return (await connection.execute(text("select 2"))).scalar_one()

    uses = [asyncio.create_task(use(connected)) for connected in (database.reading, database.writing)]
    await all_in_use.wait()
    threads = _drivers_threads() - before  # each connection has one until it is closed
    await database.aclose()
    is_closed.set()
    assert await asyncio.gather(*uses) == [2, 2]
    for thread in threads:
        await asyncio.to_thread(thread.join, 10)
    assert len(threads) == 2
    assert not _drivers_threads() & threads


def _drivers_threads():
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}
