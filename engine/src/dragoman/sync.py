"""The synchronous face: the same engine, driven on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dragoman.engine import DryRun, Engine
from dragoman.events import EmbedResponse, Event, RerankResponse, Response
from dragoman.messages import MessagesLike, ToolChoiceLike, ToolLike
from dragoman.policy import Caller
from dragoman.prompting import Comparison
from dragoman.resolve import AdapterLike, Resolved
from dragoman.templates import Values

if TYPE_CHECKING:
    from dragoman.agents import AgentDocument, AgentEvent, AgentResult
    from dragoman.langchain.agents import Agent

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, for callers that have none. Safe to share among threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dragoman-loop", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it takes work; false once it is closed, and in the child of a fork."""
        return self._thread.is_alive() and not self._loop.is_closed()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and wait for it; what interrupts the waiting cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        """Yield what an asynchronous generator yields; leaving early, or closing this one, closes it."""
        try:
            while (item := self.run(_following(items))) is not None:
                yield item
        finally:
            self.run(items.aclose())

    def close(self) -> None:
        """End the thread; connections that were opened on its loop close."""
        if not self.is_running:
            return
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


_shared: LoopThread | None = None
_STARTING = threading.Lock()


def shared_loop_thread() -> LoopThread:
    """Return the process's one thread for synchronous callers of engines that they do not own; it ends as the process.

    What an engine has open on its loop is closed when the engine is dropped, or by the end. A :class:`SyncEngine` has a
    thread of its own.
    """
    global _shared  # noqa: PLW0603  (one for the process, made when somebody needs it)
    with _STARTING:
        if _shared is None or not _shared.is_running:
            _shared = LoopThread()
            atexit.register(_shared.close)
        return _shared


class SyncAgent:
    """An agent for programs without an event loop; :meth:`SyncEngine.agent` returns it."""

    def __init__(self, agent: Agent, thread: LoopThread) -> None:
        self.agent = agent
        self._thread = thread

    def run(self, question: MessagesLike, variables: Values | None = None) -> AgentResult:
        """Answer a question; see :meth:`dragoman.langchain.agents.Agent.run`."""
        return self._thread.run(self.agent.run(question, variables))

    def stream(self, question: MessagesLike, variables: Values | None = None) -> Iterator[AgentEvent]:
        """Yield what happens; leaving the loop early, or closing the generator, ends the run."""
        return self._thread.iterate(self.agent.stream(question, variables))


class SyncEngine:
    """An engine for programs without an event loop. Close it, or use it as ``with``; safe to share among threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.thread = LoopThread()

    @classmethod
    def from_config(cls, config: str | Path | None = None, **flags: Any) -> Self:
        """Return an engine for a deployment; see :meth:`dragoman.Engine.from_config`."""
        return cls(Engine.from_config(config, **flags))

    def chat(
        self,
        adapter: AdapterLike | None,
        messages: MessagesLike,
        *,
        tools: Sequence[ToolLike] | None = None,
        tool_choice: ToolChoiceLike | None = None,
        override: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        **inference: Any,
    ) -> Response:
        """Answer a conversation; see :meth:`dragoman.Engine.chat`."""
        rest = {"tools": tools, "tool_choice": tool_choice, "override": override, "caller": caller, **inference}
        return self.run(self.engine.chat(adapter, messages, **rest))

    def stream(self, adapter: AdapterLike | None, messages: MessagesLike, **rest: Any) -> Iterator[Event]:
        """Yield the answer's events; leaving the loop early, or closing the generator, stops the provider's work."""
        return self.thread.iterate(aiter(self.engine.stream(adapter, messages, **rest)))

    def dry_run(self, adapter: AdapterLike | None, messages: MessagesLike, **rest: Any) -> DryRun:
        """Return the exact request, and send nothing; see :meth:`dragoman.Engine.dry_run`."""
        return self.run(self.engine.dry_run(adapter, messages, **rest))

    def embed(self, adapter: AdapterLike | None, texts: str | Sequence[str], **rest: Any) -> EmbedResponse:
        """Turn texts into vectors; see :meth:`dragoman.Engine.embed`."""
        return self.run(self.engine.embed(adapter, texts, **rest))

    def rerank(self, adapter: AdapterLike | None, query: str, documents: Sequence[str], **rest: Any) -> RerankResponse:
        """Put documents in order by relevance; see :meth:`dragoman.Engine.rerank`."""
        return self.run(self.engine.rerank(adapter, query, documents, **rest))

    def prompt(self, name: str, variables: Values | None = None, **rest: Any) -> Response:
        """Ask with a prompt; see :meth:`dragoman.Engine.prompt`."""
        return self.run(self.engine.prompt(name, variables, **rest))

    def compare(self, name: str, variables: Values | None = None, **rest: Any) -> list[Comparison]:
        """Ask with every variant of a prompt; see :meth:`dragoman.Engine.compare`."""
        return self.run(self.engine.compare(name, variables, **rest))

    def agent(self, agent: str | Mapping[str, Any] | AgentDocument, **rest: Any) -> SyncAgent:
        """Return an agent; see :meth:`dragoman.Engine.agent`."""
        return SyncAgent(self.engine.agent(agent, **rest), self.thread)

    def resolve(self, adapter: AdapterLike | None, *rest: Any, **named: Any) -> Resolved:
        """Return the effective adapter; see :meth:`dragoman.Engine.resolve`."""
        return self.run(self.engine.resolve(adapter, *rest, **named))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine of the engine on the engine's loop, and wait for it."""
        return self.thread.run(work)

    def close(self) -> None:
        """Close connections and end the thread."""
        if not self.thread.is_running:
            return
        self.run(self.engine.aclose())
        self.thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _following(items: AsyncGenerator[T, None]) -> T | None:
    return await anext(items, None)
