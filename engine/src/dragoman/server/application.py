"""The ASGI application: opens what the doors need when the server starts, and closes it when it stops."""

from __future__ import annotations

import asyncio
import logging
from typing import BinaryIO

import orjson

from dragoman.adapter import Limits
from dragoman.engine import Engine, PrivilegedChange
from dragoman.errors import DragomanError
from dragoman.plugins import Plugins
from dragoman.provider import WireRequest
from dragoman.server.auditing import override_entry
from dragoman.server.authentication import Authenticator, KeysAndTokens, Loopback
from dragoman.server.exchange import JSON, Receive, Scope, Send
from dragoman.server.gateway import Gateway
from dragoman.server.logs import RequestLog
from dragoman.server.state import State
from dragoman.server.tokens import Tokens
from dragoman.server.tracing import Tracing
from dragoman.settings import Settings

logger = logging.getLogger("dragoman.server")

MAX_JWKS_BYTES = 1024 * 1024
JWKS_TIMEOUT_S = 10


class Application:
    """Serves a deployment. One per process; it belongs to the event loop that it is started on.

    Args:
        settings: The deployment's settings.
        no_auth: Whether whoever sits at this machine is an administrator, and nobody else gets in.
        requests_to: Where the lines of requests are written; ``None`` writes none.
        plugins: The plugins to use; ``None`` = all that are installed and allowed by the settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        no_auth: bool = False,
        requests_to: BinaryIO | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        self.settings = settings
        self.no_auth = no_auth
        self.engine = Engine(settings, plugins=plugins, audit=self._audit)
        self.state: State | None = None
        self.gateway: Gateway | None = None
        #: Why it did not start; ``None`` where it did, or has not tried.
        self.failure: DragomanError | None = None
        self._log = RequestLog(requests_to, self.redact)
        self._tracing: Tracing | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one of ASGI's connections."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            raise RuntimeError(f"{scope['type']} is not served")
        elif scope["path"] in ("/health", "/ready"):
            await self._tell_health(scope["path"], send)
        elif self.gateway is None:
            await _answer(send, 503, {"error": {"message": "the gateway starts or stops", "code": "unavailable"}})
        else:
            await self.gateway(scope, receive, send)

    async def open(self) -> None:
        """Open the state, read the adapters, and let requests in.

        Raises:
            DragomanError: The settings, the database or the journal cannot be used.
        """
        await self.engine.run_blocking(lambda: self.engine.secrets)
        self.state = await State.open(self.settings, self.engine.secrets)
        await self.state.attach(self.engine)
        if self.settings.telemetry.enabled:
            self._tracing = await self.engine.run_blocking(Tracing, self.settings.telemetry)
        self.gateway = Gateway(
            self.engine,
            self.state,
            self._authenticator(self.state),
            settings=self.settings.server,
            log=self._log,
            telemetry=self._tracing.telemetry if self._tracing else None,
        )

    async def aclose(self) -> None:
        """Let nobody in any more, and write and close everything."""
        self.gateway = None
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)
        await self.engine.aclose()
        if self.state is not None:
            await self.state.aclose()
        self._log.flush()

    async def has_keys(self) -> bool:
        """Return whether there is a key that lets somebody in."""
        keys = await self.state.keys.list() if self.state is not None else []
        return any(key.state == "active" for key in keys)

    def redact(self, text: str) -> str:
        """Return the text without any secret value that was read."""
        try:
            return self.engine.secrets.redact(text)
        except DragomanError:  # the sources cannot be set up, so nothing was read
            return text

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.open()
        except Exception as error:
            await self.aclose()
            self.failure = error if isinstance(error, DragomanError) else None
            logger.debug("the gateway does not start", exc_info=error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _tell_health(self, path: str, send: Send) -> None:
        """Say that the process lives (``/health``), or that it takes calls (``/ready``); no more than that.

        While the database is away calls are taken all the same: then it is ``degraded``, and ``/api/health`` says why.
        """
        if path == "/health":
            await _answer(send, 200, {"status": "ok"})
            return
        state = self.state if self.gateway is not None else None
        if state is None or state.ledger.unbookable is not None:
            await _answer(send, 503, {"status": "unavailable"})
            return
        await _answer(send, 200, {"status": "ok" if state.is_well else "degraded"})

    def _authenticator(self, state: State) -> Authenticator:
        if self.no_auth:
            return Loopback()
        server = self.settings.server
        tokens = Tokens(server.issuers, self._read_keys) if server.issuers else None
        return KeysAndTokens(state.keys, tokens, server.trusted_proxies)

    async def _read_keys(self, url: str) -> bytes:
        """Read an issuer's keys."""
        transport = await self.engine.transport()
        body = b""
        async with asyncio.timeout(JWKS_TIMEOUT_S), transport.stream(WireRequest("GET", url, {}), Limits()) as answer:
            reply, pieces = answer
            async for piece in pieces:
                body += piece
                if len(body) > MAX_JWKS_BYTES:
                    raise ValueError(f"there are more than {MAX_JWKS_BYTES} bytes")
        if reply.status != 200:
            raise ValueError(f"status {reply.status}")
        return body

    async def _audit(self, change: PrivilegedChange) -> None:
        if self.state is None:
            return
        await self.state.audit.append(override_entry(change, self.engine.plugins))


async def _answer(send: Send, status: int, body: object) -> None:
    data = orjson.dumps(body)
    headers = [JSON, (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data, "more_body": False})
