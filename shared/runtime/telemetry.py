"""Sends the fleet's own spans where the patients' go (OTLP), in the background; better lost than waited for."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def export_to(otlp_url: str, service: str) -> Callable[[], None]:
    """Begin to export spans as `service` to `otlp_url` (base URL). Returns what ends it, within two seconds."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{otlp_url}/v1/traces", timeout=2)
    processor = BatchSpanProcessor(exporter, schedule_delay_millis=500, max_queue_size=2048)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)

    def stop() -> None:
        provider.force_flush(2000)
        provider.shutdown()

    return stop
