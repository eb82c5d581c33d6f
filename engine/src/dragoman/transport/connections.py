"""The connections of one event loop: opened where there is none, kept for the next request, closed when idle."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Literal, NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

from dragoman.transport.connection import Connection
from dragoman.transport.faults import (
    ClosedError,
    DisconnectedError,
    HandshakeError,
    NoConnectionError,
    UnknownNameError,
    UntrustedError,
    WireError,
)
from dragoman.transport.tls import default_context

#: An idle connection is kept this long. Load balancers in front of providers keep theirs for 60 s and more; servers
#: that close earlier are noticed.
KEEP_ALIVE_S = 30.0
#: Many connections are opened at once where many calls are made at once: one question for their name is enough.
KEEP_NAMES_S = 10.0
#: A name's next address is tried after this long, beside the one before (RFC 8305).
HAPPY_EYEBALLS_DELAY_S = 0.25

#: Returns the addresses of a host's port; raises ``OSError`` where there are none.
Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]


#: How a connection is encrypted: by the certificate authorities of this machine, or as the context says.
Tls = Literal["default"] | ssl.SSLContext


class Server(NamedTuple):
    """Whom a connection leads to: ``tls`` is ``None`` for one that is not encrypted."""

    host: str
    port: int
    tls: Tls | None


async def ask_system(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return what the operating system knows about a host."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Connections:
    """Any number of connections to any number of servers.

    Args:
        resolve: Asks for the addresses of names.
        keep_names: Whether an answer holds for a while; if not, every connection asks anew.
    """

    def __init__(self, resolve: Resolve, *, keep_names: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._resolve = resolve
        self._keep_names = keep_names
        self._names: dict[tuple[str, int], tuple[float, asyncio.Task[Sequence[AddrInfoType]]]] = {}
        self._open: set[Connection] = set()
        self._idle: dict[Server, deque[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._all_lost: asyncio.Future[None] | None = None
        self._is_closed = False

    # --- one connection ------------------------------------------------------------------------------------------

    def take_idle(self, server: Server) -> Connection | None:
        """Return the connection to a server that was used last; ``None`` where there is none."""
        idle = self._idle.get(server)
        while idle:
            connection = idle.pop()
            if connection.is_reusable:
                return connection
        return None

    async def open(self, server: Server) -> Connection:
        """Return a new connection to a server; it may be cancelled at any time.

        Raises:
            WireError: There is none; what a check of the address raises passes through.
        """
        if self._is_closed:
            raise ClosedError
        return await self._connect(server)

    def give_back(self, server: Server, connection: Connection) -> None:
        """Keep a connection for the next request, or end it where it can have none."""
        if not connection.is_reusable or self._is_closed:
            connection.abort()
            return
        connection.idle_since_s = self._loop.time()
        self._idle.setdefault(server, deque()).append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(KEEP_ALIVE_S, self._close_old)

    async def aclose(self) -> None:
        """End all connections, those in use included."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.fail(ClosedError())
        if self._open:
            self._all_lost = self._all_lost or self._loop.create_future()
            await asyncio.shield(self._all_lost)

    async def _connect(self, server: Server) -> Connection:
        host, port, tls = server
        context = await asyncio.to_thread(default_context) if tls == "default" else tls
        try:
            addresses = await self._addresses(host, port)
        except (OSError, UnicodeError):  # the latter where a label is empty or too long to be asked for
            raise UnknownNameError from None
        sock: socket.socket | None = None
        try:
            sock = await start_connection(addresses, happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S, loop=self._loop)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # gateways of networks forget silent ones
            name = None if context is None else host
            _, connection = await self._loop.create_connection(self._new, sock=sock, ssl=context, server_hostname=name)
        except BaseException as error:
            if sock is not None:
                sock.close()
            fault = _fault_of(error)
            if fault is None:
                raise
            raise fault from None
        if connection.is_lost:
            raise DisconnectedError
        if self._is_closed:
            connection.abort()
            raise ClosedError
        self._open.add(connection)
        return connection

    def _new(self) -> Connection:
        return Connection(self._loop, self._lost)

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open and self._all_lost is not None and not self._all_lost.done():
            self._all_lost.set_result(None)

    def _close_old(self) -> None:
        self._sweep = None
        now_s = self._loop.time()
        for server, idle in list(self._idle.items()):
            while idle and (not idle[0].is_reusable or now_s - idle[0].idle_since_s >= KEEP_ALIVE_S):
                idle.popleft().abort()
            if not idle:
                del self._idle[server]
        oldest_s = min((idle[0].idle_since_s for idle in self._idle.values()), default=None)
        if oldest_s is not None:
            self._sweep = self._loop.call_at(oldest_s + KEEP_ALIVE_S, self._close_old)

    # --- names ---------------------------------------------------------------------------------------------------

    async def _addresses(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return the addresses of a host, which may be one itself."""
        if (address := _address_info(host, port)) is not None:
            return [address]
        if not self._keep_names:
            return await self._resolve(host, port)
        known = self._names.get((host, port))
        if known is None or known[0] < self._loop.time() or _has_failed(known[1]):
            task = self._loop.create_task(self._ask(host, port))
            task.add_done_callback(_has_failed)  # who asked may have gone: nobody else hears of its failure
            known = self._names[host, port] = self._loop.time() + KEEP_NAMES_S, task
        return await asyncio.shield(known[1])

    async def _ask(self, host: str, port: int) -> Sequence[AddrInfoType]:
        return await self._resolve(host, port)


def _has_failed(lookup: asyncio.Task[Sequence[AddrInfoType]]) -> bool:
    return lookup.done() and (lookup.cancelled() or lookup.exception() is not None)


def _address_info(host: str, port: int) -> AddrInfoType | None:
    """Return the information that a host written as an address needs no server for; ``None`` where it is a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)


def _fault_of(error: BaseException) -> WireError | None:
    """Return what went wrong when a connection was opened; ``None`` where it is not the network's fault."""
    match error:
        case ssl.SSLCertVerificationError():
            return UntrustedError()
        case ssl.SSLError():
            return HandshakeError()
        case OSError() | RuntimeError():  # the latter is uvloop's
            return NoConnectionError(error)
    return None
