"""Sessions that are open on one event loop, shared by calls with equal targets."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Literal

from dragoman.errors import PluginError
from dragoman.events import Event, Report, Response, Usage, replay
from dragoman.provider import ChatRequest, Provider, ProviderDescription, Session, WireRequest
from dragoman.resolve import Resolved

#: Run-time overrides may open any number of targets; beyond this many, those that are idle longest are closed.
MAX_OPEN_SESSIONS = 256
#: So many calls begin in one turn of an event loop; each takes about a third of a millisecond until it waits.
CALLS_PER_TURN = 16


NOT_STREAMED = Report(
    "not_streamed",
    "the adapter declares that its endpoint does not stream: the answer came whole",
    "capabilities.streaming",
)


class WholeAnswers(Session):
    """Asks for whole answers, and replays them to whoever waits for a stream: the endpoint does not stream.

    Who waits for a stream is told by a report.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        response = await self.generate(request)
        for event in replay(replace(response, reports=(*response.reports, NOT_STREAMED))):
            yield event

    async def generate(self, request: ChatRequest) -> Response:
        return await self._session.generate(replace(request, stream=False))

    async def count_tokens(self, request: ChatRequest) -> Usage | None:
        return await self._session.count_tokens(request)

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        return await self._session.dry_run(replace(request, stream=False))


_Key = tuple[str, int | None]


class Slots(asyncio.Semaphore):
    """A bound on calls at a time that knows how many wait for a slot."""

    waiting = 0

    async def acquire(self) -> Literal[True]:
        """Take a slot, as soon as there is one."""
        if not self.locked():
            return await super().acquire()
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


class Lease:
    """A session with the slots that bound its concurrency. Calls hold it as a context, any number at a time."""

    __slots__ = ("_is_retired", "_users", "provider", "session", "slots")

    def __init__(self, session: Session, max_concurrency: int | None, provider: str) -> None:
        self.session = session
        self.provider = provider
        self.slots: AbstractAsyncContextManager[None] = (
            nullcontext() if max_concurrency is None else Slots(max_concurrency)
        )
        self._users = 0
        self._is_retired = False

    async def __aenter__(self) -> Lease:
        self._users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        await self._close_if_over()

    async def retire(self) -> None:
        """Close the session as soon as no call holds it."""
        self._is_retired = True
        await self._close_if_over()

    async def _close_if_over(self) -> None:
        if self._is_retired and not self._users:
            await self.session.aclose()


class Turns:
    """Lets so many calls begin in one turn of the event loop; further ones begin in the next turns, in order.

    A thousand calls that are made at once would otherwise all be resolved, signed and sent before anything else on
    the loop runs again.
    """

    def __init__(self, calls_per_turn: int) -> None:
        self._calls_per_turn = calls_per_turn
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Return in the turn in which the call may begin: in this one, unless many began in it."""
        loop = asyncio.get_running_loop()
        if not self._begun:
            loop.call_soon(self._next, loop)
        if self._begun < self._calls_per_turn:
            self._begun += 1
            return
        waiter = loop.create_future()
        self._waiting.append(waiter)
        await waiter

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._calls_per_turn:
            waiter = self._waiting.popleft()
            if not waiter.done():  # else its call was cancelled
                waiter.set_result(None)
                self._begun += 1
        if self._begun:
            loop.call_soon(self._next, loop)


class OpenSessions:
    """The sessions of one event loop, the one used last at the end."""

    def __init__(self) -> None:
        self._leases: OrderedDict[_Key, Lease] = OrderedDict()
        self.turns = Turns(CALLS_PER_TURN)

    async def lease(self, resolved: Resolved, open_session: Callable[[], Session]) -> Lease:
        """Return the session of a target, opened now if it is not open. Hold it before anything else is awaited."""
        bound = resolved.settings.limits.max_concurrency
        key = (resolved.target_key, bound)
        while (lease := self._leases.get(key)) is None:
            if len(self._leases) < MAX_OPEN_SESSIONS:
                self._leases[key] = Lease(open_session(), bound, resolved.target.provider)
            else:
                await self._leases.popitem(last=False)[1].retire()
        self._leases.move_to_end(key)
        return lease

    def waiting(self) -> Counter[str]:
        """Return how many calls wait for a slot, by provider."""
        counted: Counter[str] = Counter()
        for lease in self._leases.values():
            if isinstance(lease.slots, Slots):
                counted[lease.provider] += lease.slots.waiting
        return counted

    async def aclose(self) -> None:
        """Close every session; one that a call still holds is closed when that call is over."""
        while self._leases:
            await self._leases.popitem()[1].retire()


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
