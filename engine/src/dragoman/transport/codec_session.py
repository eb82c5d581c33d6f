"""The session that drives a codec: encode, sign, send, cut into frames, decode."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable

from dragoman.errors import CallTimeoutError, ConnectionFailedError, ProviderError, error_class_for_status
from dragoman.events import Event, Report, Reported, Response
from dragoman.provider import Authorizer, ChatRequest, Codec, Credentials, Session, Tls, WireReply, WireRequest
from dragoman.transport.authorization import CredentialCache
from dragoman.transport.decoding import Decoding, reading
from dragoman.transport.framing import framing_for
from dragoman.transport.pool import TransportPool
from dragoman.transport.retry import retry_after_s

BROKEN_AFTER_FINISH = Report(
    "broken_after_finish",
    "the connection broke after the answer was complete; figures that would have followed may be missing",
)


class CodecSession(Session):
    """Drives a codec over the transport of the running event loop; one attempt per call.

    Credentials that the provider refuses are dropped from the cache, so that the next attempt acquires new ones.
    """

    def __init__(
        self,
        codec: Codec,
        authorizer: Authorizer,
        pool: TransportPool,
        credentials: CredentialCache,
        *,
        tls: Tls | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._codec = codec
        self._authorizer = authorizer
        self._pool = pool
        self._credentials = credentials
        self._tls = tls
        self._now_s = now_s

    async def generate(self, request: ChatRequest) -> Response:
        """Return the whole answer, asked for as a whole."""
        wire, credentials = await self._signed(request)
        transport = await self._pool.transport(self._tls)
        reply = await transport.send(wire, request.settings.limits)
        if not 200 <= reply.status < 300:
            raise self._refusal(reply, credentials)
        return reading(reply, self._codec.decode, request, reply)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield the answer's events as they arrive; closing the generator closes the connection."""
        wire, credentials = await self._signed(request)
        transport = await self._pool.transport(self._tls)
        async with transport.stream(wire, request.settings.limits) as (reply, pieces):
            if not 200 <= reply.status < 300:
                raise self._refusal(reply, credentials)
            decoder = reading(reply, self._codec.decode_stream, request, reply)
            decoding = Decoding(framing_for(self._codec.framing), decoder, reply)
            broken = False
            try:
                async for piece in pieces:
                    for event in decoding.feed(piece):
                        yield event
            except (ConnectionFailedError, CallTimeoutError):
                if not decoding.is_complete:
                    raise
                broken = True
            for event in decoding.end(broken=broken):
                yield event
            if broken:
                yield Reported(BROKEN_AFTER_FINISH)

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        """Return the exact request with its credentials masked, and send nothing."""
        return self._authorizer.sign(self._codec.encode(request), self._authorizer.placeholder())

    async def _signed(self, request: ChatRequest) -> tuple[WireRequest, Credentials]:
        wire = self._codec.encode(request)
        credentials = await self._credentials.get(self._authorizer)
        return self._authorizer.sign(wire, credentials), credentials

    def _refusal(self, reply: WireReply, credentials: Credentials) -> ProviderError:
        try:
            error = self._codec.error(reply)
        except Exception:  # noqa: BLE001  (a body that the codec cannot read must not hide the status)
            error = error_class_for_status(reply.status)(f"the provider answered {reply.status}", status=reply.status)
        if error.retry_after_s is None:
            error.retry_after_s = retry_after_s(reply.headers, now_s=self._now_s())
        if error.stale_credentials:
            self._credentials.forget(self._authorizer, credentials)
            error.credentials_dropped = credentials.expires_at_s is not None
        return error
