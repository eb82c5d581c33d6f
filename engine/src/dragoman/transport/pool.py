"""One transport per running event loop, closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dragoman.provider import Tls
from dragoman.settings import AllowedHost
from dragoman.transport.tls import RunBlocking, TlsContexts

if TYPE_CHECKING:
    from dragoman.transport.http import Transport


class _Open(NamedTuple):
    transport: Transport
    lifetime: AsyncGenerator[None, None]


class TransportPool:
    """Hands out the transport of the running event loop and makes it at the first call.

    A transport is closed by :meth:`aclose`; by the end of ``asyncio.run``, and of anything else that ends a loop with
    ``loop.shutdown_asyncgens()``; and, if the pool itself is dropped, by its loop.

    Args:
        allowed: Where its transports may connect to beside the public internet; ``None`` = anywhere, unchecked.
        run_blocking: Runs what reads certificates off the event loop.
    """

    def __init__(
        self, *, allowed: Sequence[AllowedHost] | None = None, run_blocking: RunBlocking = asyncio.to_thread
    ) -> None:
        self._open: dict[asyncio.AbstractEventLoop, _Open] = {}
        self._allowed = allowed
        self._contexts = TlsContexts(run_blocking)

    async def transport(self, tls: Tls | None = None) -> Transport:
        """Return the running loop's transport; with ``tls`` one whose connections are made by it.

        Raises:
            DocumentError: A file that ``tls`` names cannot be used.
        """
        known = self._open.get(asyncio.get_running_loop())
        transport = known.transport if known else await self._make()
        return transport if tls is None else transport.with_tls(await self._contexts.get(tls))

    async def aclose(self) -> None:
        """Close the running loop's transport, if there is one; those of other loops are left alone."""
        if known := self._open.pop(asyncio.get_running_loop(), None):
            await known.lifetime.aclose()

    def leave(self) -> None:
        """Have every loop close its transport, called from any thread, when an engine is dropped unclosed."""
        for loop, known in list(self._open.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_close_on, loop, known.lifetime)
        self._open.clear()

    async def _make(self) -> Transport:
        # Importing the HTTP client takes 100 ms, so not before the first call.
        from dragoman.transport.addresses import AddressCheck
        from dragoman.transport.http import Transport

        for closed in [loop for loop in list(self._open) if loop.is_closed()]:
            self._open.pop(closed, None)
        transport = Transport(check=None if self._allowed is None else AddressCheck(self._allowed))
        lifetime = _lifetime(transport)
        self._open[asyncio.get_running_loop()] = _Open(transport, lifetime)
        await anext(lifetime)  # from here on the loop knows it
        return transport


def _close_on(loop: asyncio.AbstractEventLoop, lifetime: AsyncGenerator[None, None]) -> None:
    closing = loop.create_task(lifetime.aclose())
    _CLOSING.add(closing)
    closing.add_done_callback(_CLOSING.discard)


#: A loop holds its tasks weakly.
_CLOSING: set[asyncio.Task[None]] = set()


async def _lifetime(transport: Transport) -> AsyncGenerator[None, None]:
    """Hold the transport open until this generator is closed, which a loop does to all it knows when it ends.

    It does not know the pool: so both go when the pool is dropped, and the loop closes what they held.
    """
    try:
        yield
    finally:
        await transport.aclose()
