"""HTTP/1.1 as calls to models need it: no cookies, no redirects, no proxies, nothing from the environment.

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
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from copy import copy
from time import monotonic
from types import TracebackType
from typing import Self

from aiohappyeyeballs import AddrInfoType

from dragoman.adapter import Limits
from dragoman.errors import ProtocolError, ProviderError
from dragoman.provider import WireReply, WireRequest
from dragoman.transport.addresses import AddressCheck
from dragoman.transport.connection import Connection
from dragoman.transport.connections import Connections, Resolve, Server, Tls, ask_system
from dragoman.transport.decompression import Decompression, decompression_for
from dragoman.transport.faults import BadAddressError, OverdueError, Phase, WireError
from dragoman.transport.request_head import head_of, parse_url

#: The longest whole answer, decompressed. Streams have no bound but that of their frames.
MAX_BODY_BYTES = 64 * 1024 * 1024
#: What is read of the body of an answer outside 2xx; the rest says no more.
MAX_ERROR_BODY_BYTES = 1024 * 1024


class Transport:
    """The HTTP client of one event loop, that which it is made on.

    Nothing is retried, and no environment variable changes where a request goes.

    Args:
        max_body_bytes: The longest whole answer.
        check: Decides where calls may go; ``None`` = anywhere.
        resolve: Asks for the addresses of names.
    """

    def __init__(
        self, *, max_body_bytes: int = MAX_BODY_BYTES, check: AddressCheck | None = None, resolve: Resolve = ask_system
    ) -> None:
        self._max_body_bytes = max_body_bytes
        self._check = check
        self._tls: Tls = "default"
        self._connections = Connections(
            resolve if check is None else _checked(resolve, check), keep_names=check is None
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
        except WireError as fault:
            raise exchange.error_of(fault) from None
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
        await self._connections.aclose()

    def _exchange(self, request: WireRequest, limits: Limits) -> _Exchange:
        return _Exchange(self._connections, request, limits, self._check, self._tls)


def _checked(resolve: Resolve, check: AddressCheck) -> Resolve:
    async def checked(host: str, port: int) -> Sequence[AddrInfoType]:
        found = await resolve(host, port)
        check.check_addresses(host, port, found)
        return found

    return checked


class _Exchange:
    """One request and its answer on the wire; as an iterator, the pieces of the answer's body."""

    __slots__ = (
        "_check", "_connection", "_connections", "_decompression", "_first_piece", "_limits", "_pieces",
        "_request", "_server", "_tls",
    )  # fmt: skip

    _server: Server
    _connection: Connection | None
    _decompression: Decompression | None

    def __init__(
        self,
        connections: Connections,
        request: WireRequest,
        limits: Limits,
        check: AddressCheck | None,
        tls: Tls,
    ) -> None:
        self._connections = connections
        self._request = request
        self._limits = limits
        self._check = check
        self._tls = tls
        self._connection = None
        self._decompression = None
        self._first_piece = b""
        self._pieces: Iterator[bytes] = iter(())

    async def whole(self, max_body_bytes: int) -> WireReply:
        """Return the head and the body."""
        connection = await self._begin()
        connection.arrivals_within(self._limits.chunk_timeout_s)
        body = await (self._body(max_body_bytes) if _is_success(connection) else self._error_body(connection))
        return WireReply(connection.status, connection.headers, body)

    async def __aenter__(self) -> tuple[WireReply, AsyncIterator[bytes]]:
        try:
            connection = await self._begin()
            body = b""
            if _is_success(connection):
                self._first_piece = await self._next_piece()
                connection.arrivals_within(self._limits.chunk_timeout_s)
            else:
                connection.arrivals_within(self._limits.chunk_timeout_s)
                body = await self._error_body(connection)
                self.close()
            return WireReply(connection.status, connection.headers, body), self
        except WireError as fault:
            self.close()
            raise self.error_of(fault) from None
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
        try:
            piece = await self._next_piece()
        except WireError as fault:
            raise self.error_of(fault) from None
        if not piece:
            raise StopAsyncIteration
        return piece

    def close(self) -> None:
        """Give the connection back where the answer has come to its end, else break it, so that the server stops."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._connections.give_back(self._server, connection)

    def error_of(self, fault: WireError) -> ProviderError:
        """Return the error of ours."""
        return fault.as_error(_shown(self._request.url), self._limits)

    async def _begin(self) -> Connection:
        """Send the request and wait for the answer's head."""
        request = self._request
        address = parse_url(request.url)
        head = head_of(request.method, address, request.headers, request.body)
        if self._check is not None:
            self._check.check_host(address.host, address.port)
        self._server = server = Server(address.host, address.port, self._tls if address.is_https else None)
        within_s = self._limits.first_byte_timeout_s
        connection = self._connections.take_idle(server)
        if connection is None:
            started_s = monotonic()
            connection = await self._open(server)
            if within_s is not None:
                within_s = max(0.0, within_s - (monotonic() - started_s))
        self._connection = connection
        await connection.send(head, request.body, within_s)
        await connection.read_head()
        if _is_success(connection):
            self._decompression = _decompression_of(connection)
        return connection

    async def _open(self, server: Server) -> Connection:
        within_s, first_byte_s = self._limits.connect_timeout_s, self._limits.first_byte_timeout_s
        phase: Phase = "connect"
        if first_byte_s is not None and (within_s is None or first_byte_s < within_s):
            within_s, phase = first_byte_s, "first_byte"
        try:
            async with asyncio.timeout(within_s):
                return await self._connections.open(server)
        except TimeoutError:
            raise OverdueError(phase) from None

    async def _next_piece(self) -> bytes:
        """Return the next piece of the body, decompressed; nothing means the end."""
        connection, decompression = self._connection, self._decompression
        if connection is None:
            return b""
        if decompression is None:
            return await connection.read_piece()
        if piece := next(self._pieces, b""):
            await asyncio.sleep(0)  # few bytes may become very many: the loop's other tasks have their turn between
        while not piece:
            data = await connection.read_piece()
            if not data:
                decompression.end()
                return b""
            self._pieces = decompression.feed(data)
            piece = next(self._pieces, b"")
        return piece

    async def _body(self, max_bytes: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self._next_piece():
            size += len(piece)
            if size > max_bytes:
                raise ProtocolError(f"{_shown(self._request.url)}: the answer is longer than {max_bytes} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _error_body(self, connection: Connection) -> bytes:
        """Return the beginning of the body. One that breaks off, stalls or cannot be read must not hide the status."""
        pieces: list[bytes] = []
        room = MAX_ERROR_BODY_BYTES
        with suppress(WireError):
            self._decompression = _decompression_of(connection)
            while room > 0 and (piece := await self._next_piece()):
                pieces.append(piece[:room])
                room -= len(piece)
        return b"".join(pieces)


def _is_success(connection: Connection) -> bool:
    return 200 <= connection.status < 300


def _decompression_of(connection: Connection) -> Decompression | None:
    return decompression_for(connection.headers.get("content-encoding"))


def _shown(url: str) -> str:
    """Return ``host:port``, for an error's text; a URL may hold more than should be shown."""
    try:
        address = parse_url(url)
    except BadAddressError:
        return "the provider"
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"
