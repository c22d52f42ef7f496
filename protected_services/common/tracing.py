"""Spans of one service, sent to an OTLP/HTTP collector in small, frequent batches."""

import os
import socket
import threading
from collections.abc import Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from protected_services.common.settings import Settings

EXPORT_DELAY_MS = 200
"""A span is at the collector within about this time of its end: the fleet sees faults through it."""
EXPORT_TIMEOUT_S = 2.0
"""All attempts for one batch together. A collector that is down costs spans, never requests."""

W3C = TraceContextTextMapPropagator()
"""https://www.w3.org/TR/trace-context/"""


class Tracing:
    """The tracer of this process and its way out."""

    def __init__(self, settings: Settings) -> None:
        resource = Resource(
            {
                "service.name": settings.service,
                "service.version": settings.version,
                "service.namespace": "marketplace",
                "service.instance.id": f"{socket.gethostname()}-{os.getpid()}-{settings.started_at:.3f}",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if settings.otlp_endpoint:
            self._provider.add_span_processor(
                BatchSpanProcessor(
                    LateExporter(f"{settings.otlp_endpoint}/v1/traces"),
                    max_queue_size=4096,
                    schedule_delay_millis=EXPORT_DELAY_MS,
                    max_export_batch_size=512,
                )
            )
        self.tracer: Tracer = self._provider.get_tracer("protected_services")

    def close(self, within_s: float) -> None:
        """Send what is left, for at most `within_s` seconds; the rest is lost."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(within_s)


class LateExporter(SpanExporter):
    """The OTLP exporter, imported by the export thread at its first batch: start-up has no 90 ms for it."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._exporter: SpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            self._exporter = OTLPSpanExporter(endpoint=self._endpoint, timeout=EXPORT_TIMEOUT_S)
        return self._exporter.export(spans)

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()


def mark_error(span: Span, error_type: str, message: str = "") -> None:
    """Status ERROR and `error.type`, as the HTTP semantic conventions ask."""
    span.set_status(Status(StatusCode.ERROR, message or None))
    span.set_attribute("error.type", error_type)


def trace_id(span: Span) -> str:
    """32 hex digits."""
    return f"{span.get_span_context().trace_id:032x}"
