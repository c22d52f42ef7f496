"""The code and its rules: failures where they begin, requests that end early, purchases that a rule refuses.

Weight of the last: refusing without errors is what a business rule does (e³ ≈ 20 : 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.ratio import KNOWN, weight
from agents.brain.reading import Reading
from shared.incident.evidence import SERVICE_NAME
from shared.incident.replay import Incident

NAME: Final = "logic"
FAULT_RATE: Final = 0.2
REFUSED: Final = 3.0


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """Clues about every service in the traces, and about the detected one's sales."""
    del case
    clues = [*_errors(reading), *_early(reading)]
    detected = incident.detected
    if detected.symptom == "conversion":
        proof = tuple(Cited(e, None) for e in detected.evidence)
        why = "purchases are refused, requests are answered"
        clues.append(Clue(NAME, "stream", detected.service, "business-rule", REFUSED, why, proof))
        # a deploy that cut a rule refuses just so; it takes a commit to put it on the list
        clues.append(Clue(NAME, "stream", detected.service, "bad-deploy", REFUSED, why, proof, raises=False))
    return tuple(clues)


def _errors(reading: Reading) -> Iterator[Clue]:
    before, during = reading.measured.before, reading.measured.during
    for service in sorted({*during.spans, *during.origins}):
        spans = during.origins.get(service, [])
        total = max(during.spans.get(service, 0), len(spans))
        usual = len(before.origins.get(service, ())) / max(before.spans.get(service, 0), 1)
        ratio = weight(len(spans), total, usual, FAULT_RATE)
        if not SERVICE_NAME.fullmatch(service):
            continue
        verbatim = {
            "service": service,
            "spans": total,
            "origins": len(spans),
            "usual_share": usual,
            "failed": sorted([s.trace_id, s.span_id, s.operation, s.status_message] for s in spans[:50]),
        }
        seen = f"{len(spans)} of {total} spans of {service} are where a failure begins, usually {usual:.1%}"
        if spans and ratio > 0:
            worst = spans[0]
            told = f"{seen}; {worst.operation} {worst.status_message}"
            proof = evidence("trace", f"fails-{service}", told, verbatim, trace_id=worst.trace_id)
            yield Clue(NAME, "traces", service, "errors", ratio, "failures begin here", (proof,))
        elif not spans and total >= KNOWN:
            proof = evidence("trace", f"fails-{service}", seen, verbatim)
            yield Clue(NAME, "traces", service, "errors", -1.5, "no failure begins here", (proof,), raises=False)


def _early(reading: Reading) -> Iterator[Clue]:
    """Requests that succeed and make fewer calls than nearly all did before."""
    before, during = reading.measured.before.calls_made, reading.measured.during.calls_made
    best: dict[str, Clue] = {}
    for (service, operation), made in sorted(during.items(), key=lambda item: item[0]):
        known = sorted(n for n, _ in before.get((service, operation), ()))
        if len(known) < KNOWN or not SERVICE_NAME.fullmatch(service):
            continue
        least = known[int(0.05 * (len(known) - 1))]
        short = [s for n, s in made if n < least]
        ratio = weight(len(short), len(made), sum(n < least for n in known) / len(known), FAULT_RATE)
        if not short or ratio <= 0 or (service in best and best[service].weight >= ratio):
            continue
        verbatim = {
            "service": service,
            "operation": operation,
            "requests": len(made),
            "ended_early": len(short),
            "calls_usually_at_least": least,
            "spans": [[s.trace_id, s.span_id] for s in short[:50]],
        }
        seen = f"{operation[:100]} succeeds with fewer than {least} calls in {len(short)} of {len(made)} requests"
        proof = evidence("trace", f"early-{service}", seen, verbatim, trace_id=short[0].trace_id)
        why = "requests succeed without the calls they used to make"
        best[service] = Clue(NAME, "traces", service, "early-return", ratio, why, (proof,))
    yield from best.values()
