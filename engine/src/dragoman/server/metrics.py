"""What Prometheus reads: calls, errors, durations, tokens, requests in progress. The catalogue bounds the labels."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from dragoman.engine import EngineFigures
from dragoman.events import Usage

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
#: From fast refusals to long answers, in seconds.
BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_LABELS = ("adapter", "provider", "operation")
Labels = tuple[str, str, str]


class _Series(NamedTuple):
    """The series of one adapter, looked up once."""

    duration: Any
    first_token: Any
    tokens_in: Any
    tokens_out: Any
    tokens_cached: Any
    tokens_reasoning: Any


class _Looked:
    """What is looked up when somebody asks, instead of being counted with each call."""

    def __init__(self, look: Callable[[], Iterator[Metric]]) -> None:
        self._look = look

    def describe(self) -> Iterator[Metric]:
        """Describe nothing: the names are ours alone."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures of this moment."""
        return self._look()


class Metrics:
    """The figures of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        named: dict[str, Any] = {"registry": self.registry}
        self._calls = Counter("dragoman_calls", "Calls that ended", (*_LABELS, "status"), **named)
        self._errors = Counter("dragoman_errors", "Calls that failed, by code", (*_LABELS, "code"), **named)
        self._duration = Histogram(
            "dragoman_call_seconds", "From request to the answer's end", _LABELS, buckets=BUCKETS_S, **named
        )
        self._first = Histogram(
            "dragoman_first_token_seconds",
            "From request to the answer's first piece",
            _LABELS,
            buckets=BUCKETS_S,
            **named,
        )
        self._tokens = Counter("dragoman_tokens", "Tokens, by kind", (*_LABELS, "kind"), **named)
        self._retries = Counter("dragoman_retries", "Attempts at the provider beyond the first", _LABELS, **named)
        self._in_flight = Gauge("dragoman_in_flight", "Requests in progress", **named)
        self._refused = Counter("dragoman_refused", "Requests that were not let in", ("code",), **named)
        self._series: dict[Labels, _Series] = {}
        self._ends: dict[tuple[str, str, str, str], Any] = {}
        self._running: Tally[Labels] = Tally()
        self._figures: Callable[[], EngineFigures] | None = None
        self.registry.register(_Looked(self._look))

    def watch_in_flight(self, count: Callable[[], float]) -> None:
        """Ask this function for the requests in progress, whenever somebody looks."""
        self._in_flight.set_function(count)

    def watch_engine(self, figures: Callable[[], EngineFigures]) -> None:
        """Ask this function for what the engine has counted, whenever somebody looks."""
        self._figures = figures

    def begun(self, labels: Labels) -> None:
        """Count a call that is under way; ``labels`` are adapter, provider and operation."""
        self._running[labels] += 1

    def left(self, labels: Labels) -> None:
        """Count that a call is under way no more."""
        self._running[labels] -= 1

    def refused(self, code: str) -> None:
        """Count a request that was not let in."""
        self._refused.labels(code).inc()

    def ended(
        self,
        labels: Labels,
        *,
        status: int,
        error_code: str | None,
        duration_s: float,
        first_token_s: float | None,
        attempts: int,
        usage: Usage,
    ) -> None:
        """Count a call; ``labels`` are adapter, provider and operation."""
        series = self._series.get(labels) or self._open(labels)
        end = (*labels, str(status))
        counter = self._ends.get(end)
        if counter is None:
            counter = self._ends[end] = self._calls.labels(*end)
        counter.inc()
        series.duration.observe(duration_s)
        if first_token_s is not None:
            series.first_token.observe(first_token_s)
        if error_code is not None:
            self._errors.labels(*labels, error_code).inc()
        if attempts > 1:
            self._retries.labels(*labels).inc(attempts - 1)
        for counted, tokens in (
            (series.tokens_in, usage.input_tokens),
            (series.tokens_out, usage.output_tokens),
            (series.tokens_cached, usage.cached_input_tokens),
            (series.tokens_reasoning, usage.reasoning_tokens),
        ):
            if tokens:
                counted.inc(tokens)

    def text(self) -> bytes:
        """Return every figure in Prometheus' text format."""
        return generate_latest(self.registry)

    def _look(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("dragoman_calls_in_flight", "Calls under way", labels=_LABELS)
        for labels, count in self._running.items():
            running.add_metric(labels, count)
        yield running
        if self._figures is None:
            return
        figures = self._figures()
        queue = GaugeMetricFamily(
            "dragoman_queue", "Calls that wait for a slot of limits.max_concurrency", labels=("provider",)
        )
        for provider, count in figures.waiting.items():
            queue.add_metric((provider,), count)
        yield queue
        yield CounterMetricFamily(
            "dragoman_secret_refreshes", "Readings of the secret sources", value=figures.secret_readings
        )
        refreshes = CounterMetricFamily(
            "dragoman_credential_refreshes", "Credentials obtained for providers", labels=("outcome",)
        )
        refreshes.add_metric(("ok",), figures.credentials_acquired)
        refreshes.add_metric(("failed",), figures.credentials_failed)
        yield refreshes

    def _open(self, labels: Labels) -> _Series:
        kinds = (self._tokens.labels(*labels, kind) for kind in ("input", "output", "cached_input", "reasoning"))
        series = _Series(self._duration.labels(*labels), self._first.labels(*labels), *kinds)
        self._series[labels] = series
        return series
