"""Gateways side by side: what a request and a stream cost in CPU, how many go through one core, memory, start-up.

    python bench/gateway.py            writes bench/RESULTS-gateway.md
    python bench/gateway.py --quick    a first look; writes nothing

Every gateway is a process with an environment of its own (``contenders/gateway_NAME.py``), on one core. On the other
core are the upstream and the load. The gateways take turns, round by round, in random order, so that all see the same
noise of the machine. CPU is user and system time of the gateway's process, and of what it does in the second after the
load: what is put off is paid for as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from environments import HERE, python_for
from gateway_report import results
from processes import Child, child_environment, cores
from upstream_openai import ANSWER, WORDS

CONCURRENCY = 16
SETTLE_S = 1.0
START_PATIENCE_S = 120
RESULTS = HERE / "RESULTS-gateway.md"

#: Contender -> what the tables call it, and which share of the requests it is given: LiteLLM needs a minute for what
#: takes the others a second.
CONTENDERS: Mapping[str, tuple[str, float]] = {
    "gateway_bare": ("bare Starlette + aiohttp", 1),
    "gateway_dragoman": ("Dragoman", 1),
    "gateway_litellm": ("LiteLLM proxy", 0.05),
}
MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant. Answer briefly and to the point."},
    {"role": "user", "content": "Turn 1: what would you see from the top of that hill?"},
]


class Turn(NamedTuple):
    """One gateway's part of a round."""

    cpu_s: float
    per_s: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float


@dataclass
class Measured:
    """What was found out about one gateway; the turns by operation: ``call`` and ``stream``."""

    title: str
    versions: Mapping[str, str]
    ready_s: list[float]
    rss_mib: float = 0.0
    turns: dict[str, list[Turn]] = field(default_factory=dict)

    def median(self, operation: str, figure: str) -> float:
        return float(median(getattr(turn, figure) for turn in self.turns[operation]))


class Gateway(AbstractContextManager["Gateway"]):
    """A gateway's process."""

    def __init__(self, started: dict[str, Any], port: int, core: int | None, log: Path) -> None:
        self.started = started
        self.port = port
        begun = time.perf_counter()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                started["command"], env=child_environment(), stdout=output, stderr=output, cwd=log.parent
            )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self._wait_until_ready(log)
        self.ready_s = time.perf_counter() - begun

    def _wait_until_ready(self, log: Path) -> None:
        ends = time.monotonic() + START_PATIENCE_S
        url = f"http://127.0.0.1:{self.port}{self.started['health']}"
        while self._process.poll() is None and time.monotonic() < ends:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.01)
        sys.exit(f"bench: {self.started['command'][0]} does not start:\n{log.read_text(errors='replace')[-2000:]}")

    def cpu_s(self) -> float:
        """Return user and system seconds of the process so far, all threads."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss_mib(self) -> float:
        """Return the most memory that it held at any time."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main() -> None:
    options = _options()
    gateway_core, other_core = cores() or (None, None)
    with ExitStack() as running, tempfile.TemporaryDirectory() as scratch:
        upstream = running.enter_context(Child([sys.executable, HERE / "upstream.py"], other_core))
        load = running.enter_context(Child([sys.executable, HERE / "load.py"], other_core))
        address = f"http://127.0.0.1:{int(upstream.first_line)}"
        gateways, found = {}, {}
        for name in options.only or CONTENDERS:
            gateways[name], found[name] = _start(
                running, name, address, Path(scratch), core=gateway_core, starts=options.starts
            )
        for number in range(options.rounds + 1):
            print(f"\rround {number} of {options.rounds}", end="", file=sys.stderr, flush=True)
            for operation in ("call", "stream"):
                for name in random.sample(list(gateways), len(gateways)):
                    turn = _turn(gateways[name], load, operation, _times(name, operation, options.requests))
                    if number:  # the first round is the warm-up
                        found[name].turns.setdefault(operation, []).append(turn)
        for name, gateway in gateways.items():
            found[name].rss_mib = gateway.peak_rss_mib()
    print(file=sys.stderr)
    text = results(found, concurrency=CONCURRENCY, rounds=options.rounds, requests=options.requests, date=_today())
    print(text)
    if not options.quick and not options.only:
        RESULTS.write_text(text, encoding="utf-8")


def _start(
    running: ExitStack, name: str, upstream: str, scratch: Path, *, core: int | None, starts: int
) -> tuple[Gateway, Measured]:
    """Start a gateway several times, for the time it takes, and leave the last one running."""
    python, program = python_for(name), HERE / "contenders" / f"{name}.py"
    ready_s: list[float] = []
    for number in range(starts):
        port = _free_port()
        folder = scratch / f"{name}-{number}"
        prepare: list[str | Path] = [python, program, "prepare", upstream, folder, str(port)]
        said = subprocess.run(prepare, env=child_environment(), check=True, capture_output=True, text=True).stdout
        started = json.loads(said.splitlines()[-1])
        gateway = Gateway(started, port, core, scratch / f"{name}.log")
        ready_s.append(gateway.ready_s)
        if number + 1 < starts:
            gateway.__exit__()
    running.enter_context(gateway)
    return gateway, Measured(CONTENDERS[name][0], started["versions"], ready_s)


def _turn(gateway: Gateway, load: Child, operation: str, times: int) -> Turn:
    body: dict[str, Any] = {"model": gateway.started["model"], "messages": MESSAGES, "temperature": 0.5}
    if operation == "stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    asked = {
        "port": gateway.port,
        "path": "/v1/chat/completions",
        "concurrency": CONCURRENCY,
        "times": times,
        "headers": {"authorization": f"Bearer {gateway.started['key']}", "content-type": "application/json"},
        "body": body,
    }
    cpu_s = gateway.cpu_s()
    answer = load.ask(json.dumps(asked))
    time.sleep(SETTLE_S)
    cpu_s = gateway.cpu_s() - cpu_s
    expected = WORDS[-1] if operation == "stream" else ANSWER
    if answer["failed"] or expected not in answer["text"]:
        sys.exit(f"bench: {gateway.started['command'][0]} failed: {answer['failed']} times; {answer['text'][:800]}")
    latencies = [answer[name] for name in ("p50_ms", "p99_ms", "first_p50_ms")]
    return Turn(cpu_s / times, times / answer["wall_s"], *latencies)


def _times(name: str, operation: str, requests: int) -> int:
    share = CONTENDERS[name][1] * (1 if operation == "call" else 0.25)
    return max(CONCURRENCY * 2, int(requests * share))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns of each gateway (default 7)")
    parser.add_argument("--requests", type=int, default=3000, help="a turn; a quarter as many streams (default 3000)")
    parser.add_argument("--starts", type=int, default=3, help="how often each is started (default 3)")
    parser.add_argument("--only", action="append", choices=list(CONTENDERS), help="only this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1000 requests, one start")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.requests, options.starts = 2, 1000, 1
    return options


if __name__ == "__main__":
    main()
