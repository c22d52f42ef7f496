"""The way to a service: how much longer its callers wait than it works, and calls that never arrive.

A call that comes back without an answer looks the same whether the way is cut or the process does not answer; what the
container's state says of that is compute's to say.
"""

from __future__ import annotations

from typing import Final

from agents.brain.case import Case, Clue, evidence
from agents.brain.ratio import slower, weight
from agents.brain.reading import Reading
from shared.incident.evidence import SERVICE_NAME
from shared.incident.replay import Incident

NAME: Final = "network"
LEAST_US: Final = 20_000
"""A way must have grown by this much."""
FAULT_RATE: Final = 0.2
UNANSWERED: Final = 2.0
"""Nats that lost calls speak for the way at most: a hang loses them too."""
UNCHANGED: Final = -1.5
"""What an unchanged way speaks against the network."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """Clues about every service that is called."""
    del incident, case
    before, during = reading.measured.before, reading.measured.during
    clues = []
    for callee in sorted(set(during.calls)):
        if not SERVICE_NAME.fullmatch(callee):
            continue
        way = slower(before.ways.get(callee, ()), during.ways.get(callee, ()), LEAST_US)
        if way is not None:
            now, usual = way.median / 1000, way.median_before / 1000
            seen = f"the way to {callee} and back: median {now:.1f} ms, was {usual:.1f} ms ({way.spans} calls)"
            verbatim = {
                "way to": callee,
                "median_us": way.median,
                "median_us_before": way.median_before,
                "calls": way.spans,
                "longest": way.slowest,
            }
            proof = evidence("trace", f"way-{callee}", seen, verbatim, trace_id=way.trace_id)
            if way.weight > 0 and way.slow:
                why = "its callers wait longer than it works"
                clues.append(Clue(NAME, "traces", callee, "network", way.weight, why, (proof,)))
            elif way.weight < 0:
                why = "the way to it is as short as before"
                clues.append(Clue(NAME, "traces", callee, "network", UNCHANGED, why, (proof,)))
        lost, calls = during.unanswered.get(callee, []), during.calls[callee]
        usually = len(before.unanswered.get(callee, ())) / max(before.calls.get(callee, 0), 1)
        ratio = weight(len(lost), calls, usually, FAULT_RATE)
        if lost and ratio > 0:
            seen = f"{len(lost)} of {calls} calls to {callee} came back without an answer"
            verbatim = {
                "called": callee,
                "calls": calls,
                "unanswered": len(lost),
                "spans": [[s.trace_id, s.span_id, s.status_message] for s in lost[:50]],
            }
            proof = evidence("trace", f"lost-{callee}", seen, verbatim, trace_id=lost[0].trace_id)
            why = "calls to it come back without an answer"
            clues.append(Clue(NAME, "traces", callee, "network", min(ratio, UNANSWERED), why, (proof,)))
    return tuple(clues)
