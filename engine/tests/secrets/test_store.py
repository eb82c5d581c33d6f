import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest
from dragoman.errors import SecretError
from dragoman.secret import Secret
from dragoman.secrets import SecretListing, SecretStore
from dragoman.secrets import store as store_module

OpenStore = Callable[..., SecretStore]

KEYS = {"kind": "shelf", "board": "keys"}
MORE = {"kind": "shelf", "board": "more"}


async def value(store: SecretStore, name: str = "A_KEY") -> str:
    return (await store.get(name)).reveal()


# --- layers ------------------------------------------------------------------------------------------------------


async def test_the_first_source_that_has_a_name_wins_then_the_process_environment(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "first"}', "more": '{"A_KEY": "second", "B_KEY": "second"}'}
    for name in ("A_KEY", "B_KEY", "C_KEY"):
        monkeypatch.setenv(name, "environment")
    store = open_store(KEYS, MORE)
    assert [await value(store, name) for name in ("A_KEY", "B_KEY", "C_KEY")] == ["first", "second", "environment"]


async def test_an_empty_value_lets_the_layer_below_through(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.boards = {"keys": '{"A_KEY": ""}'}
    monkeypatch.setenv("A_KEY", "environment")
    assert await value(open_store(KEYS)) == "environment"


async def test_the_process_environment_is_read_as_it_is_now(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    monkeypatch.setenv("A_KEY", "one")
    assert await value(store) == "one"
    monkeypatch.setenv("A_KEY", "two")
    assert await value(store) == "two"
    monkeypatch.setenv("A_KEY", "")
    with pytest.raises(SecretError):
        await store.get("A_KEY")


async def test_a_missing_secret_is_told_with_places_problems_and_what_to_do(
    open_store: OpenStore, shelf: Any, tmp_path: Path
) -> None:
    shelf.boards = {"keys": ValueError("sk-canary")}
    (tmp_path / "s.json").write_text('{"A_KEY": 7, "B_KEY": 8}')
    store = open_store({"kind": "file", "path": "s.json"}, KEYS)
    with pytest.raises(SecretError) as caught:
        await store.get("A_KEY")
    assert str(caught.value) == (
        f"the secret A_KEY is missing, looked for in file {tmp_path}/s.json, shelf keys, the process environment; "
        f"file {tmp_path}/s.json: A_KEY is a number and left out; write it as text, in double quotes; "
        "shelf keys: cannot be read: ValueError "
        f"(add it to file {tmp_path}/s.json, or export A_KEY)"
    )
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_without_sources_the_error_says_where_one_is_named(open_store: OpenStore) -> None:
    with pytest.raises(SecretError, match=r"looked for in the process environment \(name a source in secrets.sources"):
        await open_store().get("A_KEY")


@pytest.mark.parametrize(
    "wrong", ["sk-canary-1", "hf_" + "Ab1" * 12, "0123456789abcdef" * 2, "", "a b", "x\0", "\ud800"]
)
async def test_a_value_in_the_place_of_a_name_is_not_echoed(wrong: str, open_store: OpenStore) -> None:
    with pytest.raises(SecretError, match="looks like a value and is no name") as caught:
        await open_store().get(wrong)
    assert not wrong.strip() or wrong not in str(caught.value)


# --- freshness ---------------------------------------------------------------------------------------------------


async def test_nothing_is_read_before_it_is_needed(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": "{}"}
    store = open_store(KEYS)
    assert (shelf.reads, store.snapshot, store.revision) == (0, None, 0)
    snapshot = await store.load()
    assert (shelf.reads, store.snapshot, store.revision) == (1, snapshot, 1)


async def test_a_reading_holds_for_the_ttl_and_rotation_needs_no_restart(
    open_store: OpenStore, shelf: Any, clock: Any
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS, ttl_s=60)
    assert await value(store) == "old"
    shelf.boards["keys"] = '{"A_KEY": "new"}'
    clock.now_s += 59.9
    assert await value(store) == "old"
    clock.now_s += 0.1
    assert await value(store) == "new"
    assert shelf.reads == 2


async def test_a_ttl_of_zero_reads_at_every_use(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS, ttl_s=0)
    assert await value(store) == "old"
    shelf.boards["keys"] = '{"A_KEY": "new"}'
    assert await value(store) == "new"


async def test_a_removed_name_is_gone(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS)
    await store.load()
    shelf.boards["keys"] = "{}"
    assert await store.reread() is True
    with pytest.raises(SecretError):
        await store.get("A_KEY")


async def test_rereading_says_whether_anything_changed(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS)
    assert await store.reread() is True
    assert await store.reread() is False
    assert store.revision == 1
    shelf.boards["keys"] = '{"A_KEY": "new"}'
    assert await store.reread() is True
    assert store.revision == 2
    assert await value(store) == "new"


async def test_whoever_comes_late_learns_that_the_secrets_have_changed_since(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS)
    revision = (await store.load()).revision
    shelf.boards["keys"] = '{"A_KEY": "new"}'
    assert await store.reread(revision) is True
    assert await store.reread(revision) is True
    assert shelf.reads == 2


@pytest.mark.parametrize("changed", [True, False])
async def test_those_who_reread_during_a_reading_share_the_next_one(
    changed: bool, open_store: OpenStore, shelf: Any
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS)
    await store.load()
    shelf.gate.clear()
    shelf.entered.clear()
    first = asyncio.create_task(store.reread())
    await asyncio.to_thread(shelf.entered.wait)  # it has read the old document and is not back yet
    if changed:
        shelf.boards["keys"] = '{"A_KEY": "new"}'
    others = [asyncio.create_task(store.reread()) for _ in range(50)]
    await asyncio.sleep(0)
    shelf.gate.set()
    await first
    assert await asyncio.gather(*others) == [changed] * 50
    assert shelf.reads == 3


async def test_the_revision_stays_where_only_a_problem_is_new(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    await store.load()
    shelf.boards["keys"] = '{"A_KEY": "v", "B_KEY": 1}'
    assert await store.reread() is False
    assert store.snapshot is not None
    assert [p.name for p in store.snapshot.problems] == ["B_KEY"]


# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["", "[]", '{"A_KEY": sk-canary', None, ConnectionResetError("sk-canary")])
async def test_a_source_that_breaks_keeps_what_it_had_and_says_so(
    broken: Any, open_store: OpenStore, shelf: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "last-good"}', "more": '{"B_KEY": "old"}'}
    store = open_store(KEYS, MORE)
    await store.load()
    shelf.boards = {"keys": broken, "more": '{"B_KEY": "new"}'}
    with caplog.at_level(logging.WARNING):
        assert await store.reread() is True
        assert await store.reread() is False
    assert (await value(store), await value(store, "B_KEY")) == ("last-good", "new")
    snapshot = await store.load()
    assert snapshot.has_failures
    assert str(snapshot.problems[0]).endswith("; what was read before stays in use")
    assert len(caplog.records) == 1
    assert "shelf keys" in caplog.text
    assert "canary" not in caplog.text
    shelf.boards["keys"] = '{"A_KEY": "repaired"}'
    await store.reread()
    assert await value(store) == "repaired"
    assert not (await store.load()).problems


async def test_a_failed_source_is_tried_again_long_before_the_ttl(
    open_store: OpenStore, shelf: Any, clock: Any
) -> None:
    shelf.boards = {"keys": TimeoutError()}
    store = open_store(KEYS, ttl_s=3600)
    with pytest.raises(SecretError, match="shelf keys: cannot be read: TimeoutError"):
        await store.get("A_KEY")
    shelf.boards["keys"] = '{"A_KEY": "v"}'
    clock.now_s += store_module.RETRY_S
    assert await value(store) == "v"


async def test_a_name_that_was_missing_is_looked_for_again_but_not_at_every_call(
    open_store: OpenStore, shelf: Any, clock: Any
) -> None:
    shelf.boards = {"keys": "{}"}
    store = open_store(KEYS, ttl_s=3600)
    for _ in range(3):
        with pytest.raises(SecretError):
            await store.get("A_KEY")
    assert shelf.reads == 1
    shelf.boards["keys"] = '{"A_KEY": "added"}'
    clock.now_s += store_module.RETRY_S
    assert await value(store) == "added"


async def test_a_source_that_hangs_holds_nobody_up_who_has_secrets(
    open_store: OpenStore, shelf: Any, clock: Any
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "old"}'}
    store = open_store(KEYS, ttl_s=60)
    await store.load()
    shelf.boards["keys"] = '{"A_KEY": "new"}'
    shelf.gate.clear()
    clock.now_s += 60
    waiting = asyncio.create_task(value(store))
    await asyncio.sleep(0)
    clock.now_s += store_module.PATIENCE_S  # the reading has now taken longer than anybody waits for it
    assert await value(store) == "old"
    shelf.gate.set()
    assert await waiting == "new"
    assert await value(store) == "new"
    assert shelf.reads == 2


async def test_a_source_that_ends_the_thread_is_heard_by_those_who_wait(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": SystemExit(3)}
    store = open_store(KEYS)
    with pytest.raises(SystemExit):
        await store.load()
    shelf.boards["keys"] = '{"A_KEY": "v"}'
    assert await value(store) == "v"


# --- tasks, loops, threads ---------------------------------------------------------------------------------------


async def test_many_tasks_share_one_reading(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    assert await asyncio.gather(*(value(store) for _ in range(50))) == ["v"] * 50
    assert shelf.reads == 1


async def test_a_cancelled_caller_leaves_the_reading_to_the_others(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    shelf.gate.clear()
    impatient, patient = asyncio.create_task(value(store)), asyncio.create_task(value(store))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    shelf.gate.set()
    assert await patient == "v"
    assert shelf.reads == 1


class NoPool(ThreadPoolExecutor):
    def submit(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("the loop's own pool was used")


async def test_sources_are_read_neither_on_the_loop_nor_in_its_pool(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    asyncio.get_running_loop().set_default_executor(NoPool(1))
    assert await value(open_store(KEYS)) == "v"
    assert shelf.threads == {"dragoman-secrets"}


def test_two_threads_with_a_loop_each_share_one_reading(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    shelf.gate.clear()
    both = threading.Barrier(3)

    async def ask() -> str:
        asked = asyncio.create_task(value(store))
        await asyncio.sleep(0)  # it has asked, and waits
        both.wait(30)
        return await asked

    with ThreadPoolExecutor(2) as pool:
        answers: list[Future[str]] = [pool.submit(asyncio.run, ask()) for _ in range(2)]
        both.wait(30)
        shelf.gate.set()
        assert [answer.result(30) for answer in answers] == ["v", "v"]
    assert shelf.reads == 1


def test_one_loop_after_the_other_works(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    assert [asyncio.run(value(store)) for _ in range(3)] == ["v"] * 3
    assert shelf.reads == 1


def test_a_loop_that_closes_while_it_waits_hurts_nobody(
    open_store: OpenStore, shelf: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    store = open_store(KEYS)
    shelf.gate.clear()

    async def give_up() -> None:
        async with asyncio.timeout(0):
            await store.load()

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    shelf.gate.set()
    assert asyncio.run(value(store)) == "v"
    assert caplog.text == ""


async def test_rotation_while_many_read_never_shows_a_half_read_state(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "0", "B_KEY": "0"}'}
    store = open_store(KEYS, ttl_s=0)

    async def pair() -> bool:
        snapshot = await store.load()
        return snapshot.require("A_KEY").reveal() == snapshot.require("B_KEY").reveal()

    for number in range(20):
        shelf.boards["keys"] = json.dumps({"A_KEY": str(number), "B_KEY": str(number)})
        assert all(await asyncio.gather(*(pair() for _ in range(10))))


# --- what is shown -----------------------------------------------------------------------------------------------


async def test_the_listing_names_places_and_never_values(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "sk-canary"}', "more": '{"A_KEY": "sk-canary", "B_KEY": "sk-canary"}'}
    for name in ("A_KEY", "C_KEY"):
        monkeypatch.setenv(name, "sk-canary")
    snapshot = await open_store(KEYS, MORE).load()
    assert snapshot.names() == ["A_KEY", "B_KEY"]
    assert snapshot.listing() == [
        SecretListing("A_KEY", "shelf keys", ("shelf more", "process environment")),
        SecretListing("B_KEY", "shelf more"),
    ]
    assert snapshot.listing(["C_KEY", "D_KEY"])[2:] == [
        SecretListing("C_KEY", "process environment"),
        SecretListing("D_KEY", None),
    ]
    assert "canary" not in repr(snapshot)


async def test_the_view_knows_sources_and_environment(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v"}'}
    monkeypatch.setenv("C_KEY", "environment")
    view = await open_store(KEYS).load()
    found = [view.get(name) for name in ("A_KEY", "C_KEY", "D_KEY")]
    assert [s.reveal() if isinstance(s, Secret) else s for s in found] == ["v", "environment", None]


async def test_values_are_redacted_from_sources_environment_and_the_past(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.boards = {"keys": '{"A_KEY": "sk-old-value"}'}
    monkeypatch.setenv("C_KEY", "sk-environment")
    store = open_store(KEYS)
    text = "sk-old-value sk-new-value sk-environment"
    assert store.redact(text) == text
    await store.get("A_KEY")
    assert store.redact(text) == "*** sk-new-value sk-environment"
    shelf.boards["keys"] = '{"A_KEY": "sk-new-value"}'
    await store.reread()
    assert store.redact(text) == "*** *** sk-environment"
    await store.get("C_KEY")
    assert store.redact(text) == "*** *** ***"


# --- the process environment -------------------------------------------------------------------------------------


async def test_the_process_environment_is_not_written(open_store: OpenStore, shelf: Any) -> None:
    shelf.boards = {"keys": '{"A_KEY": "v", "PATH": "/evil", "LD_PRELOAD": "x"}'}
    before = dict(os.environ)
    store = open_store(KEYS)
    await store.get("A_KEY")
    await store.reread()
    assert dict(os.environ) == before


async def test_only_names_of_the_list_that_a_source_brings_are_exported(
    open_store: OpenStore, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("B_KEY", "own")
    shelf.boards = {"keys": '{"A_KEY": "v", "C_KEY": "w"}'}
    before = dict(os.environ)
    store = open_store(KEYS, export_environment=["A_KEY", "B_KEY"])
    assert dict(os.environ) == before
    snapshot = await store.load()
    assert dict(os.environ) == {**before, "A_KEY": "v"}
    assert snapshot.listing()[0] == SecretListing("A_KEY", "shelf keys")
    shelf.boards["keys"] = '{"A_KEY": "v2", "B_KEY": "brought"}'
    await store.reread()
    assert (os.environ["A_KEY"], os.environ["B_KEY"]) == ("v2", "brought")
    shelf.boards["keys"] = "{}"
    await store.reread()
    assert dict(os.environ) == before
    with pytest.raises(SecretError):
        await store.get("A_KEY")
