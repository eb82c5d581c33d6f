"""What is held is let go: connections, tasks, event loops."""

from __future__ import annotations

import asyncio

import pytest

from dragoman.engine import Engine
from dragoman.plugins import Plugins
from dragoman.testing.case import Answer, ProviderCase, ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.upstream import HOLD, PATIENCE_S, Received, Reply, Upstream


class Release(ContractFixtures):
    """Whoever leaves stops the provider's work."""

    @pytest.mark.asyncio
    async def test_cancelling_a_call_disconnects_the_provider(
        self, subject: Subject, codec_wire: ProviderSide, streamed: bool
    ) -> None:
        loop, asked = asyncio.get_running_loop(), asyncio.Event()

        def keep_waiting(_: Received) -> Reply:
            loop.call_soon_threadsafe(asked.set)
            return Reply((HOLD,))

        subject.upstream.answer(keep_waiting)
        task, arrival = asyncio.ensure_future(subject.ask(streamed=streamed)), asyncio.ensure_future(asked.wait())
        await asyncio.wait({task, arrival}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        arrival.cancel()
        assert asked.is_set(), f"the call sent nothing: {task}"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(subject.upstream.wait_until_left)

    @pytest.mark.asyncio
    async def test_nothing_is_left_when_the_engine_closes(self, subject: Subject) -> None:
        _skip_langchain(subject)
        before = asyncio.all_tasks()
        for way in self.ways:
            streamed = way == "streamed"
            subject.prepare(Answer(), streamed=streamed)
            await subject.ask(streamed=streamed)
        await subject.engine.aclose()
        assert await asyncio.to_thread(subject.upstream.wait_until_left)
        assert asyncio.all_tasks() == before

    def test_one_engine_serves_one_event_loop_after_another(
        self, case: ProviderCase, upstream: Upstream, plugins: Plugins, canaries: dict[str, str]
    ) -> None:
        subject = self.subject_of(case.at(upstream.url), Engine(plugins=plugins), upstream)
        _skip_langchain(subject)
        for _ in range(2):
            subject.prepare(Answer(), streamed=False)
            assert asyncio.run(subject.ask()).provider == case.kind
        assert upstream.wait_until_left()


def _skip_langchain(subject: Subject) -> None:
    if subject.is_langchain:
        pytest.skip("a LangChain class keeps and closes its connections in its own way")
