"""One call through a door: the client is watched, and whatever happens is booked once."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dragoman.adapter import Operation
from dragoman.errors import DragomanError, PolicyError
from dragoman.events import NO_USAGE, Usage
from dragoman.policy import Caller
from dragoman.provider import CallObservation
from dragoman.resolve import Resolved
from dragoman.server.auditing import audit_refusal
from dragoman.server.exchange import ClientGoneError, Exchange
from dragoman.server.metrics import Labels, Metrics
from dragoman.server.notices import Notices
from dragoman.server.refusals import Refusal, refusal_of
from dragoman.server.state import CallRecord, State, cost_of

if TYPE_CHECKING:
    from dragoman.telemetry import CallSpan, Telemetry

logger = logging.getLogger("dragoman.server")

UNSAVED = "(unsaved)"
#: What is booked where there is no answer any more that a status could be sent with; nginx's word for it.
CLIENT_GONE = 499


class Call:
    """A call, as a context around all of it: from the body's first byte to the answer's last.

    ``resolved`` is what :meth:`begin` was given; ``usage`` says what was used so far, whenever it is asked, from the
    answer's first piece on; ``sent`` what a call used at least that its client gave up before. ``part`` tells it apart
    where one request makes several calls, ``after_s`` how long after the request's arrival it began.
    """

    __slots__ = (
        "_attempts", "_caller", "_exchange", "_is_booked", "_is_gone", "_labels", "_metrics", "_notices", "_operation",
        "_span", "_state", "_telemetry", "after_s", "first_token_s", "part", "resolved", "sent", "usage",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        caller: Caller,
        operation: Operation,
        *,
        state: State,
        metrics: Metrics,
        notices: Notices,
        telemetry: Telemetry | None,
    ) -> None:
        self._exchange = exchange
        self._caller = caller
        self._operation: Operation = operation
        self._state = state
        self._metrics = metrics
        self._notices = notices
        self._telemetry = telemetry
        self._span: CallSpan | None = None
        self._labels: Labels | None = None
        self._is_gone = False
        self._is_booked = False
        self._attempts = 0
        self.resolved: Resolved | None = None
        self.first_token_s: float | None = None
        self.part: str | None = None
        self.after_s = 0.0
        self.usage: Callable[[], Usage] | None = None
        self.sent: Callable[[], Usage] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exchange.when_gone(None, self.part)
        if error is None:
            return
        if not isinstance(error, Exception) and self.usage is None and self._attempts:
            self.usage = self.sent  # the provider was at work; what it had read is known at least
        if self._is_gone or isinstance(error, ClientGoneError):
            self.book(CLIENT_GONE, "client_gone")
            if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) is not None:
                task.uncancel()
            raise ClientGoneError from None
        if not isinstance(error, Exception):
            self.book(CLIENT_GONE, "shutdown")
            return
        refusal = refusal_of(error, self._caller.role)
        self.tell(error, refusal)
        self.book(self._exchange.status or refusal.status, refusal.code)
        if isinstance(error, PolicyError):
            request_id = self._exchange.request_id
            await audit_refusal(self._state, self._caller, error, action="call.override", request_id=request_id)
        raise refusal from error

    def begin(self, resolved: Resolved, *, is_saved: bool) -> Resolved:
        """Take what is called, and return it.

        Args:
            resolved: The adapter with all that the caller adds.
            is_saved: Whether its name is one of the catalogue's; another one is the caller's own and no label.

        Raises:
            Refusal: It has terms that the caller must accept first.
        """
        self.resolved = resolved
        self._exchange.adapter = resolved.name
        name = (resolved.name if is_saved else None) or UNSAVED
        self._labels = (name, resolved.target.provider, self._operation)
        self._metrics.begun(self._labels)
        self._notices.check(self._caller, resolved)
        return resolved

    def watch_client(self) -> None:
        """From here on, cancel the call as soon as its client goes away. The body must have been read."""
        task = asyncio.current_task()
        if task is not None:
            self._exchange.when_gone(functools.partial(self._leave, task), self.part)

    def _leave(self, task: asyncio.Task[object]) -> None:
        self._is_gone = True
        task.cancel()

    def observe(self, call: CallObservation) -> None:
        """Take the number of attempts from what the engine tells, and let the call's span begin and end."""
        self._attempts = call.attempts
        if self._telemetry is not None:
            self._trace(call, self._telemetry)

    def _trace(self, call: CallObservation, telemetry: Telemetry) -> None:
        exchange = self._exchange
        if self._span is None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.headers.items()}
            about = {"dragoman.request_id": exchange.request_id}
            if self._caller.project is not None:
                about["dragoman.project"] = self._caller.project
            self._span = telemetry.observer(headers, about)
        self._span(call)
        exchange.trace_id = self._span.trace_id

    def has_begun(self) -> None:
        """Take the time: the first piece of the answer is there."""
        self.first_token_s = self._exchange.duration_s

    def tell(self, error: Exception, refusal: Refusal) -> None:
        """Write into the log what went wrong, in full where it is not the caller's doing."""
        if refusal.status >= 500 and not isinstance(error, DragomanError | Refusal):
            logger.error("request %s failed", self._exchange.request_id, exc_info=error)
        elif refusal.status >= 500 or str(error) != refusal.message:
            logger.warning("request %s: %s: %s", self._exchange.request_id, refusal.code, error)

    def book(self, status: int, error_code: str | None = None) -> None:
        """Write the call into the ledger and the figures; a second time does nothing."""
        if self._is_booked:
            return
        self._is_booked = True
        self._exchange.when_gone(None, self.part)
        exchange, resolved, caller = self._exchange, self.resolved, self._caller
        exchange.error_code = error_code
        usage = self.usage() if self.usage is not None else NO_USAGE
        cost = cost_of(usage, resolved.adapter.pricing) if resolved is not None else None
        target = resolved.target if resolved is not None else None
        duration_s = exchange.duration_s - self.after_s
        record = CallRecord(
            call_id=f"{exchange.request_id}.{self.part}" if self.part else exchange.request_id,
            at=exchange.started_at + self.after_s,
            principal=caller.name,
            operation=self._operation,
            duration_s=duration_s,
            status=status,
            key_id=caller.key_id,
            project=caller.project,
            adapter=resolved.name if resolved else None,
            adapter_digest=resolved.digest if resolved else None,
            upstream=resolved.upstream if resolved else None,
            provider=target.provider if target else None,
            model=target.model if target else None,
            base_model=target.base_model if target else None,
            tags=resolved.adapter.tags if resolved else None,
            usage=usage,
            cost=cost.amount if cost else None,
            currency=cost.currency if cost else None,
            first_token_s=self.first_token_s,
            error_code=error_code,
            attempts=self._attempts,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )
        self._state.ledger.append(record)
        if self._labels is not None:
            self._metrics.left(self._labels)
        self._metrics.ended(
            self._labels or (UNSAVED, "", self._operation),
            status=status,
            error_code=error_code,
            duration_s=duration_s,
            first_token_s=self.first_token_s,
            attempts=self._attempts,
            usage=usage,
        )

    async def settled(self) -> None:
        """Wait until the booking is on the disk, where the deployment asks for it."""
        await self._state.ledger.synced()
