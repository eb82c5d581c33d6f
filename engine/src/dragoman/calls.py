"""One call, from its first attempt to its last event: deadlines, attempts, observation.

The engine owns retries and the total deadline, so that every kind of session gets the same ones.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from dragoman.constraints import estimate_usage
from dragoman.errors import CallTimeoutError, DragomanError, ProtocolError, ProviderError
from dragoman.events import Collector, Event, Report, Reported, Response, TextDelta, UsageReported
from dragoman.provider import CallObservation, ChatRequest, Session
from dragoman.resolve import Resolved
from dragoman.transport.retry import retry_delay_s

logger = logging.getLogger("dragoman")

Observe = Callable[[CallObservation], None]


@dataclass(slots=True)
class Plan:
    """Everything that one call needs."""

    resolved: Resolved
    session: Session
    request: ChatRequest
    slots: asyncio.Semaphore | None
    reports: tuple[Report, ...]
    reread_secrets: Callable[[], Awaitable[bool]]
    redact: Callable[[str], str]
    observe: Observe | None
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)


async def generate(plan: Plan) -> Response:
    """Make the call and return the whole answer."""
    async with _observed(plan) as watch, _slot(plan), _total_timeout(plan) as timeout:
        attempts = _Attempts(plan, watch)
        loop = asyncio.get_running_loop()
        while True:
            attempts.count()
            try:
                response = await plan.session.generate(plan.request)
            except ProviderError as error:
                end = timeout.when()
                await attempts.wait_or_raise(error, None if end is None else end - loop.time())
            else:
                return watch.done(_complete(plan, response))


class ChatStream:
    """The events of one answer, as they come: ``async for event in stream``.

    Use it as ``async with engine.stream(…) as stream`` where the loop may be left early: closing it stops the
    provider's work. ``response`` is what has come so far; it is whole once the loop has ended.
    """

    def __init__(self, planned: AbstractAsyncContextManager[Plan]) -> None:
        self._collector = Collector()
        self._plan: Plan | None = None
        self._events = self._run(planned)

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        return self._events

    async def __aenter__(self) -> ChatStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the answer and release its connection."""
        await self._events.aclose()

    @property
    def response(self) -> Response:
        """What has come so far, as a response."""
        response = self._collector.response()
        return _complete(self._plan, response) if self._plan else response

    async def text(self) -> AsyncGenerator[str, None]:
        """Yield the answer's text alone, piece by piece."""
        async for event in self._events:
            if type(event) is TextDelta:
                yield event.text

    async def _run(self, planned: AbstractAsyncContextManager[Plan]) -> AsyncGenerator[Event, None]:
        add = self._collector.add
        async with planned as plan, _observed(plan) as watch, _slot(plan):
            self._plan = plan
            for report in plan.reports:
                yield Reported(report)
            async with aclosing(_attempted(plan, watch)) as events:
                async for event in events:
                    add(event)
                    yield event
            response = watch.done(self.response)
            if self._collector.finished is None:
                raise ProtocolError("the answer ended without saying that it is complete")
            if response.usage.source == "estimated":
                yield UsageReported(response.usage)


async def _attempted(plan: Plan, watch: _Watch) -> AsyncGenerator[Event, None]:
    deadline = _Deadline(plan.resolved.settings.limits.timeout_s)
    attempts = _Attempts(plan, watch)
    try:
        while True:
            attempts.count()
            try:
                async with aclosing(plan.session.stream(plan.request)) as events:
                    while (event := await deadline.following(events)) is not None:
                        watch.first_event()
                        yield event
                    return
            except ProviderError as error:
                if watch.begun:
                    raise
                await attempts.wait_or_raise(error, deadline.remaining_s())
    finally:
        deadline.stop()


def _complete(plan: Plan, response: Response) -> Response:
    response.reports = (*plan.reports, *response.reports)
    response.adapter = plan.resolved.name
    response.provider = plan.resolved.target.provider
    response.upstream = plan.resolved.upstream
    if response.usage.source == "absent":
        response.usage = estimate_usage(plan.request, response)
    return response


# --- attempts ----------------------------------------------------------------------------------------------------


class _Attempts:
    """Decides after each failure whether, and when, the call is tried again."""

    def __init__(self, plan: Plan, watch: _Watch) -> None:
        self._plan = plan
        self._watch = watch
        self._reread = False

    def count(self) -> None:
        self._watch.attempts += 1

    async def wait_or_raise(self, error: ProviderError, remaining_s: float | None) -> None:
        """Wait until the next attempt is due, or raise the error because there is none."""
        if error.stale_credentials and not self._reread:
            self._reread = True
            if await self._plan.reread_secrets() or error.credentials_dropped:
                return
        delay = retry_delay_s(
            error,
            attempts_made=self._watch.attempts,
            max_attempts=self._plan.resolved.settings.limits.max_attempts,
            remaining_s=remaining_s,
            random=random.random,
        )
        if delay is None:
            raise error
        logger.info(
            "call %s: attempt %d failed (%s); again in %.1f s",
            self._plan.call_id, self._watch.attempts, error.code, delay,
        )  # fmt: skip
        await asyncio.sleep(delay)


# --- deadlines ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _total_timeout(plan: Plan) -> AsyncGenerator[asyncio.Timeout, None]:
    limit = plan.resolved.settings.limits.timeout_s
    try:
        async with asyncio.timeout(limit) as timeout:
            yield timeout
    except TimeoutError:
        if not timeout.expired():
            raise
        raise _expired(limit) from None


def _expired(limit_s: float | None) -> CallTimeoutError:
    return CallTimeoutError(f"the call took longer than {limit_s:g} s", phase="total", hint="raise limits.timeout_s")


class _Deadline:
    """A total deadline for a stream: it interrupts the wait for the next event, never the consumer's own work.

    One timer for the whole stream; a timeout around each event would cost more than decoding it.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._waiting: asyncio.Task[Any] | None = None
        self._interrupted = False
        self._loop = asyncio.get_running_loop()
        self._at = None if limit_s is None else self._loop.time() + limit_s
        self._timer = None if self._at is None else self._loop.call_at(self._at, self._expire)

    def remaining_s(self) -> float | None:
        """Return the seconds that are left; ``None`` where there is no deadline."""
        return None if self._at is None else max(0.0, self._at - self._loop.time())

    async def following(self, events: AsyncGenerator[Event, None]) -> Event | None:
        """Return the next event, ``None`` at the end; raise where the deadline passes first."""
        if self._at is not None and self._timer is None:
            raise _expired(self._limit_s)
        self._waiting = asyncio.current_task()
        try:
            return await anext(events, None)
        except asyncio.CancelledError:
            task = self._waiting
            if self._interrupted and task is not None and task.uncancel() == 0:
                raise _expired(self._limit_s) from None
            raise
        finally:
            self._waiting = None

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self._timer = None
        if self._waiting is not None:
            self._interrupted = True
            self._waiting.cancel()


@asynccontextmanager
async def _slot(plan: Plan) -> AsyncGenerator[None, None]:
    if plan.slots is None:
        yield
        return
    async with plan.slots:
        yield


# --- observation -------------------------------------------------------------------------------------------------


class _Watch:
    """What is known of the call so far, for whoever observes it."""

    __slots__ = ("attempts", "begun", "first_event_s", "plan", "response", "started")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.attempts = 0
        self.begun = False
        self.started = time.perf_counter()
        self.first_event_s: float | None = None
        self.response: Response | None = None

    def first_event(self) -> None:
        if not self.begun:
            self.begun = True
            self.first_event_s = time.perf_counter() - self.started

    def done(self, response: Response) -> Response:
        self.response = response
        return response

    def tell(self, phase: str, error: BaseException | None = None) -> None:
        if self.plan.observe is None:
            return
        response = self.response
        observation = CallObservation(
            phase=phase,  # type: ignore[arg-type]
            call_id=self.plan.call_id,
            adapter=self.plan.resolved.name,
            provider=self.plan.resolved.target.provider,
            model=self.plan.resolved.target.model,
            operation=self.plan.resolved.target.operation,
            attempts=self.attempts,
            duration_s=None if phase == "start" else time.perf_counter() - self.started,
            first_event_s=self.first_event_s,
            usage=response.usage if response else None,
            finish_reason=response.finish_reason if response else None,
            error_code=getattr(error, "code", type(error).__name__) if error else None,
        )
        self.plan.observe(observation)


@asynccontextmanager
async def _observed(plan: Plan) -> AsyncGenerator[_Watch, None]:
    watch = _Watch(plan)
    watch.tell("start")
    try:
        yield watch
    except DragomanError as error:
        _finish_error(plan, error)
        watch.tell("error", error)
        raise
    except (asyncio.CancelledError, GeneratorExit):
        watch.tell("cancelled")
        raise
    except Exception as error:
        watch.tell("error", error)
        raise
    watch.tell("end")


def _finish_error(plan: Plan, error: DragomanError) -> None:
    if isinstance(error, ProviderError):
        error.provider = error.provider or plan.resolved.target.provider
        error.model = error.model or plan.resolved.target.model
    redact_error(error, plan.redact)


def redact_error(error: DragomanError, redact: Callable[[str], str]) -> None:
    """Remove every known secret value from an error's texts."""
    error.message = redact(error.message)
    error.args = tuple(redact(a) if isinstance(a, str) else a for a in error.args)
    if error.hint:
        error.hint = redact(error.hint)
