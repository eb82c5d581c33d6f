"""Spans and metrics of calls, by OpenTelemetry's conventions for generative AI of v1.41.0 (looked up 2026-11-28).

That is their last version beside the others. In a repository of their own they are being rearranged: its v0.1.0 gives
the metrics other names, and OpenTelemetry's package for Python does not have those yet.

Needs the extra ``telemetry``; importing this module imports OpenTelemetry. The gateway uses it where
``telemetry.enabled`` says so; a program that embeds the engine observes a call with it:

    telemetry = Telemetry()
    await engine.chat("gpt", "Hello", observe=telemetry.observer())

Neither spans nor metrics hold a prompt, an answer or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dragoman.adapter import Operation
from dragoman.provider import CallObservation
from dragoman.transport.tracing import OutgoingTrace, outgoing_trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragoman.settings import AllowedHost

NAME = "dragoman"
#: Our operations in the conventions' words; they have none for reranking.
_OPERATIONS: Mapping[Operation, str] = {"chat": "chat", "embed": "embeddings", "rerank": "rerank"}
#: What the conventions advise, in seconds and in tokens.
_BUCKETS_S = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_BUCKETS_TOKENS = [float(4**power) for power in range(14)]
#: What ``error.type`` says of a call that its caller left; that is no error of the call.
CANCELLED = "cancelled"

_PROPAGATOR = TraceContextTextMapPropagator()


class Telemetry:
    """Makes one span for each call, and counts what it took.

    Args:
        tracer_provider: Where spans go; ``None`` = the process-wide provider.
        meter_provider: Where metrics go; ``None`` = the process-wide provider.
        propagate_to: Hosts that are told of the call's span; the others never hear of it.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        propagate_to: Sequence[AllowedHost] = (),
    ) -> None:
        self.propagate_to = tuple(propagate_to)
        self.tracer = trace.get_tracer(NAME, tracer_provider=tracer_provider)
        meter = metrics.get_meter(NAME, meter_provider=meter_provider)
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Duration of a call",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        self.first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time until the first event of a streamed answer",
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Tokens of a call, read and written",
            explicit_bucket_boundaries_advisory=_BUCKETS_TOKENS,
        )

    def observer(
        self, headers: Mapping[str, str] | None = None, attributes: Mapping[str, str] | None = None
    ) -> CallSpan:
        """Return the observer of one call.

        Args:
            headers: Those of the request that the call answers, names in lower case: a ``traceparent`` among them is
                the span's parent. ``None``: the parent is the span that is current when the call starts.
            attributes: Further attributes of the span.
        """
        parent = None if headers is None else _PROPAGATOR.extract(headers, Context())
        return CallSpan(self, parent, attributes or {})


class CallSpan:
    """Observes one call: the span begins and ends with it, however it ends. Use it for one call alone."""

    __slots__ = ("_attributes", "_parent", "_span", "_telemetry")

    def __init__(self, telemetry: Telemetry, parent: Context | None, attributes: Mapping[str, str]) -> None:
        self._telemetry = telemetry
        self._parent = parent
        self._attributes = attributes
        self._span: Span | None = None

    def __call__(self, call: CallObservation) -> None:
        """Take what the engine tells."""
        if call.phase == "start":
            self._start(call)
        elif self._span is not None:
            self._end(call, self._span)

    @property
    def trace_id(self) -> str | None:
        """The trace's id in hexadecimal; ``None`` before the call starts, and where nothing is traced."""
        context = self._span.get_span_context() if self._span is not None else None
        return trace.format_trace_id(context.trace_id) if context is not None and context.is_valid else None

    def _start(self, call: CallObservation) -> None:
        telemetry = self._telemetry
        shared = _shared_attributes(call)
        span = self._span = telemetry.tracer.start_span(
            f"{shared['gen_ai.operation.name']} {call.model}",
            context=self._parent,
            kind=SpanKind.CLIENT,
            attributes={**shared, **self._attributes, **_known({"dragoman.adapter": call.adapter})},
        )
        if telemetry.propagate_to:
            headers: dict[str, str] = {}
            _PROPAGATOR.inject(headers, trace.set_span_in_context(span, self._parent))
            outgoing_trace.set(OutgoingTrace(headers, telemetry.propagate_to) if headers else None)

    def _end(self, call: CallObservation, span: Span) -> None:
        if self._telemetry.propagate_to:
            outgoing_trace.set(None)
        error_type = CANCELLED if call.phase == "cancelled" else call.error_code
        if span.is_recording():
            span.set_attributes(_end_attributes(call, error_type))
            if call.phase == "error":
                span.set_status(Status(StatusCode.ERROR, call.error_code))
        span.end()
        self._count(call, error_type, trace.set_span_in_context(span, self._parent))

    def _count(self, call: CallObservation, error_type: str | None, context: Context) -> None:
        telemetry = self._telemetry
        shared = {**_shared_attributes(call), **_known({"gen_ai.response.model": call.response_model})}
        if call.duration_s is not None:
            ended = shared if error_type is None else {**shared, "error.type": error_type}
            telemetry.duration.record(call.duration_s, ended, context)
        if call.first_event_s is not None:
            telemetry.first_chunk.record(call.first_event_s, shared, context)
        if call.usage is not None:
            for kind, tokens in (("input", call.usage.input_tokens), ("output", call.usage.output_tokens)):
                if tokens is not None:
                    telemetry.tokens.record(tokens, {**shared, "gen_ai.token.type": kind}, context)


def _shared_attributes(call: CallObservation) -> dict[str, str]:
    return {
        "gen_ai.operation.name": _OPERATIONS[call.operation],
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
    }


def _end_attributes(call: CallObservation, error_type: str | None) -> dict[str, Any]:
    usage = call.usage
    figures: dict[str, Any] = {
        "gen_ai.response.model": call.response_model,
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.finish_reasons": [call.finish_reason] if call.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": call.first_event_s,
        "dragoman.attempts": call.attempts,
        "error.type": error_type,
    }
    if usage is not None:
        figures |= {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_input_tokens,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
            "dragoman.usage.source": usage.source,
        }
    return _known(figures)


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
