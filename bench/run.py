"""Measure what a call costs through Dragoman and through its peers: CPU time, side by side, in one run.

    python bench/run.py                         all suites; writes bench/RESULTS*.md
    python bench/run.py --suite bedrock --quick a first look; writes nothing
    python bench/run.py --only bare_aiohttp --only dragoman_engine

Every contender is a process with an environment of its own (``contenders/NAME.py`` and ``NAME.txt``). They take turns
at one loopback upstream, in random order, row by row and round by round, so that all see the same noise of the
machine. What counts is the CPU time (user and system) of the contender's process. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import many_streams
from environments import HERE, python_for
from processes import Child, cores, load
from report import Samples, aligned, medians, reached
from suites import ROWS, SUITES, Row, Suite

STREAMS_PER_CALL = 0.25
MANY_STREAMS = "many-streams"


def main() -> None:
    options = _options()
    for name in options.suite or ([*SUITES] if options.only else [*SUITES, MANY_STREAMS]):
        if name == MANY_STREAMS:
            many_streams.run(write=not options.quick)
            continue
        suite = SUITES[name]
        names = [contender for contender in suite.contenders if contender in (options.only or suite.contenders)]
        if names:
            _run(suite, names, options)


def _run(suite: Suite, names: Sequence[str], options: argparse.Namespace) -> None:
    pythons = {name: python_for(name) for name in names}
    with ExitStack() as running:
        contenders_core, upstream_core = cores() or (None, None)
        upstream = running.enter_context(Child([sys.executable, HERE / "upstream.py"], upstream_core))
        base_url = f"http://127.0.0.1:{int(upstream.first_line)}{suite.base}"
        children = {
            name: running.enter_context(
                Child([pythons[name], HERE / "contenders" / f"{name}.py", base_url], contenders_core)
            )
            for name in names
        }
        versions = {name: _listed(json.loads(child.first_line)) for name, child in children.items()}
        samples = measure(suite, children, rounds=options.rounds, calls=options.calls)
    tables = [aligned(medians(samples)), aligned(reached(samples))]
    print("\n\n".join([suite.title, *tables]))
    if names == list(suite.contenders) and not options.quick:
        results = HERE / suite.results
        results.write_text(_results(suite, tables, versions, options), encoding="utf-8")
        print(f"\nwritten to {results}")


def measure(suite: Suite, children: dict[str, Child], *, rounds: int, calls: int) -> Samples:
    """Let the contenders take turns; the first turn of each is its warm-up and does not count."""
    samples = Samples(suite, list(children))
    for number in range(rounds + 1):
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
        for row in ROWS:
            times = _times(row, calls)
            for name in random.sample(list(children), len(children)):
                us = _turn(suite, name, children[name], row, times)
                if number:
                    samples.add(row, name, us)
    print(file=sys.stderr)
    return samples


def _times(row: Row, calls: int) -> int:
    return calls if row.operation == "call" else max(1, int(calls * STREAMS_PER_CALL))


def _turn(suite: Suite, name: str, child: Child, row: Row, times: int) -> float:
    """Return the CPU µs of one call or stream, averaged over the turn."""
    answer = child.ask(f"{row.operation} {times} {row.messages}")
    if answer["text"] != suite.answer:
        sys.exit(f"bench: {name} returned another text than the upstream's in {row}")
    return float(answer["cpu_s"]) / times * 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender (default 15)")
    parser.add_argument("--calls", type=int, default=200, help="calls a turn; a quarter as many streams (default 200)")
    parser.add_argument(
        "--suite", action="append", choices=[*SUITES, MANY_STREAMS], help="only this suite; may be repeated"
    )
    contenders = [name for suite in SUITES.values() for name in suite.contenders]
    parser.add_argument("--only", action="append", choices=contenders, help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 60 calls")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.calls = 3, 60
    return options


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _results(suite: Suite, tables: Sequence[str], versions: Mapping[str, str], options: argparse.Namespace) -> str:
    streams = _times(Row("stream", 0), options.calls)
    return f"""\
# What a call costs: {suite.title}

Written by `nox -s bench` on {datetime.now(UTC):%Y-%m-%d}: {_machine()}.

One upstream on loopback, with keep-alive and without TLS, answers at once; calls follow one another. The figures are
the CPU time, user and system, of the contender's process: medians of {options.rounds} rounds of {options.calls} calls,
or of {streams} streams of {suite.chunks} chunks. A ratio is the median of the rounds' ratios. Compare the figures of
one table: absolute values move with the machine.

{tables[0]}

## What was to be reached

{tables[1]}

## Versions

{chr(10).join(f"- {suite.contenders[name]}: {listed}" for name, listed in versions.items())}
"""


def _machine() -> str:
    found = cores()
    pinned = found is not None and len(set(found)) == 2
    placed = "contenders and upstream each pinned to one" if pinned else "processes not pinned"
    parts = (platform.system(), platform.machine(), f"{os.cpu_count()} cores", placed, load())
    return ", ".join(part for part in parts if part)


if __name__ == "__main__":
    main()
