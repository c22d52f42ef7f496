"""The ranking from the traces (shared.analysis.rca): one probability a service, calibrated on recorded incidents.

Weight: log(p / p_none), the odds against "none of the services". It counts in full for the class of cause that the
evidence is typical of, less for others of the same service, since the class is less sure than the service.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, cast, get_args

from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.reading import Reading
from shared.analysis.rca.causes import AS_FACT
from shared.analysis.rca.proof import Proof
from shared.analysis.rca.rank import Diagnosis, Suspect
from shared.incident.evidence import SERVICE_NAME, observation
from shared.incident.parts import Cause, EvidenceKind
from shared.incident.replay import Incident

NAME: Final = "traces"
MOST: Final = 4.0
LEAST: Final = -1.0
"""It assumes one fault; where there are two, the lesser is no less real."""
OTHER_CLASS: Final = 1.5
FLOOR: Final = 1e-3
"""Probabilities are counted as at least this."""
FIRST: Final = 3
"""Suspects that are given their evidence (rank.WITH_EVIDENCE), and so may be put on the list."""
KINDS: Final[Mapping[str, EvidenceKind]] = {"trace": "trace", "metric": "metric", "log": "log", "change": "commit"}


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """A clue about each suspect: for its class of cause, and lesser ones that count where others name another."""
    del incident, case
    found = reading.found
    if found is None or found.unknown:
        return ()
    ranking = _ranking(found)
    clues: list[Clue] = []
    for n, suspect in enumerate(found.ranked):
        if not SERVICE_NAME.fullmatch(suspect.service):
            continue
        proofs = (*(cite(proof) for proof in suspect.evidence[:2]), ranking)
        named, weight = as_cause(suspect, found), odds(suspect, found)
        for cause in cast(tuple[Cause, ...], get_args(Cause)):
            if cause == "unknown":
                continue
            own = cause == named
            nats = weight if own or weight < 0 else max(weight - OTHER_CLASS, 0.0)
            if not nats:
                continue
            says = f"ranked with {suspect.probability:.0%}" + ("" if own else f", though as {suspect.cause}")
            why = says if nats > 0 else "another service ranks before it"
            clues.append(
                Clue(NAME, "traces", suspect.service, cause, nats, why, proofs, raises=own and nats > 0 and n < FIRST)
            )
    return tuple(clues)


def odds(suspect: Suspect, found: Diagnosis) -> float:
    """log(p / p_none), bounded."""
    ratio = math.log(max(suspect.probability, FLOOR) / max(found.none, FLOOR))
    return max(LEAST, min(MOST, ratio))


def as_cause(suspect: Suspect, found: Diagnosis) -> Cause:
    """The protocol's word for the suspect's class. Without gauges, a busy processor is only a slow service."""
    if suspect.cause == "cpu" and "no metrics" not in found.missing:
        return "cpu"
    return cast(Cause, AS_FACT[suspect.cause])


def cite(proof: Proof) -> Cited:
    """The engine's proof as evidence of the protocol: its hash is made in the same way."""
    verbatim = dict(proof.verbatim)
    seen = observation(proof.id, KINDS[proof.kind], proof.summary, verbatim, trace_id=proof.trace_id)
    return Cited(seen, verbatim)


def _ranking(found: Diagnosis) -> Cited:
    rows = [[s.service, s.cause, s.probability] for s in found.ranked]
    seen = ", ".join(f"{s.service} {s.probability:.0%}" for s in found.ranked[:FIRST])
    verbatim = {"ranked": rows, "none": found.none, "spans": found.spans}
    return evidence("trace", "ranking", f"{found.spans} spans ranked: {seen}, none of them {found.none:.0%}", verbatim)
