"""Sessions that are open on one event loop, shared by calls with equal targets."""

from __future__ import annotations

import asyncio
import importlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace

from dragoman.errors import PluginError
from dragoman.events import Event, Response, Usage, replay
from dragoman.provider import ChatRequest, Provider, ProviderDescription, Session, WireRequest
from dragoman.resolve import Resolved

#: Run-time overrides may open any number of targets; beyond this many, those that are idle longest are closed.
MAX_OPEN_SESSIONS = 256


class WholeAnswers(Session):
    """Asks for whole answers, and replays them to whoever waits for a stream: the endpoint does not stream."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        for event in replay(await self.generate(request)):
            yield event

    async def generate(self, request: ChatRequest) -> Response:
        return await self._session.generate(replace(request, stream=False))

    async def count_tokens(self, request: ChatRequest) -> Usage | None:
        return await self._session.count_tokens(request)

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        return await self._session.dry_run(replace(request, stream=False))


_Key = tuple[str, int | None]


class Lease:
    """A session in use, with the slots that bound its concurrency."""

    __slots__ = ("retired", "session", "slots", "users")

    def __init__(self, session: Session, max_concurrency: int | None) -> None:
        self.session = session
        self.slots: AbstractAsyncContextManager[None] = (
            nullcontext() if max_concurrency is None else asyncio.Semaphore(max_concurrency)
        )
        self.users = 0
        self.retired = False


class OpenSessions:
    """The sessions of one event loop. A session is closed when it is retired and its last call is over."""

    def __init__(self) -> None:
        self._leases: OrderedDict[_Key, Lease] = OrderedDict()

    @asynccontextmanager
    async def lease(self, resolved: Resolved, open_session: Callable[[], Session]) -> AsyncGenerator[Lease, None]:
        """Hold the session of a target, opened now if it is not open."""
        bound = resolved.settings.limits.max_concurrency
        key = (resolved.target_key, bound)
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = Lease(open_session(), bound)
        self._leases.move_to_end(key)
        lease.users += 1
        try:
            if len(self._leases) > MAX_OPEN_SESSIONS:
                await self._retire(next(iter(self._leases)))
            yield lease
        finally:
            lease.users -= 1
            if lease.retired and not lease.users:
                await lease.session.aclose()

    async def aclose(self) -> None:
        """Close every session; one that a call still uses is closed when that call is over."""
        for key in list(self._leases):
            await self._retire(key)

    async def _retire(self, key: _Key) -> None:
        lease = self._leases.pop(key)
        lease.retired = True
        if not lease.users:
            await lease.session.aclose()


def import_provider(description: ProviderDescription) -> Provider:
    """Import and build a provider. Blocks for as long as its module takes to load.

    Raises:
        PluginError: The factory cannot be imported or called.
    """
    module, _, name = description.factory.partition(":")
    try:
        provider = getattr(importlib.import_module(module), name)()
    except Exception as error:
        message = f"provider {description.kind}: {description.factory} cannot be used: {type(error).__name__}: {error}"
        raise PluginError(message) from error
    if not isinstance(provider, Provider):
        raise PluginError(f"provider {description.kind}: {description.factory} made no dragoman.plugin.Provider")
    return provider
