"""One call, from its first attempt to its last event: deadlines, attempts, observation.

The engine owns retries and the total deadline, so that every kind of session gets the same ones.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

from dragoman.constraints import estimate_usage
from dragoman.errors import CallTimeoutError, DragomanError, ProtocolError, ProviderError
from dragoman.events import (
    Collector,
    EmbedResponse,
    Event,
    Report,
    Reported,
    RerankResponse,
    Response,
    TextDelta,
    UsageReported,
)
from dragoman.provider import CallObservation, ChatRequest, EmbedRequest, RerankRequest, Session
from dragoman.resolve import Resolved
from dragoman.transport.retry import retry_delay_s

logger = logging.getLogger("dragoman")

Observe = Callable[[CallObservation], None]
Phase = Literal["start", "end", "error", "cancelled"]
T = TypeVar("T")
Q = TypeVar("Q", ChatRequest, EmbedRequest, RerankRequest)


@dataclass
class Plan(Generic[Q]):
    """Everything that one call needs."""

    resolved: Resolved
    session: Session
    request: Q
    slots: AbstractAsyncContextManager[None]
    reports: tuple[Report, ...]
    reread_secrets: Callable[[], Awaitable[bool]]
    redact: Callable[[str], str]
    observe: Observe | None

    @functools.cached_property
    def call_id(self) -> str:
        """The call's id in logs and for observers, made when somebody asks for it."""
        return f"{random.getrandbits(128):032x}"


async def generate(plan: Plan[ChatRequest]) -> Response:
    """Make the call and return the whole answer."""
    async with Call(plan) as call:
        response = await call.deadline.bound(call.attempts(functools.partial(plan.session.generate, plan.request)))
        call.response = _complete(plan, response)
        return call.response


class ChatStream:
    """The events of one answer, as they come: ``async for event in stream``.

    Use it as ``async with engine.stream(…) as stream`` where the loop may be left early: closing it stops the
    provider's work. ``response`` is what has come so far; it is whole once the loop has ended.
    """

    def __init__(self, planned: AbstractAsyncContextManager[Plan[ChatRequest]]) -> None:
        self._collector = Collector()
        self._plan: Plan[ChatRequest] | None = None
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

    async def _run(self, planned: AbstractAsyncContextManager[Plan[ChatRequest]]) -> AsyncGenerator[Event, None]:
        add = self._collector.add
        async with planned as plan, Call(plan) as call:
            self._plan = plan
            for report in plan.reports:
                yield Reported(report)
            deadline, begin, pause = call.deadline, call.deadline.begin, call.deadline.pause
            arrivals, events = await deadline.bound(call.attempts(functools.partial(_begin, plan)))
            call.has_begun()
            async with aclosing(arrivals):
                try:
                    while events is not None:
                        for event in events:
                            add(event)
                            yield event
                        begin()
                        events = await anext(arrivals, None)
                        pause()
                except asyncio.CancelledError:
                    deadline.raise_if_passed()
                    raise
                finally:
                    pause()
            call.response = self.response
            if self._collector.finished is None:
                raise ProtocolError("the answer ended without saying that it is complete")
            if call.response.usage.source == "estimated":
                yield UsageReported(call.response.usage)


_Arrivals = AsyncGenerator[Sequence[Event], None]


async def _begin(plan: Plan[ChatRequest]) -> tuple[_Arrivals, Sequence[Event] | None]:
    """Return the arrivals of one attempt, and the first of them; from then on nothing may be sent again."""
    arrivals = plan.session.arrivals(plan.request)
    return arrivals, await anext(arrivals, None)


def _complete(plan: Plan[ChatRequest], response: Response) -> Response:
    response.reports = (*plan.reports, *response.reports)
    response.adapter = plan.resolved.name
    response.provider = plan.resolved.target.provider
    response.upstream = plan.resolved.upstream
    if response.usage.source == "absent":
        response.usage = estimate_usage(plan.request, response)
    return response


# --- a call under way --------------------------------------------------------------------------------------------


class Call:
    """A call under way, as a context: it is observed, has its slot, and from then on its deadline.

    A call of several requests takes no slot for itself: each of its requests has one.
    """

    __slots__ = (
        "_attempts", "_first_event_s", "_plan", "_slots", "_started", "deadline", "response",
    )  # fmt: skip

    deadline: _Deadline

    def __init__(self, plan: Plan[Any], *, slots: AbstractAsyncContextManager[None] | None = None) -> None:
        self._plan = plan
        self._slots = plan.slots if slots is None else slots
        self._attempts = 0
        self._started = time.perf_counter()
        self._first_event_s: float | None = None
        self.response: Response | EmbedResponse | RerankResponse | None = None

    async def __aenter__(self) -> Self:
        self._tell("start")
        try:
            await self._slots.__aenter__()
        except BaseException as error:
            self._end(error)
            raise
        self.deadline = _Deadline(self._plan.resolved.settings.limits.timeout_s)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.deadline.close()
        await self._slots.__aexit__(kind, error, trace)
        self._end(error)

    def has_begun(self) -> None:
        """Take the time: the first event is there."""
        self._first_event_s = time.perf_counter() - self._started

    # --- attempts

    async def attempts(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what the first attempt that succeeds returns; raise the last one's error where none does."""
        made, has_reread = 0, False
        while True:
            made += 1
            self._attempts += 1
            try:
                return await attempt()
            except ProviderError as error:
                if error.stale_credentials and not has_reread:
                    has_reread = True
                    if await self._plan.reread_secrets() or error.credentials_dropped:
                        continue
                await self._wait_or_raise(error, made)

    async def _wait_or_raise(self, error: ProviderError, made: int) -> None:
        """Wait until the next attempt is due, or raise the error because there is none."""
        plan = self._plan
        delay = retry_delay_s(
            error,
            attempts_made=made,
            max_attempts=plan.resolved.settings.limits.max_attempts or 1,
            remaining_s=self.deadline.remaining_s(),
            random=random.random,
        )
        if delay is None:
            raise error
        logger.info("call %s: attempt %d failed (%s); again in %.1f s", plan.call_id, made, error.code, delay)
        await asyncio.sleep(delay)

    # --- observation

    def _end(self, error: BaseException | None) -> None:
        if isinstance(error, DragomanError):
            _finish_error(self._plan, error)
        self._tell("end" if error is None else "error" if isinstance(error, Exception) else "cancelled", error)

    def _tell(self, phase: Phase, error: BaseException | None = None) -> None:
        plan, response = self._plan, self.response
        if plan.observe is None:
            return
        target = plan.resolved.target
        plan.observe(
            CallObservation(
                phase=phase,
                call_id=plan.call_id,
                adapter=plan.resolved.name,
                provider=target.provider,
                model=target.model,
                operation=target.operation,
                attempts=self._attempts,
                duration_s=None if phase == "start" else time.perf_counter() - self._started,
                first_event_s=self._first_event_s,
                usage=response.usage if response else None,
                finish_reason=response.finish_reason if isinstance(response, Response) else None,
                error_code=getattr(error, "code", type(error).__name__) if phase == "error" else None,
                response_model=response.model if response else None,
                response_id=response.response_id if response else None,
            )
        )


# --- deadlines ---------------------------------------------------------------------------------------------------


class _Deadline:
    """The total deadline of a call: it interrupts what is bound by it, never a stream's consumer between two events.

    One timer for the whole call; a timeout around each event would cost more than decoding it.
    """

    __slots__ = ("_at", "_cancels_before", "_has_passed", "_limit_s", "_loop", "_timer", "_waiting")

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._waiting: asyncio.Task[Any] | None = None
        self._cancels_before: int | None = None
        self._has_passed = False
        self._loop = asyncio.get_running_loop()
        self._at = None if limit_s is None else self._loop.time() + limit_s
        self._timer = None if self._at is None else self._loop.call_at(self._at, self._pass)

    def remaining_s(self) -> float | None:
        """Return the seconds that are left; ``None`` where there is no deadline."""
        return None if self._at is None else max(0.0, self._at - self._loop.time())

    async def bound(self, work: Awaitable[T]) -> T:
        """Return what the work returns; raise where the deadline passes first, or has passed."""
        self.begin()
        try:
            return await work
        except asyncio.CancelledError:
            self.raise_if_passed()
            raise
        finally:
            self.pause()

    def begin(self) -> None:
        """Let the deadline interrupt what the running task waits for from here on; raise where it has passed."""
        if self._has_passed:
            raise self._error()
        self._waiting = asyncio.current_task(self._loop)  # to look the loop up costs more than all else here

    def pause(self) -> None:
        """Let the deadline interrupt nothing until the next :meth:`begin`."""
        self._waiting = None

    def raise_if_passed(self) -> None:
        """Raise the deadline's error in place of the cancellation that it caused; do nothing if others cancel, too."""
        task, before = self._waiting, self._cancels_before
        if before is not None and task is not None and task.uncancel() <= before:
            raise self._error() from None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        self._has_passed = True
        if self._waiting is not None:
            self._cancels_before = self._waiting.cancelling()
            self._waiting.cancel()

    def _error(self) -> CallTimeoutError:
        message = f"the call took longer than {self._limit_s:g} s"
        return CallTimeoutError(message, phase="total", hint="raise limits.timeout_s")


# --- errors ------------------------------------------------------------------------------------------------------


def _finish_error(plan: Plan[Any], error: DragomanError) -> None:
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


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """Return a value of JSON with every known secret value removed from its texts."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redacted(member, redact) for name, member in value.items()}
    return [redacted(item, redact) for item in value] if isinstance(value, list | tuple) else value
