"""Work that repeats in the background until it is asked to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

#: Seconds that stopping waits for what is under way; then it is interrupted, wherever it is.
PATIENCE_S = 5.0


class Repeating:
    """One piece of work, again and again, with a pause between two times.

    Stopping ends a pause at once and lets work end by itself: a transaction is not torn, and no half-open connection
    is left behind. The work deals with its own errors.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], interval_s: float) -> None:
        self._name = name
        self._work = work
        self._interval_s = interval_s
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, *, at_once: bool = False) -> None:
        """Begin, with a pause unless ``at_once``."""
        self._task = asyncio.create_task(self._run(at_once), name=self._name)

    @property
    def is_stopping(self) -> bool:
        """Whether work that goes on for longer should come to its end."""
        return self._stop.is_set()

    async def aclose(self) -> None:
        """Stop."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=PATIENCE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, at_once: bool) -> None:
        if at_once:
            await self._work()
        while not self.is_stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._stop.wait()
                    return
            await self._work()
