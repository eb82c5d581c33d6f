"""Whoever leaves an answer, leaves the provider's connection; whoever runs several loops, leaves nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

from dragoman import Engine, Settings
from dragoman.langchain import ChatDragoman
from dragoman.testing.upstream import HOLD, Upstream

from . import chat_completions


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def document(upstream: Upstream) -> dict[str, object]:
    connection = {"base_url": f"{upstream.url}/v1"}
    return {"provider": "openai-compatible", "model": "m", "connection": connection, "limits": {"max_attempts": 1}}


def hanging(upstream: Upstream) -> None:
    """Let the upstream begin its answer, and then say nothing more."""
    upstream.answer(lambda request: chat_completions.answer(request).cut(3, HOLD))


async def test_a_cancelled_stream_closes_the_connection(upstream: Upstream) -> None:
    hanging(upstream)
    async with Engine(Settings()) as engine:
        model = ChatDragoman(adapter=document(upstream), engine=engine)
        has_begun = asyncio.Event()

        async def read() -> None:
            async for _ in model.astream("Hi"):
                has_begun.set()

        reading = asyncio.create_task(read())
        await has_begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(upstream.wait_until_left)


async def test_a_cancelled_call_closes_the_connection(upstream: Upstream) -> None:
    upstream.answer(lambda request: chat_completions.answer(request).regrouped([9]).cut(1, HOLD))
    async with Engine(Settings()) as engine:
        model = ChatDragoman(adapter=document(upstream), engine=engine)
        asking = asyncio.create_task(model.ainvoke("Hi"))
        assert await asyncio.to_thread(upstream.wait_until_asked)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(upstream.wait_until_left)


def test_leaving_a_synchronous_stream_closes_the_connection(upstream: Upstream) -> None:
    hanging(upstream)
    model = ChatDragoman(adapter=document(upstream), engine=Engine(Settings()))
    pieces = model.stream("Hi")
    assert next(pieces) is not None
    pieces.close()
    assert upstream.wait_until_left()


def test_each_loop_has_connections_of_its_own(upstream: Upstream) -> None:
    upstream.answer(chat_completions.answer)
    model = ChatDragoman(adapter=document(upstream), engine=Engine(Settings()))
    texts = [asyncio.run(model.ainvoke("Hi")).text for _ in range(3)] + [model.invoke("Hi").text]
    assert len(set(texts)) == 1
    assert len(upstream.received) == 4


def test_a_batch_goes_out_at_once(upstream: Upstream) -> None:
    upstream.answer(chat_completions.answer)
    model = ChatDragoman(adapter=document(upstream), engine=Engine(Settings()))
    assert len({answer.text for answer in model.batch(["Hi"] * 8)}) == 1


# --- another process --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_model_works_in_another_process(upstream: Upstream, tmp_path: Path, method: str) -> None:
    upstream.answer(chat_completions.answer)
    (tmp_path / "dragoman.toml").write_text("", encoding="utf-8")
    model = ChatDragoman(adapter=document(upstream), config=tmp_path, temperature=0)
    here = model.invoke("Hi").text
    with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
        assert pool.submit(methodcaller("invoke", "Hi"), model).result().text == here


PROGRAM = """
from dragoman.langchain import ChatDragoman
model = ChatDragoman(adapter="local", temperature=0, max_tokens=3)
print(model.invoke("Tell me about iterators").text)
"""


def test_a_program_ends_without_a_word_about_what_it_left_open(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip()
    assert done.stderr == ""


def test_naming_the_face_is_what_imports_langchain() -> None:
    program = "import sys, dragoman.langchain as face; print('langchain_core' in sys.modules, face.__all__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False ['ChatDragoman', 'DragomanEmbeddings', 'DragomanRerank']\n"


def test_without_langchain_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['langchain_core'] = None\nfrom dragoman.langchain import ChatDragoman"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("needs the package langchain-core (pip install 'dragoman[langchain]')")
