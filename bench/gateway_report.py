"""From the turns of the gateways to the page: medians, ratios round by round, and what was to be reached."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

from report import aligned
from upstream_openai import CHUNKS

if TYPE_CHECKING:
    from gateway import Measured

SUBJECT, FLOOR, PEER = "gateway_dragoman", "gateway_bare", "gateway_litellm"


def results(found: Mapping[str, Measured], *, concurrency: int, rounds: int, requests: int, date: str) -> str:
    """Return the page."""
    load = os.getloadavg()[1]
    versions = [f"- {m.title}: " + ", ".join(f"{n} {v}" for n, v in m.versions.items()) for m in found.values()]
    return f"""\
# Gateways on one core

Written by `nox -s bench_gateway` on {date}: {platform.system()}, {platform.machine()}, {os.cpu_count()} cores, \
Python {platform.python_version()}.

Each gateway has one core; upstream and load share the other. {concurrency} connections ask one after the other, without
TLS; the upstream answers at once, a stream with all its {CHUNKS} chunks. Medians of {rounds} rounds of {requests}
requests, or of a quarter as many streams (LiteLLM: a twentieth of both). CPU is user and system time of the process,
the second after the load included. The requests set a temperature, so that the policy has something to decide. Dragoman
checks a key of its store, decides by the policy at stage `prod` as role `user`, prices and books every call, counts for
Prometheus and logs a line; LiteLLM compares its master key and has no database; the bare forwarder compares a text and
passes bytes on. Requests per second are bounded by the load's core where a gateway is faster than that; CPU is not.
Compare the figures of one table: absolute values move with the machine, and this one did other work at the same time.
A ratio is the median of the rounds' ratios. Load average of the machine when it ended, over five minutes: {load:.0f}.

{aligned(_requests(found))}

{aligned(_streams(found))}

{aligned(_processes(found))}

## What was to be reached

{aligned(_targets(found))}

## Versions

{chr(10).join(versions)}
"""


def _requests(found: Mapping[str, Measured]) -> list[list[str]]:
    head = ["requests", "CPU-s per 1,000", "requests/s", "p50 ms", "p99 ms"]
    return [head, *([m.title, *_figures(m, "call", ("p50_ms", "p99_ms"))] for m in found.values())]


def _streams(found: Mapping[str, Measured]) -> list[list[str]]:
    head = ["streams", "CPU-s per 1,000", "streams/s", "first byte p50 ms", "p50 ms", "p99 ms"]
    return [head, *([m.title, *_figures(m, "stream", ("first_p50_ms", "p50_ms", "p99_ms"))] for m in found.values())]


def _figures(measured: Measured, operation: str, latencies: tuple[str, ...]) -> list[str]:
    return [
        f"{measured.median(operation, 'cpu_s') * 1000:.3f}",
        f"{measured.median(operation, 'per_s'):,.0f}",
        *(f"{measured.median(operation, name):.1f}" for name in latencies),
    ]


def _processes(found: Mapping[str, Measured]) -> list[list[str]]:
    head = ["process", "ready after s", "most memory MiB"]
    return [head, *([m.title, f"{median(m.ready_s):.2f}", f"{m.rss_mib:.0f}"] for m in found.values())]


def _ratio(found: Mapping[str, Measured], operation: str, figure: str, against: str) -> float | None:
    """Return the median of the rounds' ratios: within a round both saw the same machine."""
    if not {SUBJECT, against} <= set(found):
        return None
    pairs = zip(found[SUBJECT].turns[operation], found[against].turns[operation], strict=True)
    return float(median(getattr(own, figure) / getattr(other, figure) for own, other in pairs))


def _targets(found: Mapping[str, Measured]) -> list[list[str]]:
    table = [["Dragoman", "to reach", "measured", ""]]
    own = found.get(SUBJECT)
    if own is None:
        return table
    cpu_s = own.median("call", "cpu_s") * 1000
    bounds: list[tuple[str, str, float, float | None]] = [
        ("CPU-s per 1,000 requests", "at most", 0.40, cpu_s),
        ("CPU of a request, of the bare forwarder", "at most", 3.0, _ratio(found, "call", "cpu_s", FLOOR)),
        ("CPU of a stream, of the bare forwarder", "at most", 3.0, _ratio(found, "stream", "cpu_s", FLOOR)),
        ("requests/s, of LiteLLM", "at least", 12.0, _ratio(found, "call", "per_s", PEER)),
        ("most memory, MiB", "at most", 160, own.rss_mib),
        ("ready after, s", "at most", 1.5, median(own.ready_s)),
    ]
    for what, side, bound, measured in bounds:
        if measured is not None:
            is_reached = measured <= bound if side == "at most" else measured >= bound
            table.append([what, f"{side} {bound:g}", f"{measured:.2f}", "reached" if is_reached else "missed"])
    return table
