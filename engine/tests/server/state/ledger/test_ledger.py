import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from dragoman.errors import StateError
from dragoman.events import Usage
from dragoman.server.state import State, tables
from dragoman.settings import Settings
from sqlalchemy import select

#: A process that books calls as fast as it can, and says after each one that it is booked.
BOOKING = """
import asyncio, sys, time
from dragoman.server.state import CallRecord, State
from dragoman.settings import Settings

async def main(url, directory, worker):
    settings = Settings(store={"url": url, "directory": directory, "ledger_interval_s": 0.02})
    state = await State.open(settings)
    for number in range(1_000_000):
        state.ledger.append(CallRecord(
            call_id=f"{worker}-{number}", at=time.time(), principal="p", operation="chat", duration_s=0.1, status=200))
        sys.stdout.write(f"{worker}-{number}\\n")
        sys.stdout.flush()
        await asyncio.sleep(0)

asyncio.run(main(*sys.argv[1:]))
"""


async def rows_of(state):
    async with state.database.reading() as connection:
        return (await connection.execute(select(tables.calls).order_by(tables.calls.c.at))).mappings().all()


def journals(settings):
    folder = settings.locate(settings.store.directory) / "journal"
    return sorted(path.name for path in folder.iterdir())


async def test_a_call_comes_back_as_it_was_booked(state, call):
    booked = call(
        key_id="k1", upstream="us-a", usage=Usage(100, 20, 120, 30, 10, 5, "provider"), cost=Decimal("0.000123456789"),
        error_code="server", status=502, attempts=3,
    )  # fmt: skip
    state.ledger.append(booked)
    await state.ledger.flush()
    (row,) = await rows_of(state)
    as_they_were = (
        *("call_id", "principal", "key_id", "project", "adapter", "adapter_digest", "upstream", "provider", "model"),
        *("operation", "duration_s", "first_token_s", "status", "error_code", "attempts", "bytes_in", "bytes_out"),
        *("currency", "base_model", "tags"),
    )
    for name in as_they_were:
        assert row[name] == getattr(booked, name), name
    assert row["at"].timestamp() == pytest.approx(booked.at, abs=1e-5)
    assert row["day"] == row["at"].date()
    assert (row["input_tokens"], row["cached_input_tokens"], row["usage_source"]) == (100, 30, "provider")
    assert (row["cache_write_input_tokens"], row["reasoning_tokens"]) == (10, 5)
    assert row["cost_picos"] == 123456789


async def test_the_table_has_no_place_for_text_of_a_prompt():
    assert {column.name for column in tables.calls.columns} <= {
        "call_id", "at", "day", "principal", "key_id", "project", "adapter", "adapter_digest", "upstream", "provider",
        "model", "base_model", "tags", "operation", "input_tokens", "output_tokens", "cached_input_tokens",
        "cache_write_input_tokens", "reasoning_tokens", "usage_source", "cost_picos", "currency", "duration_s",
        "duration_step", "first_token_s", "status", "error_code", "attempts", "bytes_in", "bytes_out",
    }  # fmt: skip


async def test_a_booked_call_is_in_the_journal_at_once_and_in_the_database_by_itself(state, settings, call):
    state.ledger.append(call(call_id="first"))
    assert state.ledger.backlog_bytes > 0
    async with asyncio.timeout(10):
        while not await state.ledger.count():  # each look is a round trip to the database
            pass
    await state.ledger.flush()
    assert state.ledger.backlog_bytes == 0
    assert len(journals(settings)) == 1  # the one that is being written


async def test_the_journal_is_empty_after_closing(settings, call):
    async with await State.open(settings) as state:
        for _ in range(1000):
            state.ledger.append(call())
    assert journals(settings) == []
    async with await State.open(settings) as state:
        assert await state.ledger.count() == 1000


async def test_a_call_that_is_booked_twice_counts_once(state, call):
    one = call()
    for _ in range(3):
        state.ledger.append(one)
        await state.ledger.flush()
    assert await state.ledger.count() == 1


@pytest.mark.parametrize("workers", [1, 3])
async def test_kill_9_under_load_loses_no_booked_call(database_url, tmp_path, workers):
    directory = tmp_path / "state"
    settings = Settings(store={"url": database_url, "directory": str(directory)})
    async with await State.open(settings):
        pass  # its tables are there
    program = [sys.executable, "-c", BOOKING, database_url, str(directory)]
    said = await asyncio.to_thread(book_until_killed, program, workers)
    assert len(said) >= 500 * workers
    async with await State.open(settings) as state:
        await state.ledger.flush()
        booked = {row["call_id"] for row in await rows_of(state)}
        assert set(said) <= booked
        # a call may be booked whose confirmation the kill cut off, one for each process
        assert len(booked) <= len(said) + workers
        assert await state.ledger.count() == len(booked)
        assert state.ledger.damaged_lines == 0
    # what is left is at most an empty file that was just being made
    assert [name for name in journals(settings) if not name.endswith(".new")] == []


def book_until_killed(program, workers):
    """Run processes that book calls, kill each in the middle, and return what they said was booked."""
    pipe = subprocess.PIPE
    children = [subprocess.Popen([*program, f"w{number}"], stdout=pipe, stderr=pipe) for number in range(workers)]
    said = []
    for child in children:
        lines = [child.stdout.readline() for _ in range(500)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines(keepends=True)
        child.communicate()
        said += [line.decode().strip() for line in lines if line.endswith(b"\n")]
    return said


async def test_a_journal_of_a_dead_process_is_moved_once_whoever_starts(settings, state, call):
    folder = settings.locate(settings.store.directory) / "journal"
    write_journal(folder, [call(call_id=f"c{number}") for number in range(500)])
    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(State.open(settings)) for _ in range(3)]
    for opened in opening:
        await opened.result().ledger.flush()
        await opened.result().aclose()
    assert await state.ledger.count() == 500
    assert len(journals(settings)) == 1


def write_journal(folder, calls, tail=b""):
    from dragoman.server.state.ledger.journal import JournalFile

    file = JournalFile.create(folder)
    for one in calls:
        file.append(one.as_json())
    os.write(file._descriptor, tail)
    file.close()
    return file.path


async def test_a_torn_last_line_is_reported_and_the_others_are_booked(settings, state, call, caplog):
    folder = settings.locate(settings.store.directory) / "journal"
    whole = b"%08x 40 " % 7
    path = write_journal(folder, [call(), call()], tail=whole + b'{"call_id": "cut o')
    async with await State.open(settings) as again:
        assert await again.ledger.count() == 2
        assert again.ledger.damaged_lines == 1
        assert again.health()["ledger"]["damaged_lines"] == 1
    assert "is torn" in caplog.text
    assert b"cut o" in path.with_suffix(".damaged").read_bytes()


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"call_id": 5}', b"null", b"\xff", b'{"call_id":"x","at":1e300}'])
async def test_a_line_that_is_no_call_is_kept_for_a_person_and_holds_up_no_other(settings, state, call, line):
    from dragoman.server.state.ledger.journal import JournalFile

    folder = settings.locate(settings.store.directory) / "journal"
    file = JournalFile.create(folder)
    for content in (call().as_json(), line, call().as_json()):
        file.append(content)
    file.close()
    async with await State.open(settings) as again:
        assert await again.ledger.count() == 2
        assert again.ledger.damaged_lines == 1
    assert line in file.path.with_suffix(".damaged").read_bytes()


async def test_odd_texts_and_numbers_are_booked_all_the_same(state, call):
    calls = [
        call(principal="a\x00b" + "x" * 500, adapter="é漢", model="m" * 999, error_code="'; DROP TABLE x"),
        call(principal="\ud800"),
        call(usage=Usage(2**80, -5, None, source="provider"), bytes_out=2**70, status=7_000, attempts=10**9),
        call(cost=Decimal("1E+30")),
        call(cost=Decimal("1E-30")),
        call(duration_s=0.0),
        call(duration_s=1e9),
        call(at=0.0),
    ]
    for one in calls:
        state.ledger.append(one)
    await state.ledger.flush()
    assert await state.ledger.count() == len(calls)
    assert state.ledger.damaged_lines == 0
    assert (await state.ledger.usage()).total.requests == len(calls)


async def test_a_row_that_the_database_refuses_holds_up_no_other(state, call, settings):
    for _ in range(20):
        state.ledger.append(call())
    state.ledger.append(call(call_id=None))
    for _ in range(20):
        state.ledger.append(call())
    await state.ledger.flush()
    assert await state.ledger.count() == 40
    assert state.ledger.damaged_lines == 1
    assert [name for name in journals(settings) if name.endswith(".damaged")]


# --- when something is away --------------------------------------------------------------------------------------


async def test_while_the_database_is_away_calls_wait_in_the_journal(new_cluster, tmp_path, call):
    settings = Settings(store={"url": new_cluster.create_database(), "directory": str(tmp_path / "state")})
    async with await State.open(settings) as state:
        await asyncio.to_thread(new_cluster.stop)
        for _ in range(300):
            state.ledger.append(call())
        for _ in range(2):
            with pytest.raises(StateError, match="cannot be used"):
                await state.ledger.flush()
            state.ledger.append(call())
        assert state.ledger.backlog_bytes > 0
        await asyncio.to_thread(new_cluster.start)
        await state.ledger.flush()
        assert await state.ledger.count() == 302
        assert state.ledger.backlog_bytes == 0


async def test_closing_without_a_database_leaves_the_calls_for_the_next_start(new_cluster, tmp_path, call):
    settings = Settings(store={"url": new_cluster.create_database(), "directory": str(tmp_path / "state")})
    async with await State.open(settings) as state:
        await asyncio.to_thread(new_cluster.stop)
        for _ in range(10):
            state.ledger.append(call())
    await asyncio.to_thread(new_cluster.start)
    async with await State.open(settings) as state:
        assert await state.ledger.count() == 10


async def test_where_the_journal_cannot_be_written_calls_go_straight_to_the_database(settings, state, call):
    folder = settings.locate(settings.store.directory) / "journal"
    state.ledger.append(call())
    await state.ledger.flush()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    for _ in range(5):
        state.ledger.append(call())
        await state.ledger.flush()
    assert await state.ledger.count() == 6
    state.ledger.append(call())
    assert "cannot be written" in state.health()["ledger"]["problem"]
    assert state.ledger.lost_calls == 0
    folder.unlink()


@pytest.mark.parametrize("sync", ["off", "batch", "always"])
async def test_many_callers_that_wait_for_the_disk(settings, call, sync):
    chosen = settings.model_copy(update={"store": settings.store.model_copy(update={"ledger_sync": sync})})
    async with await State.open(chosen) as state:

        async def book():
            state.ledger.append(call())
            await state.ledger.synced()

        await asyncio.gather(*(book() for _ in range(200)), state.ledger.flush())
        await state.ledger.flush()
        assert await state.ledger.count() == 200


async def test_every_line_of_the_journal_can_be_read_by_a_person(settings, call):
    async with await State.open(settings, serve=False) as state:
        state.ledger.append(call(call_id="c1"))
        (name,) = journals(settings)
        line = (Path(settings.store.directory) / "journal" / name).read_bytes()
        assert orjson.loads(line.split(b" ", 2)[2])["call_id"] == "c1"
