"""aiohttp's client session, as calls to models need it."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Mapping
from typing import Any, TypeGuard

from aiohttp import BytesPayload, ClientRequest, ClientResponse, ClientSession, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

#: An idle connection is kept this long. Load balancers in front of providers keep theirs for 60 s and more; servers
#: that close earlier are noticed.
KEEP_ALIVE_S = 30.0
#: A longer body is written piece by piece, as the server takes it.
MAX_BYTES_AT_ONCE = 64 * 1024


def client_session(
    *, resolver: AbstractResolver | None, use_dns_cache: bool, headers: Mapping[str, str]
) -> ClientSession:
    """Return a session for the running loop: no cookies, nothing from the environment, any number of connections."""
    connector = TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, resolver=resolver, use_dns_cache=use_dns_cache)
    # Not public. Where a release of aiohttp knows it no more, streams cost what they did, and nothing else changes.
    handler: type[ResponseHandler] = _ResponseHandler
    connector._factory = functools.partial(handler, loop=asyncio.get_running_loop())
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        headers=headers,
        trust_env=False,
        request_class=_Request if sys.version_info < (3, 12) else ClientRequest,
    )


class _ResponseHandler(ResponseHandler):
    """One connection, which resumes reading only where it was paused.

    aiohttp resumes it with every HTTP chunk that it hands out, and runs the parser each time: with chunks that arrive
    together that is 7 % of a stream's CPU time (aiohttp 3.14, Python 3.11).
    """

    _was_paused = False

    def pause_reading(self) -> None:
        self._was_paused = True
        super().pause_reading()

    def resume_reading(self, *arguments: Any, **named: Any) -> None:
        if self._was_paused:
            self._was_paused = False
            super().resume_reading(*arguments, **named)


class _Request(ClientRequest):
    """A request whose body, where it is short, goes out right behind its head.

    Before Python 3.12 aiohttp makes a task for every body: 8 % of a request's CPU time (aiohttp 3.14).
    """

    async def send(self, conn: Connection) -> ClientResponse:
        """Write the request."""
        body = getattr(self, "_body", None)  # not public: where a release knows it no more, the task is back
        protocol = conn.protocol
        transport = None if protocol is None else protocol.transport
        if protocol is None or transport is None or transport.is_closing() or not self._is_short(body):
            return await super().send(conn)
        head = _Head()
        self._body, protocol.transport = None, head  # type: ignore[assignment]
        try:
            response = await super().send(conn)
        finally:
            self._body, protocol.transport = body, transport
        transport.write(head.written + await body.as_bytes())
        return response

    def _is_short(self, body: object) -> TypeGuard[BytesPayload]:
        is_plain = not self.chunked and not self.compress and not self._continue
        return is_plain and isinstance(body, BytesPayload) and (body.size or 0) <= MAX_BYTES_AT_ONCE


class _Head:
    """Stands in for a transport while a request's head is written, so that the body goes out with it."""

    written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return False
