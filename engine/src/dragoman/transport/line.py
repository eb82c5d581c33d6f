"""One target's line: signs a request with the authorizer's credentials, and says what a refusal means."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dragoman.adapter import Limits
from dragoman.errors import ProviderError, error_class_for_status
from dragoman.provider import Authorizer, Credentials, Tls, WireReply, WireRequest
from dragoman.transport.authorization import CredentialCache
from dragoman.transport.pool import TransportPool
from dragoman.transport.retry import retry_after_s
from dragoman.transport.tracing import outgoing_trace

if TYPE_CHECKING:
    from dragoman.transport.http import Transport

ReadError = Callable[[WireReply], ProviderError]


class Line:
    """What every session over the engine's transport shares.

    Credentials that the provider refuses are dropped from the cache, so that the next attempt acquires new ones.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        pool: TransportPool,
        credentials: CredentialCache,
        *,
        tls: Tls | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        self._tls = tls
        self._authorizer = authorizer
        self._credentials = credentials
        self._now_s = now_s

    async def transport(self) -> Transport:
        """Return the running loop's transport, by the target's certificates where it has some."""
        return await self._pool.transport(self._tls)

    async def signed(self, wire: WireRequest) -> tuple[WireRequest, Credentials]:
        """Return the request with its credentials, and the credentials."""
        credentials = await self._credentials.get(self._authorizer)
        signed = self._authorizer.sign(wire, credentials)
        trace = outgoing_trace.get()
        return (signed if trace is None else trace.added_to(signed)), credentials

    async def send(self, wire: WireRequest, limits: Limits, read_error: ReadError) -> WireReply:
        """Sign and send a request and return its 2xx reply whole; raise the error of any other."""
        signed, credentials = await self.signed(wire)
        reply = await (await self.transport()).send(signed, limits)
        if not 200 <= reply.status < 300:
            raise self.refusal(reply, credentials, read_error)
        return reply

    def masked(self, wire: WireRequest) -> WireRequest:
        """Return the request with credentials that hold no secret."""
        return self._authorizer.sign(wire, self._authorizer.placeholder())

    def refusal(self, reply: WireReply, credentials: Credentials, read_error: ReadError) -> ProviderError:
        """Return the error of a reply outside 2xx."""
        try:
            error = read_error(reply)
        except Exception:  # noqa: BLE001  (a body that the codec cannot read must not hide the status)
            error = error_class_for_status(reply.status)(f"the provider answered {reply.status}", status=reply.status)
        if error.retry_after_s is None:
            error.retry_after_s = retry_after_s(reply.headers, now_s=self._now_s())
        if error.stale_credentials:
            self._credentials.forget(self._authorizer, credentials)
            error.credentials_dropped = credentials.expires_at_s is not None
        return error
