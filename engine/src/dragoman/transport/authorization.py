"""Credentials: acquired once for any number of callers, kept until shortly before they expire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass

from dragoman.errors import CallTimeoutError, DragomanError
from dragoman.provider import Authorizer, Credentials

#: One acquire may take this long. The callers' own deadlines cannot bound it: those who join later would keep a
#: stalled one alive. Token commands are the slowest known kind, up to about 10 s.
ACQUIRE_TIMEOUT_S = 60.0

#: From here on before the expiry one caller refreshes, while the others still use what is held.
REFRESH_AHEAD_S = 300.0
#: From here on before the expiry everybody waits for the new ones.
MUST_REFRESH_AHEAD_S = 60.0
#: Both are cut to this share of the credentials' life, so that short-lived ones are not refreshed at each call.
REFRESH_AHEAD_SHARE = 0.2
MUST_REFRESH_AHEAD_SHARE = 0.05

#: After a refresh ahead of need has failed, the next one waits this long.
REFRESH_AGAIN_S = 10.0


@dataclass(slots=True)
class _Held:
    """Credentials with the wall-clock times, in seconds, from which they may and must be refreshed."""

    credentials: Credentials
    may_refresh_at_s: float
    must_refresh_at_s: float


class _Flight:
    """One acquire under way on one event loop, and how many wait for it."""

    __slots__ = ("task", "waiting")

    task: asyncio.Task[Credentials]

    def __init__(self) -> None:
        self.waiting = 0


class CredentialCache:
    """Credentials by the identity of their authorizer.

    Values are shared by all event loops and threads of the process; an acquire belongs to the loop that asked, so two
    loops may acquire the same credentials at the same time. Credentials without an expiry are acquired for each call
    and not kept. A failed acquire is not kept either.
    """

    def __init__(self, *, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._held: dict[Hashable, _Held] = {}
        self._not_kept: set[Hashable] = set()
        self._flights: dict[tuple[asyncio.AbstractEventLoop, Hashable], _Flight] = {}
        #: Credentials with an expiry that were acquired, and failed attempts; keys that are looked up do not count.
        self.acquired = 0
        self.failed = 0

    async def get(self, authorizer: Authorizer) -> Credentials:
        """Return credentials that are valid now; raise what the authorizer raises, or a time-out after 60 s."""
        identity = authorizer.identity
        held = self._held.get(identity)
        if held is None:
            if identity in self._not_kept:  # the usual case, an API key: no task, no waiting
                return self._keep(identity, await authorizer.acquire())
            return await self._join(identity, authorizer)
        now_s = self._now_s()
        if now_s < held.may_refresh_at_s:
            return held.credentials
        if now_s >= held.must_refresh_at_s:
            return await self._join(identity, authorizer)
        return await self._refresh_ahead(identity, authorizer, held)

    def forget(self, authorizer: Authorizer, credentials: Credentials | None = None) -> None:
        """Drop the credentials of an authorizer, so that the next call acquires new ones.

        Args:
            authorizer: Whose credentials.
            credentials: Those that were refused: they are dropped only while they are still the ones held, so that
                many calls refused at once cause one acquire. ``None`` = drop whatever is held or under way.
        """
        identity = authorizer.identity
        held = self._held.get(identity)
        if credentials is None:
            for key in [key for key in list(self._flights) if key[1] == identity]:
                self._flights.pop(key, None)
            self._held.pop(identity, None)
        elif held is not None and held.credentials is credentials:
            self._held.pop(identity, None)

    async def _refresh_ahead(self, identity: Hashable, authorizer: Authorizer, held: _Held) -> Credentials:
        if (asyncio.get_running_loop(), identity) in self._flights:
            return held.credentials
        try:
            return await self._join(identity, authorizer)
        except Exception:  # noqa: BLE001  (whatever a plugin raises here, the credentials that are held still work)
            held.may_refresh_at_s = min(self._now_s() + REFRESH_AGAIN_S, held.must_refresh_at_s)
            return held.credentials

    async def _join(self, identity: Hashable, authorizer: Authorizer) -> Credentials:
        """Wait for the acquire under way, or start it. A waiter that is cancelled leaves it to the others."""
        loop = asyncio.get_running_loop()
        key = (loop, identity)
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.task = loop.create_task(self._fly(flight, key, authorizer))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except DragomanError as error:
            # Each waiter raises its own: the engine writes the call's provider and model into it.
            raise copy(error) from None
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._retire(flight, key)
                flight.task.cancel()

    async def _fly(
        self, flight: _Flight, key: tuple[asyncio.AbstractEventLoop, Hashable], authorizer: Authorizer
    ) -> Credentials:
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S) as deadline:
                credentials = await authorizer.acquire()
            self.acquired += credentials.expires_at_s is not None
            if self._flights.get(key) is not flight:  # forgotten meanwhile: good for those who wait, not for keeping
                return credentials
            return self._keep(key[1], credentials)
        except Exception as error:
            self.failed += 1
            if not isinstance(error, TimeoutError) or not deadline.expired():
                raise
            raise CallTimeoutError(
                f"credentials could not be obtained within {ACQUIRE_TIMEOUT_S:g} s", phase="total"
            ) from None
        finally:
            self._retire(flight, key)

    def _retire(self, flight: _Flight, key: tuple[asyncio.AbstractEventLoop, Hashable]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _keep(self, identity: Hashable, credentials: Credentials) -> Credentials:
        expires_at_s = credentials.expires_at_s
        if expires_at_s is None:
            self._held.pop(identity, None)
            self._not_kept.add(identity)
            return credentials
        life_s = max(0.0, expires_at_s - self._now_s())
        self._held[identity] = _Held(
            credentials,
            expires_at_s - min(REFRESH_AHEAD_S, life_s * REFRESH_AHEAD_SHARE),
            expires_at_s - min(MUST_REFRESH_AHEAD_S, life_s * MUST_REFRESH_AHEAD_SHARE),
        )
        return credentials
