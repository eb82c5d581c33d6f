"""Dragoman: many streams at a time through one engine. Reads how many; answers with how it went.

{"failed": …, "stall_p50_ms": …, "stall_p99_ms": …, "stall_max_ms": …, "wall_s": …, "cpu_s": …, "rss_mib": …}
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from statistics import quantiles
from typing import Any

from bedrock import REGION
from dragoman import Engine
from dragoman.errors import DragomanError

#: The task beside the streams asks to be woken this often.
TICK_S = 0.002


class Stalls:
    """Notes how late the loop wakes a task."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            self.late_s.append(max(0.0, time.perf_counter() - due))


async def many(engine: Engine, adapter: dict[str, Any], count: int) -> dict[str, Any]:
    stalls = Stalls()
    watching = asyncio.create_task(stalls.watch())
    wall_s, cpu_s = time.perf_counter(), _cpu_s()
    texts = await asyncio.gather(*(_read(engine, adapter) for _ in range(count)))
    watching.cancel()
    hundredths = quantiles(stalls.late_s, n=100, method="inclusive")  # nothing beyond the longest
    return {
        "failed": sum(text is None for text in texts),
        "stall_p50_ms": hundredths[49] * 1000,
        "stall_p99_ms": hundredths[98] * 1000,
        "stall_max_ms": max(stalls.late_s) * 1000,
        "wall_s": time.perf_counter() - wall_s,
        "cpu_s": _cpu_s() - cpu_s,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


async def _read(engine: Engine, adapter: dict[str, Any]) -> str | None:
    try:
        return "".join([text async for text in engine.stream(adapter, "Tell me a story.").text()])
    except DragomanError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return None


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    connection = {"region": REGION, "endpoint_url": sys.argv[1], "auth": {"kind": "aws_keys"}}
    adapter = {"provider": "bedrock", "connection": connection, "limits": {"max_attempts": 1, "timeout_s": 120}}
    engine = Engine()
    with asyncio.Runner() as runner:
        runner.run(_warm(engine, {**adapter, "model": "m"}))
        print("ready", flush=True)
        for line in sys.stdin:
            answer = runner.run(many(engine, {**adapter, "model": "paced"}, int(line)))
            print(json.dumps(answer), flush=True)
        runner.run(engine.aclose())


async def _warm(engine: Engine, adapter: dict[str, Any]) -> None:
    await engine.chat(adapter, "hi")


if __name__ == "__main__":
    main()
