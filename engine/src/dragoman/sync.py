"""The synchronous face: the same engine, driven on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from dragoman.engine import DryRun, Engine
from dragoman.events import EmbedResponse, Event, RerankResponse, Response
from dragoman.messages import MessagesLike, ToolChoiceLike, ToolLike
from dragoman.resolve import AdapterLike, Resolved

T = TypeVar("T")


class SyncEngine:
    """An engine for programs without an event loop. Close it, or use it as ``with``; safe to share among threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dragoman-loop", daemon=True)
        self._thread.start()

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
        **inference: Any,
    ) -> Response:
        """Answer a conversation; see :meth:`dragoman.Engine.chat`."""
        return self.run(
            self.engine.chat(adapter, messages, tools=tools, tool_choice=tool_choice, override=override, **inference)
        )

    def stream(self, adapter: AdapterLike | None, messages: MessagesLike, **rest: Any) -> Iterator[Event]:
        """Yield the answer's events; leaving the loop early, or closing the generator, stops the provider's work."""
        events = aiter(self.engine.stream(adapter, messages, **rest))
        try:
            while (event := self.run(_following(events))) is not None:
                yield event
        finally:
            self.run(events.aclose())

    def dry_run(self, adapter: AdapterLike | None, messages: MessagesLike, **rest: Any) -> DryRun:
        """Return the exact request, and send nothing; see :meth:`dragoman.Engine.dry_run`."""
        return self.run(self.engine.dry_run(adapter, messages, **rest))

    def embed(self, adapter: AdapterLike | None, texts: str | Sequence[str], **rest: Any) -> EmbedResponse:
        """Turn texts into vectors; see :meth:`dragoman.Engine.embed`."""
        return self.run(self.engine.embed(adapter, texts, **rest))

    def rerank(self, adapter: AdapterLike | None, query: str, documents: Sequence[str], **rest: Any) -> RerankResponse:
        """Put documents in order by relevance; see :meth:`dragoman.Engine.rerank`."""
        return self.run(self.engine.rerank(adapter, query, documents, **rest))

    def resolve(self, adapter: AdapterLike | None, override: Mapping[str, Any] | None = None) -> Resolved:
        """Return the effective adapter; see :meth:`dragoman.Engine.resolve`."""
        return self.run(self.engine.resolve(adapter, override))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run any coroutine of the engine on the engine's loop, and wait for it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Close connections and end the thread."""
        if self._loop.is_closed():
            return
        self.run(self.engine.aclose())
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


async def _following(events: Any) -> Event | None:
    event: Event | None = await anext(events, None)
    return event
