"""Measure what a call costs through Dragoman and through its peers: CPU time, side by side, in one run.

    python bench/run.py                 all contenders; writes bench/RESULTS.md
    python bench/run.py --quick         a first look; writes nothing
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

from environments import HERE, python_for
from processes import Child, cores
from report import ROWS, Row, Samples, aligned, medians, reached
from upstream import ANSWER, CHUNKS

#: File name in ``contenders/`` -> what the tables call it.
CONTENDERS = {
    "bare_aiohttp": "bare aiohttp + orjson",
    "dragoman_engine": "Dragoman",
    "openai_sdk": "openai SDK",
    "chat_openai": "ChatOpenAI",
    "litellm_sdk": "LiteLLM",
}
STREAMS_PER_CALL = 0.25
RESULTS = HERE / "RESULTS.md"


def main() -> None:
    options = _options()
    names = options.only or list(CONTENDERS)
    pythons = {name: python_for(name) for name in names}
    with ExitStack() as running:
        contenders_core, upstream_core = cores() or (None, None)
        upstream = running.enter_context(Child([sys.executable, HERE / "upstream.py"], upstream_core))
        base_url = f"http://127.0.0.1:{int(upstream.first_line)}/v1"
        children = {
            name: running.enter_context(
                Child([pythons[name], HERE / "contenders" / f"{name}.py", base_url], contenders_core)
            )
            for name in names
        }
        versions = {name: _listed(json.loads(child.first_line)) for name, child in children.items()}
        samples = measure(children, rounds=options.rounds, calls=options.calls)
    tables = [aligned(medians(samples)), aligned(reached(samples))]
    print("\n\n".join(tables))
    if names == list(CONTENDERS) and not options.quick:
        RESULTS.write_text(_results(tables, versions, options), encoding="utf-8")
        print(f"\nwritten to {RESULTS}")


def measure(children: dict[str, Child], *, rounds: int, calls: int) -> Samples:
    """Let the contenders take turns; the first turn of each is its warm-up and does not count."""
    samples = Samples({name: CONTENDERS[name] for name in children})
    for number in range(rounds + 1):
        print(f"\rround {number} of {rounds}", end="", file=sys.stderr, flush=True)
        for row in ROWS:
            times = _times(row, calls)
            for name in random.sample(list(children), len(children)):
                us = _turn(name, children[name], row, times)
                if number:
                    samples.add(row, name, us)
    print(file=sys.stderr)
    return samples


def _times(row: Row, calls: int) -> int:
    return calls if row.operation == "call" else max(1, int(calls * STREAMS_PER_CALL))


def _turn(name: str, child: Child, row: Row, times: int) -> float:
    """Return the CPU µs of one call or stream, averaged over the turn."""
    answer = child.ask(f"{row.operation} {times} {row.messages}")
    if answer["text"] != ANSWER:
        sys.exit(f"bench: {name} returned another text than the upstream's in {row}")
    return float(answer["cpu_s"]) / times * 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender (default 15)")
    parser.add_argument("--calls", type=int, default=200, help="calls a turn; a quarter as many streams (default 200)")
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 60 calls")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.calls = 3, 60
    return options


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _results(tables: Sequence[str], versions: Mapping[str, str], options: argparse.Namespace) -> str:
    streams = _times(Row("stream", 0), options.calls)
    return f"""\
# What a call costs

Written by `nox -s bench` on {datetime.now(UTC):%Y-%m-%d}: {_machine()}.

One upstream on loopback, with keep-alive and without TLS, answers at once; calls follow one another. The figures are
the CPU time, user and system, of the contender's process: medians of {options.rounds} rounds of {options.calls} calls,
or of {streams} streams of {CHUNKS} chunks. A ratio is the median of the rounds' ratios. Compare the figures of one
table: absolute values move with the machine.

{tables[0]}

## What was to be reached

{tables[1]}

## Versions

{chr(10).join(f"- {CONTENDERS[name]}: {listed}" for name, listed in versions.items())}
"""


def _machine() -> str:
    found = cores()
    pinned = found is not None and len(set(found)) == 2
    return f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores, " + (
        "contenders and upstream each on one of their own" if pinned else "processes not pinned"
    )


if __name__ == "__main__":
    main()
