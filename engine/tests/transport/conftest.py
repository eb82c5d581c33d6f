"""A real server on loopback that a test scripts byte by byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from dragoman.adapter import Inference, Limits
from dragoman.messages import Message, Text
from dragoman.provider import CallSettings, ChatRequest, WireRequest

try:
    import uvloop
except ImportError:  # it comes with the extra `server`
    uvloop = None

#: Nothing here takes longer; what would hang fails instead.
PATIENCE_S = 20

#: What touches sockets is tried on the loop of the standard library and on the gateway's.
ON_BOTH_LOOPS = ("test_http.py", "test_connections.py", "test_tls.py")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test of these files on both loops, where both are installed."""
    loops = {"asyncio": asyncio.new_event_loop}
    return loops if item.path.name not in ON_BOTH_LOOPS or uvloop is None else loops | {"uvloop": uvloop.new_event_loop}


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.closed_by_client = asyncio.Event()

    async def write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, body: bytes, *, status: str = "200 OK", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def chunked_head(self, content_type: str = "text/event-stream") -> None:
        await self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: " + content_type.encode() + b"\r\ntransfer-encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def last_chunk(self) -> None:
        await self.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close politely, wherever the answer stands."""
        self.writer.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_client_closes(self) -> None:
        """Say nothing more; return when the client has closed the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.closed_by_client.set()


Script = Callable[[Connection, Request], Awaitable[Any]]


@dataclass
class Upstream:
    script: Script
    requests: list[Request] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    open_connections: int = 0
    idle: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.append(connection)
        self.open_connections += 1
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                await self.script(connection, request)
            connection.closed_by_client.set()
        except ConnectionError:
            connection.closed_by_client.set()
        finally:
            writer.close()
            async with self.idle:
                self.open_connections -= 1
                self.idle.notify_all()

    async def all_closed(self) -> None:
        """Return when no connection is open any more."""
        async with asyncio.timeout(PATIENCE_S), self.idle:
            await self.idle.wait_for(lambda: not self.open_connections)

    async def seen(self, event: asyncio.Event) -> None:
        """Return when the server has seen the event, and fail rather than hang."""
        async with asyncio.timeout(PATIENCE_S):
            await event.wait()

    def request(
        self, path: str = "/v1/chat?key=in-the-query", body: bytes | None = b"{}", **headers: str
    ) -> WireRequest:
        return WireRequest("POST", self.url + path, {"Content-Type": "application/json", **headers}, body)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (header.partition(":") for header in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(line, headers, body)


Serve = Callable[[Script], Awaitable[Upstream]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server that runs the script for each request; several requests may come over one connection."""
    servers: list[asyncio.Server] = []
    upstreams: list[Upstream] = []

    async def start(script: Script) -> Upstream:
        upstream = Upstream(script)
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
        servers.append(server)
        upstreams.append(upstream)
        upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return upstream

    yield start
    for server in servers:
        server.close()
    for upstream in upstreams:
        for connection in upstream.connections:
            connection.writer.close()
        await upstream.all_closed()


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def chat() -> Callable[..., ChatRequest]:
    """Return a maker of requests with the limits that are given."""

    def make(**limits: Any) -> ChatRequest:
        return ChatRequest((Message("user", (Text("hello"),)),), CallSettings(Inference(), limits=Limits(**limits)))

    return make
