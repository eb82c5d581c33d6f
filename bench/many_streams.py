"""A thousand streams at a time through one event loop: do they all arrive, and how long does the loop stand still?

    python bench/run.py --suite many-streams

One upstream and one contender, each on a core of its own. The upstream sends every stream event by event. The
contender opens all streams at once; a task beside them asks to be woken every few milliseconds and notes how late it
was: that is how long any other task of the application would have waited.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

from environments import HERE, python_for
from processes import Child, cores, load
from report import aligned
from upstream import PACE_S
from upstream_bedrock import CHUNKS

STREAMS = 1000
ROUNDS = 3
#: To reach: no failure, and this at the 99th percentile.
STALL_P99_MS = 50
CONTENDER = "dragoman_many_streams"
RESULTS = HERE / "RESULTS-many-streams.md"


def run(*, write: bool) -> None:
    """Measure, print, and write the results where asked to."""
    python = python_for(CONTENDER)
    with ExitStack() as running:
        contender_core, upstream_core = cores() or (None, None)
        upstream = running.enter_context(Child([sys.executable, HERE / "upstream.py"], upstream_core))
        base_url = f"http://127.0.0.1:{int(upstream.first_line)}"
        child = running.enter_context(
            Child([python, HERE / "contenders" / f"{CONTENDER}.py", base_url], contender_core)
        )
        rounds = [child.ask(f"{STREAMS}") for _ in range(ROUNDS)]
    text = f"""\
# {STREAMS} streams at a time

Bedrock's ConverseStream, {CHUNKS} events each, one every {PACE_S * 1000:.0f} ms; one event loop, one core.
Measured at a {load() or "load that is not known"}; other work beside it makes the loop wait as well.
To reach: no failure, and a loop that stands still for less than {STALL_P99_MS} ms at the 99th percentile.

{aligned(_table(rounds))}
"""
    print(text)
    if write:
        RESULTS.write_text(text, encoding="utf-8")


def _table(rounds: list[dict[str, Any]]) -> list[list[str]]:
    head = ["round", "failed", "stall p50 ms", "p99 ms", "longest ms", "seconds", "CPU seconds", "RSS MiB", ""]
    return [head, *(_row(number, result) for number, result in enumerate(rounds, 1))]


def _row(number: int, result: dict[str, Any]) -> list[str]:
    stalls = [f"{result[name]:.1f}" for name in ("stall_p50_ms", "stall_p99_ms", "stall_max_ms")]
    reached = not result["failed"] and result["stall_p99_ms"] < STALL_P99_MS
    times = [f"{result['wall_s']:.1f}", f"{result['cpu_s']:.1f}", f"{result['rss_mib']:.0f}"]
    return [str(number), str(result["failed"]), *stalls, *times, "reached" if reached else "missed"]
