"""Threads for blocking clients: a bounded number, of the session's own, that keep neither caller nor process waiting.

A thread lives for one call. It is a daemon: a client that hangs for a minute does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import itertools
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Generic, TypeVar

#: Calls at a time of one session. Callers beyond it wait for a thread to end.
MAX_THREADS = 64
#: Chunks that a thread may be ahead of its reader.
MAX_CHUNKS_AHEAD = 64

THREAD_NAME = "dragoman-langchain"

T = TypeVar("T")


class Threads:
    """Runs blocking calls for the event loop that uses it first.

    Cancelling a caller frees it at once. Its thread runs on until the call comes back, and counts among
    :data:`MAX_THREADS` until then; a stream's thread stops at its next chunk.
    """

    def __init__(self, size: int = MAX_THREADS) -> None:
        self._free = asyncio.Semaphore(size)
        self._numbers = itertools.count(1)

    async def run(self, function: Callable[[], T]) -> T:
        """Return what a blocking function returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = function()
            except StopIteration:  # a future takes any error but this one
                _tell(loop, functools.partial(_settle, future, error=RuntimeError("the call raised StopIteration")))
            except BaseException as error:  # noqa: BLE001  (the caller must hear of it)
                _tell(loop, functools.partial(_settle, future, error=error))
            else:
                _tell(loop, functools.partial(_settle, future, result=result))

        await self._start(work)
        return await future

    async def iterate(self, function: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
        """Yield what a blocking iterator yields; closing the generator closes the iterator at its next item."""
        pipe: _Pipe[T] = _Pipe(asyncio.get_running_loop())
        await self._start(functools.partial(pipe.pump, function))
        try:
            while await pipe.has_more():
                yield pipe.take()
        finally:
            pipe.stop()

    async def _start(self, work: Callable[[], None]) -> None:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()

        def run() -> None:
            try:
                context.run(work)
            finally:
                _tell(loop, self._free.release)

        thread = threading.Thread(target=run, name=f"{THREAD_NAME}-{next(self._numbers)}", daemon=True)
        try:
            thread.start()
        except BaseException:
            self._free.release()
            raise


class _Pipe(Generic[T]):
    """Carries a thread's items to a loop; the thread waits where the reader is too far behind."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[T] = deque()
        self._arrived = asyncio.Event()
        self._room = threading.Semaphore(MAX_CHUNKS_AHEAD)
        self._stopped = False
        self._ended = False
        self._error: BaseException | None = None

    # --- on the loop ---------------------------------------------------------------------------------------------

    async def has_more(self) -> bool:
        """Wait for the next item, the end or an error, which is raised after the items before it."""
        while not self._items and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        if self._items:
            return True
        if self._error is not None:
            raise self._error
        return False

    def take(self) -> T:
        self._room.release()
        return self._items.popleft()

    def stop(self) -> None:
        self._stopped = True
        self._room.release()

    def _arrive(self, item: T) -> None:
        self._items.append(item)
        self._arrived.set()

    def _end(self, error: BaseException | None) -> None:
        self._error, self._ended = error, True
        self._arrived.set()

    # --- in the thread -------------------------------------------------------------------------------------------

    def pump(self, function: Callable[[], Iterator[T]]) -> None:
        try:
            items = function()
            for item in items:
                self._room.acquire()
                if self._stopped or not _tell(self._loop, functools.partial(self._arrive, item)):
                    break
            if close := getattr(items, "close", None):
                close()
        except BaseException as error:  # noqa: BLE001  (the reader must hear of it)
            _tell(self._loop, functools.partial(self._end, error))
        else:
            _tell(self._loop, functools.partial(self._end, None))


def _settle(future: asyncio.Future[Any], *, result: Any = None, error: BaseException | None = None) -> None:
    if future.done():  # the caller did not wait
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> bool:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return False
    return True
