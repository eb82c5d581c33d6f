"""The state as a whole, in processes of their own: what one changes another sees, and what kill -9 leaves."""

import asyncio
import functools
import json
import signal
import subprocess
import sys

import pytest
from dragoman.engine import Engine
from dragoman.plugins import load_plugins
from dragoman.server.state import State

#: A process that does what it is told, one line after the other, and says when it is done.
WORKER = """
import asyncio, json, sys, time
from dragoman.server.state import State
from dragoman.settings import Settings

async def main(url, directory):
    loop = asyncio.get_running_loop()
    async with await State.open(Settings(store={"url": url, "directory": directory})) as state:
        def say(value):
            print(json.dumps(value), flush=True)
        say("ready")
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            what, *arguments = json.loads(line)
            if what == "save":
                say((await state.store.save("adapter", *arguments, by="worker")).number)
            elif what == "save_as":
                say((await state.store.save(*arguments, by="worker")).number)
            elif what == "saves":
                for number in range(100_000):
                    say((await state.store.save("adapter", "many", {"n": number}, by="worker")).number)
            elif what == "see":
                name, number = arguments
                async for _ in state.store.watch():
                    found = state.store.current("adapter").get(name)
                    if found is not None and found.number == number:
                        break
                say(time.time())
            elif what == "opens":
                say(state.keys.authenticate(*arguments) is not None)
            elif what == "closed":
                async for _ in state.changes.watch("keys"):
                    if state.keys.authenticate(*arguments) is None:
                        break
                say(time.time())

asyncio.run(main(*sys.argv[1:]))
"""


class Worker:
    def __init__(self, settings):
        command = [sys.executable, "-c", WORKER, settings.store.url, str(settings.store.directory)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def hear(self):
        return json.loads(await asyncio.to_thread(self.process.stdout.readline))

    def tell(self, *what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    async def ask(self, *what):
        self.tell(*what)
        return await self.hear()


@pytest.fixture
async def worker(settings, state):
    """Return another process on the same database."""
    started = Worker(settings)
    assert await started.hear() == "ready"
    yield started
    started.process.kill()
    started.process.communicate()


async def test_two_processes_see_each_others_documents(state, worker, eventually):
    await state.store.save("adapter", "mine", {"n": 1}, by="alice")
    await worker.ask("see", "mine", 1)
    assert await worker.ask("save", "mine", {"n": 2}) == 2
    await eventually(lambda: state.store.current("adapter")["mine"].document == {"n": 2})


async def test_a_key_that_is_revoked_here_is_refused_there(state, worker, eventually):
    key, secret = await state.keys.create(name="k", project="p", by="root")
    while not await worker.ask("opens", secret.reveal()):
        pass  # each question is a round trip
    worker.tell("closed", secret.reveal())
    await state.keys.revoke(key.id, by="root")
    assert await worker.hear()


async def test_kill_9_between_any_two_saves_loses_no_acknowledged_one(settings, state, worker):
    worker.tell("saves")
    acknowledged = [await worker.hear() for _ in range(50)]
    worker.process.send_signal(signal.SIGKILL)
    rest, _ = await asyncio.to_thread(worker.process.communicate)
    acknowledged += [json.loads(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    async with await State.open(settings) as again:
        history = await again.store.history("adapter", "many", limit=100_000)
    assert acknowledged == list(range(1, len(acknowledged) + 1))
    assert [revision.number for revision in history] == list(range(len(history), 0, -1))
    assert len(history) in (len(acknowledged), len(acknowledged) + 1)  # one may be saved and not yet said


# --- with an engine ----------------------------------------------------------------------------------------------


@pytest.fixture
async def engine(tmp_path, settings, echo_plugin):
    """Return an engine on a folder with one adapter."""
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "mine.yaml").write_text("provider: echo\nmodel: m1\n")
    chosen = settings.model_copy(update={"adapters_directory": tmp_path / "adapters", "reload_interval_s": 0.02})
    async with Engine(chosen, plugins=load_plugins(found=[echo_plugin])) as engine:
        yield engine


@pytest.fixture
async def attached(engine):
    """Return a state that the engine follows."""
    async with await State.open(engine.settings) as state:
        await state.attach(engine)
        yield state


async def model_of(engine, name):
    return (await engine.resolve(name)).document["model"]


async def test_what_is_saved_before_the_start_is_there_at_the_start(engine, settings):
    async with await State.open(settings) as state:
        await state.store.save("adapter", "mine", {"model": "m2"}, by="alice")
    async with await State.open(engine.settings) as state:
        await state.attach(engine)
        assert await model_of(engine, "mine") == "m2"
        assert (await engine.resolve("mine")).origins["model"] == "saved revision 1 by alice"


async def test_who_saves_finds_it_in_the_engine_when_saving_returns(engine, attached):
    for number in range(3):
        await attached.store.save("adapter", "mine", {"model": f"s{number}"}, by="alice")
        assert await model_of(engine, "mine") == f"s{number}"
    await attached.store.roll_back("adapter", "mine", 1, by="bob")
    assert await model_of(engine, "mine") == "s0"
    await attached.store.delete("adapter", "mine", by="alice")
    assert await model_of(engine, "mine") == "m1"


async def test_an_engine_follows_what_another_process_saves(engine, attached, worker, eventually):
    async def model_is(model):
        return await model_of(engine, "mine") == model

    await worker.ask("save", "mine", {"model": "m2"})
    await eventually(lambda: model_is("m2"))
    await worker.ask("save", "fresh", {"base": "mine", "title": "Fresh"})
    await eventually(lambda: names_hold(engine, "fresh"))
    assert await model_of(engine, "fresh") == "m2"
    await attached.store.delete("adapter", "mine", by="alice")
    await eventually(lambda: model_is("m1"))


async def test_an_engine_follows_prompts_that_another_process_saves(engine, attached, worker, eventually):
    async def hears(text):
        names = await engine.prompts.names()
        return "fresh" in names and (await engine.prompt("fresh")).text.strip() == text

    def document(text):
        return {"variants": {"a": {"adapter": "mine", "text": text}}}

    await worker.ask("save_as", "prompt", "fresh", document("one"))
    await eventually(lambda: hears("one"))
    await worker.ask("save_as", "prompt", "fresh", document("two"))
    await eventually(lambda: hears("two"))


async def names_hold(engine, name):
    return name in (await engine.catalog()).entries


async def test_an_engine_follows_its_files(engine, attached, tmp_path, eventually, caplog):
    path = tmp_path / "adapters" / "mine.yaml"

    async def model_is(model):
        return await model_of(engine, "mine") == model

    async def has_failures():
        return bool((await engine.catalog()).failures)

    for number in range(2, 5):  # equal sizes, within one tick of the clock
        path.write_text(f"provider: echo\nmodel: m{number}\n")
        await eventually(functools.partial(model_is, f"m{number}"))
    path.write_text("provider: [")
    await eventually(has_failures)
    assert (await engine.catalog()).failures[0].kept
    await eventually(lambda: ["mine" in r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [True])
    assert await model_of(engine, "mine") == "m4"
    replacement = tmp_path / "adapters" / ".new"
    replacement.write_text("provider: echo\nmodel: m9\n")
    replacement.rename(path)
    await eventually(lambda: model_is("m9"))
    assert not await has_failures()
    (tmp_path / "adapters" / "second.yaml").write_text("base: mine\nmodel: s1\n")
    await eventually(lambda: names_hold(engine, "second"))


async def test_files_that_stay_as_they_are_are_not_read_again(engine, attached, tmp_path):
    before = await engine.catalog()
    path = tmp_path / "adapters" / "mine.yaml"
    path.touch()
    (tmp_path / "adapters" / "notes.txt").write_text("no adapter")
    for _ in range(3):
        await asyncio.to_thread(attached._files._contents)
    assert await engine.catalog() is before


async def test_health_tells_how_it_stands(engine, attached):
    assert attached.health() == {
        "database": {"place": attached.database.place, "problem": None, "seen_s_ago": pytest.approx(0, abs=60)},
        "files": {"problem": None},
        "settings": {"problem": None},
        "ledger": {"problem": None, "backlog_bytes": 0, "damaged_lines": 0, "lost_calls": 0},
        "retention": {"problem": None},
    }


async def test_closing_leaves_no_task_and_no_open_connection(engine):
    before = asyncio.all_tasks()
    for _ in range(3):
        async with await State.open(engine.settings) as state:
            await state.attach(engine)
    assert asyncio.all_tasks() == before
