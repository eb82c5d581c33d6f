"""Clients in numbers, slow ones and such that vanish: everybody gets an answer, and nothing grows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from .conftest import Deployment

Deploy = Callable[..., Deployment]

STREAMS = 2000
CONNECTIONS = 10_000
AT_A_TIME = 200
PATIENCE_S = 120
#: What the allocator may keep of a peak; a leak of a kilobyte for each connection would be more.
ALLOWED_GROWTH_MIB = 10


def ask(text: str = "hi", *, stream: bool = False) -> dict[str, object]:
    return {"model": "model", "stream": stream, "messages": [{"role": "user", "content": text}]}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # another process's state: nobody tells


async def is_at_rest(deployment: Deployment, sockets: int) -> bool:
    """Return whether no request is under way but ours, and no socket is open that was not at the start."""
    figures = await deployment.figures()
    running = [value for name, value in figures.items() if name.startswith("dragoman_calls_in_flight{")]
    return figures["dragoman_in_flight"] == 1 and not sum(running) and deployment.sockets() <= sockets


async def read_stream(session: aiohttp.ClientSession) -> bytes:
    async with session.post("/v1/chat/completions", json=ask(stream=True)) as answer:
        answer.raise_for_status()
        return await answer.read()


async def warm(deployment: Deployment) -> int:
    """Let everything be imported and opened that a first call opens; return the sockets that stay."""
    async with deployment.session() as session:
        for _ in range(20):
            async with session.post("/v1/chat/completions", json=ask()) as answer:
                assert answer.status == 200
        idle = deployment.sockets() - 1  # the session's own
    return idle + AT_A_TIME // 10  # and some room for kept connections to the upstream


async def test_two_thousand_slow_streams_come_to_their_end(deploy: Deploy) -> None:
    deployment = deploy()
    sockets = await warm(deployment)
    async with deployment.session() as session:
        answers = await asyncio.gather(*(read_stream(session) for _ in range(STREAMS)))
    assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)
    assert {answer.count(b'"word "') for answer in answers} == {20}
    await until(lambda: is_at_rest(deployment, sockets))
    peak_mib = deployment.rss_mib()
    async with deployment.session() as session:
        await asyncio.gather(*(read_stream(session) for _ in range(STREAMS)))
    await until(lambda: is_at_rest(deployment, sockets))
    assert deployment.rss_mib() < peak_mib + ALLOWED_GROWTH_MIB


async def test_dropped_connections_leave_nothing(deploy: Deploy) -> None:
    deployment = deploy()
    sockets = await warm(deployment)
    await drop_connections(deployment, CONNECTIONS // 10)
    await until(lambda: is_at_rest(deployment, sockets))
    before_mib = deployment.rss_mib()
    await drop_connections(deployment, CONNECTIONS)
    await until(lambda: is_at_rest(deployment, sockets))
    assert deployment.rss_mib() < before_mib + ALLOWED_GROWTH_MIB
    await ask_once(deployment)


async def ask_once(deployment: Deployment) -> None:
    async with deployment.session() as session, session.post("/v1/chat/completions", json=ask()) as answer:
        assert answer.status == 200


async def drop_connections(deployment: Deployment, count: int) -> None:
    """Open connections and drop them: silent ones, ones with half a request, ones whose answer has begun."""
    body = json.dumps(ask(stream=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {deployment.key}\r\n"
    whole = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    sent = [b"", whole[:40], whole[:-10], whole]
    address = urlsplit(deployment.url)

    async def drop(number: int) -> None:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(sent[number % len(sent)])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.transport.abort()

    for start in range(0, count, AT_A_TIME):
        await asyncio.gather(*map(drop, range(start, min(start + AT_A_TIME, count))))


async def test_a_client_that_hardly_reads_costs_nobody_anything(deploy: Deploy) -> None:
    deployment = deploy("[server]\nwrite_timeout_s = 4\n")
    sockets = await warm(deployment)
    before_mib = deployment.rss_mib()
    body = json.dumps(ask("flood", stream=True)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {deployment.key}\r\n"
    address = urlsplit(deployment.url)
    with socket.create_connection((address.hostname or "", address.port or 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while await loop.sock_recv(slow, 1):  # one byte a second, until the gateway has had enough
                    assert deployment.rss_mib() < before_mib + ALLOWED_GROWTH_MIB
                    await ask_once(deployment)
                    await asyncio.sleep(1)
                    if (await deployment.figures())["dragoman_in_flight"] == 1:
                        break
    await until(lambda: is_at_rest(deployment, sockets))


@pytest.mark.parametrize("kills", [3])
async def test_kill_9_under_load_loses_no_row(deploy: Deploy, kills: int) -> None:
    deployment = deploy()
    answered: set[str] = set()
    for _ in range(kills):
        enough = asyncio.Event()
        async with deployment.session() as session:
            asking = [asyncio.create_task(ask_on(session, answered, len(answered) + 150, enough)) for _ in range(16)]
            await enough.wait()
            deployment.kill()
            await asyncio.gather(*asking)
        deployment.start()
    deployment.stop()
    booked = rows(deployment.folder)
    assert len(booked) == len(set(booked))
    assert answered <= set(booked)


async def ask_on(session: aiohttp.ClientSession, answered: set[str], wanted: int, enough: asyncio.Event) -> None:
    """Ask until the gateway is gone; note every answer that came whole, and say when enough have come."""
    with contextlib.suppress(aiohttp.ClientError):
        while True:
            async with session.post("/v1/chat/completions", json=ask()) as answer:
                await answer.read()
                assert answer.status == 200
                answered.add(answer.headers["x-request-id"])
            if len(answered) >= wanted:
                enough.set()


def rows(folder: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(folder / "state" / "dragoman.db")) as database:
        return [row[0] for row in database.execute("SELECT call_id FROM dragoman_calls")]
