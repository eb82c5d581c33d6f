"""HTTP over aiohttp. Importing this module imports aiohttp, about 100 ms: only the pool does it, at the first call.

A transport with an :class:`~dragoman.transport.addresses.AddressCheck` is for addresses that an API caller had a hand
in; its connections are its own.

Deadlines of one attempt (the total, around all attempts, is the engine's):

- *connect*: until the connection stands, name resolution and TLS included. A kept-alive connection costs none.
- *first byte*: from the start of the attempt until the answer begins: for :meth:`Transport.send` its headers, for
  :meth:`Transport.stream` the first piece of its body, because servers send the headers at once and then think.
- *between chunks*: from then on, between two arrivals of bytes on the socket; the answer of ``send`` included.

A body that the server cuts short is a :class:`~dragoman.errors.ConnectionFailedError`: the connection broke, and the
engine may try again as long as no event was handed out. An answer that is complete as HTTP but not as an answer is a
protocol error, and the session's to find.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from copy import copy
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aiohttp import BytesPayload, ClientError, ClientResponse, ClientSession, ClientTimeout, InvalidURL
from aiohttp.abc import AbstractResolver
from yarl import URL

from dragoman.adapter import Limits
from dragoman.errors import ProtocolError, ProviderError
from dragoman.provider import WireReply, WireRequest
from dragoman.transport.addresses import AddressCheck, CheckedResolver
from dragoman.transport.client import client_session
from dragoman.transport.faults import translate

#: The longest whole answer, decompressed. Streams have no bound but that of their frames.
MAX_BODY_BYTES = 64 * 1024 * 1024
#: What is read of the body of an answer outside 2xx; the rest says no more.
MAX_ERROR_BODY_BYTES = 1024 * 1024

#: aiohttp warns about a larger body in one piece, and sends a file in several.
_MAX_BYTES_IN_ONE_PIECE = 1024 * 1024

_DEFAULT_PORTS = {"http": 80, "https": 443}

_FAILURES = (ClientError, OSError, RuntimeError, ValueError)


class Transport:
    """One HTTP client session, for the event loop that it is made on.

    No environment variable changes where a request goes; no cookie is kept, no redirect followed, nothing retried.

    Args:
        max_body_bytes: The longest whole answer.
        check: Decides where calls may go; ``None`` = anywhere.
        resolver: Resolves names; ``None`` = the operating system.
    """

    def __init__(
        self,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        check: AddressCheck | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self._check = check
        self._tls: ssl.SSLContext | None = None
        self._resolver = resolver if check is None else CheckedResolver(check, resolver)
        self._session = client_session(
            resolver=self._resolver, use_dns_cache=check is None, headers={"User-Agent": user_agent()}
        )

    def with_tls(self, context: ssl.SSLContext) -> Transport:
        """Return a transport that trusts and shows the certificates of this context; it is closed with this one."""
        other = copy(self)
        other._tls = context
        return other

    async def send(self, request: WireRequest, limits: Limits) -> WireReply:
        """Send one request and return the whole answer, whatever its status.

        Of an answer outside 2xx the beginning of the body counts as the whole, also where the rest never came.

        Raises:
            ConnectionFailedError: There was no connection, or it broke.
            CallTimeoutError: One of the deadlines passed.
            ProtocolError: The answer is not HTTP, or longer than the bound.
            InvalidRequestError: The request cannot be written as HTTP; nothing was sent.
            AddressRefusedError: The address may not be called; nothing was sent.
        """
        exchange = self._exchange(request, limits)
        try:
            return await exchange.whole(self._max_body_bytes)
        finally:
            exchange.close()

    def stream(
        self, request: WireRequest, limits: Limits
    ) -> AbstractAsyncContextManager[tuple[WireReply, AsyncIterator[bytes]]]:
        """Return a context that sends one request and gives the answer's head and its body in pieces, as they arrive.

        The head of an answer outside 2xx holds its body, and no pieces follow. Leaving the context before the answer
        has come to its end closes the connection. Raises as :meth:`send` does, on entering and between pieces.
        """
        return self._exchange(request, limits)

    async def aclose(self) -> None:
        """Close all connections, those in use included."""
        await self._session.close()
        if self._resolver is not None:  # the HTTP client closes only what it made
            await self._resolver.close()

    def _exchange(self, request: WireRequest, limits: Limits) -> _Exchange:
        return _Exchange(self._session, request, limits, self._check, self._tls)


class _Exchange:
    """One request and its answer on the wire; as an iterator, the pieces of the answer's body."""

    __slots__ = ("_check", "_first_piece", "_limits", "_request", "_response", "_session", "_tls")

    def __init__(
        self,
        session: ClientSession,
        request: WireRequest,
        limits: Limits,
        check: AddressCheck | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._session = session
        self._check = check
        self._tls = tls
        self._request = request
        self._limits = limits
        self._response: ClientResponse | None = None
        self._first_piece = b""

    async def whole(self, max_body_bytes: int) -> WireReply:
        """Return the head and the body."""
        response = await self._begin(self._head)
        self._expect_pieces(response)
        read = self._body(max_body_bytes) if _is_success(response) else self._error_body()
        return WireReply(response.status, _headers_of(response), await read)

    async def __aenter__(self) -> tuple[WireReply, AsyncIterator[bytes]]:
        try:
            response = await self._begin(self._head_and_first_piece)
            self._expect_pieces(response)
            if _is_success(response):
                return WireReply(response.status, _headers_of(response)), self
            body = await self._error_body()
            self.close()
            return WireReply(response.status, _headers_of(response), body), self
        except BaseException:
            self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if piece := self._first_piece:
            self._first_piece = b""
            return piece
        if self._response is None:
            raise StopAsyncIteration
        try:
            piece = await self._response.content.readany()
        except _FAILURES as error:
            raise self._translated(error) from None
        if not piece:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Give the connection back where the answer has come to its end, else break it, so that the server stops."""
        response, self._response = self._response, None
        if response is None or (connection := response.connection) is None:
            return
        if connection.transport is not None:
            connection.transport.abort()  # a polite end of TLS would wait for the server's
        response.close()

    async def _begin(self, first_step: Callable[[], Awaitable[ClientResponse]]) -> ClientResponse:
        seconds = self._limits.first_byte_timeout_s
        try:
            if seconds is None:
                return await first_step()
            async with asyncio.timeout(seconds):
                return await first_step()
        except _FAILURES as error:
            raise self._translated(error) from None

    async def _head(self) -> ClientResponse:
        request = self._request
        body = request.body
        url = _address(request.url)
        if self._check is not None:
            self._check.check_url(url)
        data: io.BytesIO | BytesPayload | None = None
        if body is not None:
            data = io.BytesIO(body) if len(body) > _MAX_BYTES_IN_ONE_PIECE else BytesPayload(body)
        self._response = response = await self._session.request(
            request.method,
            url,
            headers=request.headers,
            data=data,
            allow_redirects=False,
            ssl=self._tls or True,
            timeout=_client_timeout(self._limits.connect_timeout_s),
        )
        return response

    async def _head_and_first_piece(self) -> ClientResponse:
        response = await self._head()
        if _is_success(response):
            self._first_piece = await response.content.readany()
        return response

    def _expect_pieces(self, response: ClientResponse) -> None:
        """Start the clock that runs between two arrivals; an answer that is complete has no connection any more."""
        if (connection := response.connection) is not None and connection.protocol is not None:
            connection.protocol.read_timeout = self._limits.chunk_timeout_s
            connection.protocol.start_timeout()

    async def _body(self, max_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > max_bytes:
                raise ProtocolError(f"{self._server}: the answer is longer than {max_bytes} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _error_body(self) -> bytes:
        """Return the beginning of the body. A connection that breaks or stalls must not hide the status."""
        pieces: list[bytes] = []
        room = MAX_ERROR_BODY_BYTES
        with suppress(ProviderError):
            async for piece in self:
                pieces.append(piece[:room])
                room -= len(piece)
                if room <= 0:
                    break
        return b"".join(pieces)

    def _translated(self, error: Exception) -> ProviderError:
        return translate(error, self._server, self._limits)

    @property
    def _server(self) -> str:
        """``host:port``, for an error's text; a URL may hold more than should be shown."""
        try:
            parts = urlsplit(self._request.url)
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
        except (ValueError, KeyError):
            return "the provider"
        return f"{parts.hostname}:{port}" if parts.hostname else "the provider"


def user_agent() -> str:
    """Return what requests say about their sender, unless a codec says something else."""
    try:
        return f"dragoman/{version('dragoman')}"
    except PackageNotFoundError:
        return "dragoman"


def _address(text: str) -> URL:
    try:
        url = URL(text, encoded=True)
    except ValueError:
        raise InvalidURL("") from None
    if url.raw_user is not None or url.raw_password is not None:
        raise InvalidURL("")  # credentials are an authorizer's, and do not stand in an address
    return url


def _is_success(response: ClientResponse) -> bool:
    return 200 <= response.status < 300


def _headers_of(response: ClientResponse) -> Mapping[str, str]:
    """Return the headers with lower-case names; several of one name are joined as HTTP allows."""
    headers = response.headers
    plain = {name.lower(): value for name, value in headers.items()}
    if len(plain) < len(headers):
        plain = {name: ", ".join(headers.getall(name)) for name in plain}
    return plain


@lru_cache(maxsize=128)
def _client_timeout(connect_s: float | None) -> ClientTimeout:
    """Return aiohttp's own deadlines, of which only the one for the connection is used from the start."""
    return ClientTimeout(total=None, connect=connect_s, sock_connect=None, sock_read=None)
