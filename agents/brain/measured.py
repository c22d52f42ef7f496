"""What the traces show of each service, counted once for all analysts: own times, ways, failures, calls, early ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agents.brain.case import Case
from agents.brain.ratio import Timed
from shared.analysis.selftime import self_times_us
from shared.analysis.trace import Span, Trace
from shared.incident.evidence import SERVICE_NAME

ATTRIBUTES: Final = frozenset(("peer.service", "db.system", "http.response.status_code"))
"""Of a span, all that is read here or anywhere in Brain: a case holds no others (agents/brain/clean.py)."""
Operation = tuple[str, str]
"""Service and operation."""


@dataclass(slots=True)
class Window:
    """One window's counts. Lists are in the order of the traces."""

    spans: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By service."""
    own: dict[Operation, list[Timed]] = field(default_factory=lambda: defaultdict(list))
    """Own times of what a service served, its calls taken off."""
    ways: dict[str, list[Timed]] = field(default_factory=lambda: defaultdict(list))
    """By callee: how much longer the caller waited than the callee worked."""
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By callee."""
    unanswered: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    """By callee: calls that failed without an answer."""
    outside: dict[Operation, list[Timed]] = field(default_factory=lambda: defaultdict(list))
    """Calls to something that is neither traced nor a container."""
    outside_failed: dict[Operation, list[Span]] = field(default_factory=lambda: defaultdict(list))
    origins: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    """By service: failures with no failure beneath them."""
    calls_made: dict[Operation, list[tuple[int, Span]]] = field(default_factory=lambda: defaultdict(list))
    """How many calls each served request made that did not fail."""
    edges: set[tuple[str, str]] = field(default_factory=set)
    """(caller, callee)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Both windows, and who calls whom in either."""

    before: Window
    during: Window
    edges: frozenset[tuple[str, str]]

    def beneath(self, service: str) -> frozenset[str]:
        """All that `service` calls, directly or through others; itself not included."""
        found: set[str] = set()
        frontier = [service]
        while frontier:
            caller = frontier.pop()
            new = {callee for c, callee in self.edges if c == caller} - found - {service}
            found |= new
            frontier += new
        return frozenset(found)


def measure(case: Case) -> Measured:
    """Count both windows. Names that are no service names are somebody's text and left out."""
    known = {span.service for trace in (*case.baseline, *case.during) for span in trace.spans} | set(case.containers)
    learned = _callees((*case.baseline, *case.during))
    before, during = _window(case.baseline, known, learned), _window(case.during, known, learned)
    return Measured(before, during, frozenset(before.edges | during.edges))


def _callees(traces: Iterable[Trace]) -> dict[Operation, str]:
    """Which service answers which call, as seen where it was answered."""
    found: dict[Operation, str] = {}
    for trace in traces:
        spans = {s.span_id: s for s in trace.spans}
        for span in trace.spans:
            above = spans.get(span.parent_id or "")
            if above is not None and above.service != span.service and above.kind == "client":
                found[above.service, above.operation] = span.service
    return found


def _callee(span: Span, learned: Mapping[Operation, str]) -> str | None:
    named = span.attributes.get("peer.service")
    if isinstance(named, str) and named != span.service and SERVICE_NAME.fullmatch(named):
        return named
    return learned.get((span.service, span.operation))


def _window(traces: Iterable[Trace], known: set[str], learned: Mapping[Operation, str]) -> Window:
    window = Window()
    for trace in traces:
        children: dict[str, list[Span]] = defaultdict(list)
        for span in trace.spans:
            if span.parent_id is not None:
                children[span.parent_id].append(span)
        own = self_times_us(trace)
        for span in trace.spans:
            if not SERVICE_NAME.fullmatch(span.service):
                continue
            window.spans[span.service] += 1
            below = children.get(span.span_id, [])
            if span.kind == "client" or "db.system" in span.attributes:
                _called(window, span, below, _callee(span, learned), known)
            else:
                window.own[span.service, span.operation].append((own[span.span_id], span))
                if span.error and not any(c.error for c in below):
                    window.origins[span.service].append(span)
                if not span.error:
                    made = sum(c.service == span.service and c.kind == "client" for c in below)
                    window.calls_made[span.service, span.operation].append((made, span))
    return window


def _called(window: Window, span: Span, below: list[Span], callee: str | None, known: set[str]) -> None:
    """One call: what came back, and from whom."""
    if callee is None or callee not in known:
        if not below:
            window.outside[span.service, span.operation].append((span.duration_us, span))
            if span.error:
                window.outside_failed[span.service, span.operation].append(span)
        return
    window.calls[callee] += 1
    window.edges.add((span.service, callee))
    answer = next((c for c in below if c.service == callee), None)
    if answer is not None:
        window.ways[callee].append((max(span.duration_us - answer.duration_us, 0), span))
        return
    code = span.attributes.get("http.response.status_code")
    if not span.error:
        return
    if isinstance(code, int) and code >= 500:
        window.origins[callee].append(span)  # it answered so; its own span is still under way
    elif code is None:
        window.unanswered[callee].append(span)
