import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dragoman.errors import StateError
from dragoman.server.state import State, UsageQuery, migrating, tables
from dragoman.server.state.database import Database, locate_database
from sqlalchemy import inspect, text


@pytest.fixture
async def database(settings):
    opened = Database(await locate_database(settings))
    yield opened
    await opened.aclose()


async def table_names(database):
    async with database.reading() as connection:
        return set(await connection.run_sync(lambda c: inspect(c).get_table_names()))


async def test_up_and_down_and_up_again(database):
    assert (await migrating.migration_status(database)).version is None
    before = await migrating.upgrade(database)
    assert (before.version, before.newest) == (None, migrating.NEWEST)
    assert (await migrating.migration_status(database)).is_current
    assert await table_names(database) == {*tables.metadata.tables, migrating.VERSION_TABLE}
    await migrating.downgrade(database, "base")
    assert await table_names(database) == {migrating.VERSION_TABLE}
    await migrating.upgrade(database)
    await migrating.upgrade(database)
    assert (await migrating.migration_status(database)).is_current


async def test_what_was_booked_before_a_migration_is_there_after_it(database, settings, call):
    async with await State.open(settings) as state:
        state.ledger.append(call(tags={"team": "a"}))
    await migrating.downgrade(database, "0001")
    assert (await migrating.migration_status(database)).version == "0001"
    await migrating.upgrade(database)
    async with await State.open(settings) as state:
        assert (await state.ledger.usage(UsageQuery(by=("tag:team",)))).groups[0].key == {"tag:team": None}


async def test_the_migrations_make_exactly_the_tables_that_the_program_uses(database):
    await migrating.upgrade(database)

    def differences(connection):
        context = MigrationContext.configure(
            connection, opts={"version_table": migrating.VERSION_TABLE, "compare_server_default": True}
        )
        return compare_metadata(context, tables.metadata)

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_the_newest_migration_is_the_one_that_the_program_names():
    config = Config()
    config.set_main_option("script_location", str(migrating._FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == migrating.NEWEST


async def test_many_processes_that_start_at_a_time_migrate_once(settings):
    opened = await asyncio.gather(*(State.open(settings) for _ in range(4)))
    try:
        for state in opened:
            assert (await migrating.migration_status(state.database)).is_current
    finally:
        await asyncio.gather(*(state.aclose() for state in opened))


async def test_a_migration_that_fails_leaves_nothing_behind(database, monkeypatch):
    def broken(connection):
        original(connection)
        raise RuntimeError("power failure")

    original = migrating._upgrade
    monkeypatch.setattr(migrating, "_upgrade", broken)
    with pytest.raises(RuntimeError):
        await migrating.upgrade(database)
    assert await table_names(database) == set()
    monkeypatch.undo()
    await migrating.upgrade(database)


async def test_a_database_that_a_newer_program_migrated_is_refused(settings, database):
    await migrating.upgrade(database)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE dragoman_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="is at version 9999, which this program does not know"):
        await State.open(settings)


async def test_where_the_gateway_may_not_migrate_it_says_what_to_do(settings):
    chosen = settings.model_copy(update={"store": settings.store.model_copy(update={"migrate": False})})
    with pytest.raises(StateError, match=r"is at version none and \d+ is needed \(run `dragoman database upgrade`"):
        await State.open(chosen)


async def test_going_back_to_what_never_was_is_refused(database):
    await migrating.upgrade(database)
    with pytest.raises(StateError, match="cannot go back to 'nosuch'"):
        await migrating.downgrade(database, "nosuch")
