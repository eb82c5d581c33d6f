"""What the state does while its files, its database or its disk are away: nothing acknowledged is lost, all is said."""

import asyncio
import contextlib
import resource
import shutil
import signal

import pytest
from dragoman.errors import StateError
from dragoman.server.state import State
from dragoman.settings import Settings


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def settings(folder):
    """Return settings of a deployment whose state is in one folder."""
    return Settings(store={"directory": str(folder), "ledger_interval_s": 0.02})


@contextlib.contextmanager
def full_disk():
    """Let no file of this process grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


async def test_a_folder_that_is_moved_away_is_noticed_and_one_that_comes_back_is_used_again(
    settings, state, folder, call, eventually
):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StateError, match=r"dragoman\.db was moved or deleted .*\(move it back"):
        await state.store.save("adapter", "mine", {"n": 2}, by="alice")
    with pytest.raises(StateError, match="was moved or deleted"):
        await state.store.get("adapter", "mine")
    state.ledger.append(call())
    await state.ledger.synced()  # who calls is answered all the same
    await eventually(lambda: "was moved or deleted" in (state.health()["database"]["problem"] or ""))
    await eventually(lambda: "was moved or deleted" in (state.health()["ledger"]["problem"] or ""))
    assert state.ledger.unbookable is None
    assert not folder.exists()  # nothing new stands in the way of the old one
    folder.with_name("elsewhere").rename(folder)
    await state.store.save("adapter", "mine", {"n": 3}, by="alice", expected=1)
    await eventually(lambda: state.is_well)
    assert await state.ledger.count() == 1


@pytest.mark.parametrize("gone", ["dragoman.db", "dragoman.db-wal"])
async def test_a_file_that_is_deleted_is_noticed_before_a_write_is_acknowledged(state, folder, gone):
    (folder / gone).unlink()
    with pytest.raises(StateError, match="while it was open"):
        await state.keys.create(name="k", project="p", by="root")


async def test_a_file_that_is_deleted_during_a_write_is_noticed_as_well(state, folder):
    with pytest.raises(StateError, match="was moved or deleted"):
        async with state.database.writing():
            (folder / "dragoman.db").unlink()


async def test_a_file_in_the_place_of_the_one_that_is_open_is_noticed(state, folder):
    shutil.copy(folder / "dragoman.db", folder / "copy.db")
    (folder / "copy.db").rename(folder / "dragoman.db")
    with pytest.raises(StateError, match="was replaced by another file"):
        await state.store.save("adapter", "mine", {}, by="alice")


async def test_a_folder_that_is_deleted_takes_no_booked_call_with_it(settings, state, folder, call, eventually):
    calls = [call() for _ in range(3)]
    shutil.rmtree(folder)
    for one in calls:
        state.ledger.append(one)
    await eventually(lambda: list(folder.glob("journal/*.journal")))
    await eventually(lambda: "was moved or deleted" in (state.ledger.problem or ""))
    await state.aclose()
    async with await State.open(settings) as again:
        assert await again.ledger.count() == 3


async def test_a_full_disk_lets_no_call_begin_and_loses_none(state, call, eventually):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    with full_disk():
        state.ledger.append(call())
        await state.ledger.synced()
        assert state.ledger.unbookable
        assert not state.is_well
        with pytest.raises(StateError, match="cannot be used"):
            await state.store.save("adapter", "mine", {"n": 2}, by="alice")
    await eventually(lambda: state.ledger.unbookable is None and state.is_well)
    assert await state.ledger.count() == 1
    assert state.ledger.lost_calls == 0
    await state.store.save("adapter", "mine", {"n": 3}, by="alice", expected=1)


async def test_a_journal_that_can_be_written_again_takes_what_waits_while_the_database_is_away(
    state, folder, call, eventually
):
    await eventually(lambda: state.ledger.problem is None)
    (folder / "dragoman.db").rename(folder / "elsewhere.db")
    with full_disk():
        state.ledger.append(call())
        await state.ledger.synced()
        assert state.ledger.unbookable
    await eventually(lambda: state.ledger.unbookable is None)
    assert state.ledger.problem  # the database is away still
    assert state.ledger.backlog_bytes > 0
    (folder / "elsewhere.db").rename(folder / "dragoman.db")
    await eventually(lambda: state.is_well)
    assert await state.ledger.count() == 1


async def test_postgresql_that_is_lost_and_comes_back(new_cluster, tmp_path, call, eventually):
    store = {"url": new_cluster.create_database(), "directory": str(tmp_path / "state"), "ledger_interval_s": 0.05}
    async with await State.open(Settings(store=store)) as state:
        await asyncio.to_thread(new_cluster.stop)
        state.ledger.append(call())
        await state.ledger.synced()
        with pytest.raises(StateError, match="cannot be used"):
            await state.store.save("adapter", "mine", {}, by="alice")
        await eventually(lambda: state.changes.problem and state.ledger.problem)
        assert state.ledger.unbookable is None
        await asyncio.to_thread(new_cluster.start)
        await eventually(lambda: state.is_well)
        await state.store.save("adapter", "mine", {}, by="alice")
        assert state.store.current("adapter")["mine"].number == 1
        assert await state.ledger.count() == 1
