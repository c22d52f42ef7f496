"""What the traces say: where errors begin, and whose own time has grown.

Both are likelihood ratios of counts. With k of n spans bad, a baseline rate p0 and a fault's rate p1, the weight is
k·ln(p1/p0) + (n-k)·ln((1-p1)/(1-p0)), cut at ±6 nats so that no amount of traffic outweighs a container's word.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from agents.brain.case import Case, Clue, evidence
from shared.analysis.selftime import self_times_us
from shared.analysis.trace import Span, Trace
from shared.incident.evidence import SERVICE_NAME
from shared.incident.replay import Incident

NAME = "traces"
FAULT_RATE = 0.2
CUT = 6.0


def weight(bad: int, total: int, p0: float, p1: float) -> float:
    """The log-likelihood ratio of `bad` of `total` under p1 against p0, cut at ±CUT nats."""
    p0 = min(max(p0, 0.005), 0.9)
    p1 = max(p1, min(2 * p0, 0.95))
    ratio = bad * math.log(p1 / p0) + (total - bad) * math.log((1 - p1) / (1 - p0))
    return max(-CUT, min(CUT, ratio))


def analyse(incident: Incident, case: Case) -> tuple[Clue, ...]:
    """Clues about every service in the traces that has the name of one; other names are somebody's text."""
    del incident
    return tuple(c for c in (*_errors(case), *_slow(case)) if SERVICE_NAME.fullmatch(c.service))


def error_origins(traces: Iterable[Trace]) -> dict[str, list[Span]]:
    """Error spans without an error beneath them, by the service they are of."""
    found: dict[str, list[Span]] = defaultdict(list)
    for trace in traces:
        echoes = {s.parent_id for s in trace.spans if s.error}
        for span in trace.spans:
            if span.error and span.span_id not in echoes:
                found[span.service].append(span)
    return found


def _totals(traces: Iterable[Trace]) -> dict[str, int]:
    totals: dict[str, int] = defaultdict(int)
    for trace in traces:
        for span in trace.spans:
            totals[span.service] += 1
    return totals


def _errors(case: Case) -> list[Clue]:
    before, during = error_origins(case.baseline), error_origins(case.during)
    totals_before, totals = _totals(case.baseline), _totals(case.during)
    clues = []
    for service, spans in during.items():
        rate = len(before.get(service, ())) / max(totals_before.get(service, 0), 1)
        ratio = weight(len(spans), totals[service], rate, FAULT_RATE)
        if ratio <= 0:
            continue
        worst = spans[0]
        seen = f"{len(spans)} of {totals[service]} spans of {service} are the origin of an error (before: {rate:.1%})"
        proof = evidence(
            "trace",
            service,
            f"{seen}; first: {worst.operation} {worst.status_message}",
            sorted([s.trace_id, s.span_id] for s in spans),
            trace_id=worst.trace_id,
        )
        clues.append(Clue(NAME, service, "errors", ratio, "errors begin here", (proof,)))
    return clues


def _slow(case: Case) -> list[Clue]:
    before, during = _own_times(case.baseline), _own_times(case.during)
    clues = []
    for (service, operation), spans in during.items():
        known = before.get((service, operation))
        if not known or len(known) < 20 or not spans:
            continue
        usual = median(us for us, _ in known)
        limit = max(sorted(us for us, _ in known)[int(0.95 * (len(known) - 1))], 2 * usual, usual + 50_000)
        slow = [(us, s) for us, s in spans if us > limit]
        base = sum(us > limit for us, _ in known) / len(known)
        ratio = weight(len(slow), len(spans), max(base, 0.02), 0.5)
        if ratio <= 0 or not slow:
            continue
        now = median(us for us, _ in spans)
        worst = max(slow, key=lambda pair: pair[0])[1]
        seen = f"own time of {operation}: median {now / 1000:.0f} ms, was {usual / 1000:.0f} ms ({len(spans)} spans)"
        proof = evidence(
            "trace", service, seen, sorted([s.trace_id, s.span_id, us] for us, s in slow), trace_id=worst.trace_id
        )
        clues.append(Clue(NAME, service, "slow", ratio, "its own time has grown, not its callees'", (proof,)))
    best: dict[str, Clue] = {}
    for clue in clues:
        if clue.service not in best or clue.weight > best[clue.service].weight:
            best[clue.service] = clue
    return list(best.values())


def _own_times(traces: Iterable[Trace]) -> dict[tuple[str, str], list[tuple[int, Span]]]:
    times: dict[tuple[str, str], list[tuple[int, Span]]] = defaultdict(list)
    for trace in traces:
        own = self_times_us(trace)
        for span in trace.spans:
            if span.kind != "client":
                times[(span.service, span.operation)].append((own[span.span_id], span))
    return times
