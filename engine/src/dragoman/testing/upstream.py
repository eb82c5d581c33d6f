"""A scripted HTTP server on 127.0.0.1: it answers what a test tells it to, piece by piece, and keeps what it was sent.

    with Upstream() as upstream:
        upstream.answer(Reply.json({"text": "Hello"}))
        ...  # call upstream.url
        assert upstream.received[0].json() == {...}

It runs in a thread of its own, so that coroutines, threads and child processes talk to it alike, and so that the
event loop under test holds no task but its own. Standard library only.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Self

#: A wait that takes longer has failed; nothing waits this long when things work.
PATIENCE_S = 30.0

#: A client that has gone says no farewell; TLS would wait for it much longer.
TLS_FAREWELL_S = 0.2

#: A request's head may be this long.
MAX_HEAD_BYTES = 256 * 1024


class Step(enum.Enum):
    """What a reply's body can hold beside bytes."""

    #: Wait until the client has gone.
    HOLD = "hold"
    #: Break the connection at once, as a crashing server does.
    RESET = "reset"


HOLD = Step.HOLD
RESET = Step.RESET


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Args:
        body: Pieces, each sent by itself; one piece goes with its length, several go chunked.
        status: The HTTP status.
        headers: Beside the length, which the server writes.
    """

    body: tuple[bytes | Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Self:
        """Return a JSON answer; ``retry_after="1"`` among the keywords becomes the header ``retry-after``."""
        return cls((json.dumps(value).encode(),), status, {"content-type": "application/json", **_named(headers)})

    @classmethod
    def text(
        cls, text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8", **headers: str
    ) -> Self:
        """Return a text answer."""
        return cls((text.encode(),), status, {"content-type": content_type, **_named(headers)})

    @classmethod
    def sse(cls, events: Iterable[Any], *, done: str | None = None, **headers: str) -> Self:
        """Return a stream of server-sent events, one piece each: JSON values, and ``done`` as it is at the end."""
        lines = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
        lines += [f"data: {done}\n\n".encode()] if done is not None else []
        return cls(tuple(lines), 200, {"content-type": "text/event-stream", **_named(headers)})

    @classmethod
    def jsonl(cls, values: Iterable[Any], **headers: str) -> Self:
        """Return a stream of JSON values, one a line and a piece."""
        lines = [json.dumps(value).encode() + b"\n" for value in values]
        return cls(tuple(lines), 200, {"content-type": "application/jsonl", **_named(headers)})

    def cut(self, pieces: int, then: Step | None = None) -> Self:
        """Return the same answer with only its first pieces, and what happens then; ``None``: it ends as if whole."""
        return replace(self, body=(*self.body[:pieces], *([then] if then else [])))

    def regrouped(self, sizes: Iterable[int]) -> Self:
        """Return the same bytes in pieces of these sizes; the last size goes on to the end."""
        whole = b"".join(piece for piece in self.body if isinstance(piece, bytes))
        pieces: list[bytes] = []
        sizes = iter(sizes)
        size = len(whole)
        while whole:
            size = next(sizes, size)
            pieces.append(whole[:size])
            whole = whole[size:]
        return replace(self, body=tuple(pieces))


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came. ``target`` is path and query, ``headers`` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON value."""
        return json.loads(self.body)


Script = Reply | Callable[[Received], Reply]

NOT_SCRIPTED = Reply((b"the test has told its upstream nothing to answer",), 500)


class Upstream:
    """The server; use it as ``with``. ``received`` grows with every request, ``connections`` with every connection.

    With ``tls`` it speaks https, by the certificates of that context.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.received: list[Received] = []
        self.connections = 0
        self.url = ""
        self._scripts: list[Script] = [NOT_SCRIPTED]
        self._open = 0
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="upstream", daemon=True)

    def answer(self, *scripts: Script) -> None:
        """Set the answers of the next requests, in order; the last one stays.

        A script is a reply, or a function that is given the request (in the server's thread) and returns one.
        """
        self._scripts = list(scripts)

    def wait_until_left(self, timeout_s: float = PATIENCE_S) -> bool:
        """Wait until no client is connected; false if one still is. Blocks: a coroutine calls it in a thread."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout_s)

    def wait_until_asked(self, requests: int = 1, timeout_s: float = PATIENCE_S) -> bool:
        """Wait until so many requests have come; false if they have not. Blocks: a coroutine calls it in a thread."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= requests, timeout_s)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            raise RuntimeError("the upstream did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)

    # --- in the server's thread ----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        clients: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._converse(reader, writer))
            clients.add(task)
            task.add_done_callback(clients.discard)

        server = await asyncio.start_server(
            connected,
            "127.0.0.1",
            0,
            limit=MAX_HEAD_BYTES,
            ssl=self._tls,
            ssl_shutdown_timeout=TLS_FAREWELL_S if self._tls else None,
        )
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count(opened=1)
        try:
            while (request := await _read_request(reader)) is not None:
                await self._send(self._reply_to(request), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, or was reset
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._count(opened=-1)

    def _count(self, *, opened: int) -> None:
        with self._changed:
            self._open += opened
            self.connections += max(0, opened)
            self._changed.notify_all()

    def _reply_to(self, request: Received) -> Reply:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        return script if isinstance(script, Reply) else script(request)

    async def _send(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = reply.body[0] if len(reply.body) == 1 else b"" if not reply.body else None
        if isinstance(whole, bytes):
            writer.write(_head(reply, {"content-length": str(len(whole))}) + whole)
            await writer.drain()
            return
        writer.write(_head(reply, {"transfer-encoding": "chunked"}))
        for piece in reply.body:
            if piece is Step.HOLD:
                await writer.drain()
                await reader.read()
                raise ConnectionResetError
            if piece is Step.RESET:
                await writer.drain()
                _abort(writer)
                raise ConnectionResetError
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _head(reply: Reply, framing: Mapping[str, str]) -> bytes:
    phrase = HTTPStatus(reply.status).phrase if reply.status in _STATUSES else "Scripted"
    lines = [f"{name}: {value}" for name, value in {**reply.headers, **framing}.items()]
    return "\r\n".join([f"HTTP/1.1 {reply.status} {phrase}", *lines, "", ""]).encode()


_STATUSES = frozenset(status.value for status in HTTPStatus)


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    """Return the next request; ``None`` where the client has closed the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b"".join(await _read_chunks(reader))
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> Sequence[bytes]:
    chunks: list[bytes] = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return chunks


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a polite end."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
