"""What a service calls that is not traced itself, a database above all: it is slow, or it is down."""

from __future__ import annotations

from typing import Final

from agents.brain.case import Case, Clue, evidence
from agents.brain.ratio import slower, weight
from agents.brain.reading import Reading
from shared.incident.replay import Incident

NAME: Final = "database"
LEAST_US: Final = 20_000
FAULT_RATE: Final = 0.2
UNCHANGED: Final = -1.5


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """Clues about every service that calls something outside; without such calls nothing is said."""
    del incident, case
    before, during = reading.measured.before, reading.measured.during
    clues = []
    for (service, operation), spans in sorted(during.outside.items(), key=lambda item: item[0]):
        known = before.outside.get((service, operation), [])
        failed = during.outside_failed.get((service, operation), [])
        usually = len(before.outside_failed.get((service, operation), ())) / max(len(known), 1)
        told = operation[:100]
        ratio = weight(len(failed), len(spans), usually, FAULT_RATE)
        if failed and ratio > 0:
            seen = f"{told} of {service} failed in {len(failed)} of {len(spans)} calls"
            verbatim = {
                "service": service,
                "operation": operation,
                "calls": len(spans),
                "failed": len(failed),
                "spans": [[s.trace_id, s.span_id, s.status_message] for s in failed[:50]],
            }
            proof = evidence("trace", f"outside-{service}", seen, verbatim, trace_id=failed[0].trace_id)
            clues.append(Clue(NAME, "traces", service, "dependency", ratio, "what it calls outside fails", (proof,)))
        found = slower(known, spans, LEAST_US)
        if found is None:
            continue
        now, usual = found.median / 1000, found.median_before / 1000
        seen = f"{told} of {service}: median {now:.1f} ms, was {usual:.1f} ms ({found.spans} calls)"
        verbatim = {
            "service": service,
            "operation": operation,
            "median_us": found.median,
            "median_us_before": found.median_before,
            "calls": found.spans,
            "longest": found.slowest,
        }
        proof = evidence("trace", f"outside-{service}", seen, verbatim, trace_id=found.trace_id)
        if found.weight > 0 and found.slow:
            why = "what it calls outside has become slow"
            clues.append(Clue(NAME, "traces", service, "slow-dependency", found.weight, why, (proof,)))
        elif found.weight < 0:
            why = "what it calls outside is as fast as before"
            clues.append(Clue(NAME, "traces", service, "slow-dependency", UNCHANGED, why, (proof,), raises=False))
    return tuple(clues)
