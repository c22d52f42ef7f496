"""What the metrics say: processor, memory, load and failures of each service, before and since.

A gauge is coarse and late: it never puts an explanation on the list, it weighs what others have put there.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Final

from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.reading import SETTLED_S, Reading
from shared.analysis.metrics import SERVICE
from shared.incident.evidence import SERVICE_NAME
from shared.incident.parts import Cause
from shared.incident.replay import Incident

NAME: Final = "gauges"
CPU, MEMORY, REQUESTS, FAILURES = "processor", "memory", "requests", "failures"
QUERIES: Final = {
    CPU: 'sum by (service) (rate(process_cpu_seconds_total{service!=""}[20s]))',
    MEMORY: 'max by (service) (process_resident_memory_bytes{service!=""})',
    REQUESTS: 'sum by (service) (rate(http_requests_total{service!=""}[20s]))',
    FAILURES: 'sum by (service) (rate(http_requests_total{service!="", status=~"5.."}[20s]))',
}
"""PromQL of each gauge (s/s, bytes, 1/s, 1/s), one series a service."""
UNITS: Final = {CPU: "of a core", MEMORY: "MB", REQUESTS: "a second", FAILURES: "a second"}
FEWEST: Final = 3
"""Points before and since that make a level."""
GROWN: Final = 2.0
"""Times the usual level."""
LEAST: Final = {CPU: 0.1, MEMORY: 20.0, REQUESTS: 1.0, FAILURES: 0.2}
"""By how much it must have grown at least, in UNITS."""
EXPLAINED: Final[dict[str, tuple[Cause, ...]]] = {
    CPU: ("cpu", "slow", "saturation"), MEMORY: ("oom",), REQUESTS: ("saturation",), FAILURES: ("errors",),
}  # fmt: skip
FOR, AGAINST = 0.5, -0.5
"""Nats. Small on purpose: not learned from cases, and what grew may as well be an effect."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """Clues from every series that has points before the symptom and since."""
    del reading
    since = incident.detected.since.timestamp()
    return tuple(clue for gauge in QUERIES for clue in _gauge(gauge, case, since))


def _gauge(gauge: str, case: Case, since: float) -> Iterator[Clue]:
    for series in case.gauges.get(gauge, ()):
        service = series.labels.get(SERVICE, "")
        scale = 1e-6 if gauge == MEMORY else 1.0
        before = [value * scale for at, value in series.points if at < since]
        during = [value * scale for at, value in series.points if at >= since]
        if not SERVICE_NAME.fullmatch(service) or len(before) < FEWEST or len(during) < FEWEST:
            continue
        usual, highest = median(before), max(during)
        settled = series.points[-1][0] - since >= SETTLED_S
        grown = highest >= usual * GROWN and highest - usual >= LEAST[gauge]
        if not grown and not settled:
            continue
        proof = (_proof(gauge, service, usual, highest, len(before), len(during)),)
        why = f"its {gauge} {'have' if gauge.endswith('s') else 'has'} {'grown' if grown else 'not grown'}"
        for cause in EXPLAINED[gauge]:
            yield Clue(NAME, "metrics", service, cause, FOR if grown else AGAINST, why, proof, raises=False)


def _proof(gauge: str, service: str, usual: float, highest: float, before: int, during: int) -> Cited:
    verbatim = {
        "gauge": gauge,
        "service": service,
        "query": QUERIES[gauge],
        "usual": usual,
        "highest": highest,
        "points_before": before,
        "points_since": during,
    }
    said = f"{gauge} of {service}: highest {highest:.2f} {UNITS[gauge]} since, usually {usual:.2f} ({during} points)"
    return evidence("metric", f"{gauge}-{service}", said, verbatim)
