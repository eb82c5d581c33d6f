import asyncio

import pytest
from dragoman.server.state import State, changes
from dragoman.server.state.changes import POSTGRESQL_POLL_S
from dragoman.settings import Settings


@pytest.fixture
def settings_of(new_cluster, tmp_path):
    return Settings(store={"url": new_cluster.create_database(), "directory": str(tmp_path / "state")})


async def test_after_a_crash_of_postgresql_changes_are_seen_again(new_cluster, settings_of, eventually):
    async with await State.open(settings_of) as one, await State.open(settings_of) as two:
        await asyncio.to_thread(new_cluster.stop)
        with pytest.raises(Exception, match="cannot be used"):
            await one.store.save("adapter", "mine", {"n": 1}, by="alice")
        await eventually(lambda: two.changes.problem is not None)
        assert two.health()["database"]["problem"]
        await asyncio.to_thread(new_cluster.start)
        await one.store.save("adapter", "mine", {"n": 2}, by="alice")
        await eventually(lambda: "mine" in two.store.current("adapter"))
        await eventually(lambda: two.changes.problem is None)


async def test_a_listener_whose_connection_is_cut_listens_again(new_cluster, settings_of, eventually):
    async with await State.open(settings_of) as one, await State.open(settings_of) as two:
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'"

        async def has_cut():
            return int(await asyncio.to_thread(new_cluster.execute, cut)) > 0

        await eventually(has_cut)
        for number in range(3):
            await one.store.save("adapter", "mine", {"n": number}, by="alice")
        await eventually(lambda: [r.document for r in two.store.current("adapter").values()] == [{"n": 2}])


async def test_a_notification_that_got_lost_is_made_up_for_by_the_slow_look(
    new_cluster, settings_of, eventually, monkeypatch
):
    monkeypatch.setattr(changes, "POSTGRESQL_POLL_S", 0.1)
    assert POSTGRESQL_POLL_S == 5
    async with await State.open(settings_of) as one:
        database = settings_of.store.url.rpartition("/")[2]
        silent = (
            "INSERT INTO dragoman_revisions "
            "(kind, name, number, document, digest, deleted, saved_by, saved_at, change) "
            "VALUES ('adapter', 'mine', 1, '{}', 'd', false, 'sql', now(), 1); "
            "UPDATE dragoman_changes SET number = 1 WHERE topic = 'documents'"
        )
        await asyncio.to_thread(new_cluster.execute, silent, database)
        await eventually(lambda: "mine" in one.store.current("adapter"))


async def test_watching_stops_when_it_is_closed(settings):
    before = asyncio.all_tasks()
    async with await State.open(settings) as state:
        assert state.changes.age_s < 60
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before
