"""OpenTelemetry of a server process: what the process has, else what ``OTEL_*`` variables describe."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from dragoman.errors import SettingsError
from dragoman.settings import AllowedHost, TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider

    from dragoman.telemetry import Telemetry

logger = logging.getLogger("dragoman.server")

SERVICE_NAME = "dragoman"


class Tracing:
    """The telemetry of one server process. Closing it sends what waits; it closes nothing that others made."""

    def __init__(self, settings: TelemetrySettings) -> None:
        try:
            from dragoman.telemetry import Telemetry
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "opentelemetry":
                raise
            hint = "pip install 'dragoman[telemetry]', or leave telemetry.enabled out"
            raise SettingsError("telemetry.enabled needs OpenTelemetry, which is not installed", hint=hint) from None
        self._closing: list[Callable[[], object]] = []
        tracer, meter = self._providers()
        self.telemetry: Telemetry = Telemetry(tracer, meter, [AllowedHost.of(e) for e in settings.propagate_to])

    def close(self) -> None:
        """Send what waits. Blocks, for at most as long as the exporters take to give up."""
        for close in self._closing:
            try:
                close()
            except Exception:
                logger.exception("telemetry could not be sent")

    def _providers(self) -> tuple[TracerProvider | None, MeterProvider | None]:
        """Return ``None`` twice where the process has providers already, as under ``opentelemetry-instrument``."""
        from opentelemetry import trace

        if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return None, None
        try:
            return self._own_providers()
        except ImportError as error:
            hint = "pip install 'dragoman[telemetry]', or start the process with OpenTelemetry set up"
            raise SettingsError(f"telemetry.enabled: {error.name} is not installed", hint=hint) from None

    def _own_providers(self) -> tuple[TracerProvider, MeterProvider]:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = _resource()
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._closing += [tracers.shutdown, meters.shutdown]
        return tracers, meters


def _resource() -> Resource:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    named = {"service.name": SERVICE_NAME, "service.instance.id": str(os.getpid())}
    return Resource.create(named).merge(OTELResourceDetector().detect())
