"""One OpenTelemetry trace per incident, across all processes: its ids follow from the repository and the issue."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

_TRACER = trace.get_tracer("sre-space")


def incident_trace_id(repo: str, issue: int) -> str:
    """The trace id of an incident, 32 hex digits."""
    return hashlib.sha256(f"sre-space/{repo}#{issue}".encode()).hexdigest()[:32]


def _root(repo: str, issue: int) -> SpanContext:
    trace_id = incident_trace_id(repo, issue)
    span_id = hashlib.sha256(f"root/{trace_id}".encode()).hexdigest()[:16]
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


@contextmanager
def step_span(name: str, repo: str, issue: int, linked_traces: Sequence[str] = ()) -> Iterator[Span]:
    """A span in the incident's trace, with links to the patient's failing traces (32 hex digits each)."""
    links = [
        Link(SpanContext(int(t, 16), int(t[:16], 16) or 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
        for t in linked_traces
    ]
    context = trace.set_span_in_context(NonRecordingSpan(_root(repo, issue)))
    with _TRACER.start_as_current_span(name, context=context, kind=SpanKind.INTERNAL, links=links) as span:
        span.set_attribute("sre_space.repo", repo)
        span.set_attribute("sre_space.issue", issue)
        yield span


def traceparent(repo: str, issue: int) -> str:
    """The W3C header of the current span, or of the incident's root."""
    current = trace.get_current_span().get_span_context()
    context = current if current.is_valid else _root(repo, issue)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
