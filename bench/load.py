"""The load: connections that ask one after the other, and wait for each whole answer. One process, no library.

Reads one line for each run, answers with one:

    {"port": …, "concurrency": 16, "times": 2000, "stream": false, "headers": {…}, "body": {…}}
    {"wall_s": …, "p50_ms": …, "p99_ms": …, "first_p50_ms": …, "failed": …, "text": "…"}

``first`` is the time until the first bytes of an answer; ``text`` is the last answer, so that nobody can leave work
out. An answer whose status is not 200 has failed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any


@dataclass
class Run:
    """One run: what is sent, how often it is still to be sent, and what came back."""

    request: bytes
    left: int
    latencies_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    failed: int = 0
    last: bytes = b""


class Asker(asyncio.Protocol):
    """One connection: asks, waits for the whole answer, asks again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._received = bytearray()
        self._has_begun = False
        self._started = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._run.first_s.append(time.perf_counter() - self._started)
        self._received += data
        if is_whole(self._received):
            run = self._run
            run.latencies_s.append(time.perf_counter() - self._started)
            run.failed += not self._received.startswith(b"HTTP/1.1 200")
            run.last = bytes(self._received)
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self._run.failed += 1
            self.over.set_result(None)

    def _ask(self) -> None:
        if not self._run.left:
            self.over.set_result(None)
            self._transport.close()
            return
        self._run.left -= 1
        self._received.clear()
        self._has_begun = False
        self._started = time.perf_counter()
        self._transport.write(self._run.request)


def is_whole(received: bytearray) -> bool:
    """Return whether an answer has come to its end; pieces of a chunked one are not looked into."""
    head = received.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = received.lower().find(b"\r\ncontent-length:", 0, head)
    if at < 0:
        return received.endswith(b"0\r\n\r\n")
    end = received.find(b"\r\n", at + 2)
    return len(received) >= head + 4 + int(received[at + 17 : end])


async def measure(asked: dict[str, Any]) -> dict[str, Any]:
    """Make one run."""
    body = json.dumps(asked["body"]).encode()
    lines = {"host": f"127.0.0.1:{asked['port']}", "content-length": str(len(body)), **asked["headers"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    run = Run(f"POST {asked['path']} HTTP/1.1\r\n{head}\r\n".encode() + body, asked["times"])
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    askers = []
    for _ in range(asked["concurrency"]):
        _, asker = await loop.create_connection(lambda: Asker(run), "127.0.0.1", asked["port"])
        askers.append(asker)
    await asyncio.gather(*(asker.over for asker in askers))
    wall_s = time.perf_counter() - started
    return {
        "wall_s": wall_s,
        "p50_ms": median(run.latencies_s) * 1000,
        "p99_ms": quantiles(run.latencies_s, n=100)[98] * 1000,
        "first_p50_ms": median(run.first_s) * 1000,
        "failed": run.failed,
        "text": run.last.decode("utf-8", "replace"),
    }


def main() -> None:
    print("ready", flush=True)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(measure(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
