"""What happened before: earlier firings of the same fault whose cause was acted on, and whether that helped.

Weight: each verified earlier diagnosis of the same fingerprint adds half a nat; each ineffective one takes it away.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from agents.brain.case import Case, Cited, Clue, evidence
from agents.brain.reading import Reading
from shared.incident.facts import Detected, Diagnosed, Verified
from shared.incident.parts import Cause
from shared.incident.replay import Incident

NAME: Final = "memory"
STEP: Final = 0.5
MOST: Final = 4
"""Earlier outcomes that count, the newest ones."""


def analyse(incident: Incident, case: Case, reading: Reading) -> tuple[Clue, ...]:
    """One clue for each cause that was acted on before, in this issue or another."""
    del reading
    found: dict[tuple[str, Cause], list[tuple[int, str, Cited]]] = defaultdict(list)
    for earlier in (*case.known, incident):
        for diagnosed, outcome, digest in _outcomes(earlier, incident.detected.fingerprint):
            sign = 1 if outcome == "healthy" else -1
            seen = f"#{earlier.number}: {diagnosed.root_cause}, {diagnosed.directive.verb} was {outcome}"
            verbatim = {"issue": earlier.number, "fact": digest, "cause": diagnosed.root_cause, "outcome": outcome}
            link = earlier.url if earlier.number != incident.number else None
            proof = evidence("incident", str(earlier.number), seen, verbatim, link=link)
            why = f"#{earlier.number}: {diagnosed.directive.verb} was {outcome}"
            found[diagnosed.service, diagnosed.cause].append((sign, why, proof))
    clues = []
    for (service, cause), outcomes in found.items():
        last = outcomes[-MOST:]
        nats = STEP * sum(sign for sign, _, _ in last)
        if nats:
            why = ", ".join(dict.fromkeys(why for _, why, _ in last))
            proofs = tuple(proof for _, _, proof in last)
            clues.append(Clue(NAME, "incidents", service, cause, nats, f"the same fault before: {why}", proofs))
    return tuple(clues)


def _outcomes(incident: Incident, fingerprint: str) -> list[tuple[Diagnosed, str, str]]:
    """Each diagnosis of this fingerprint that was acted on, what came of it, and the digest of the fact saying so."""
    found: list[tuple[Diagnosed, str, str]] = []
    diagnosed: Diagnosed | None = None
    same = False
    for entry in incident.entries:
        match entry.fact:
            case Detected() as d:
                same, diagnosed = d.fingerprint == fingerprint, None
            case Diagnosed() as d:
                diagnosed = d
            case Verified(outcome=outcome) if same and diagnosed is not None and outcome != "recovered":
                found.append((diagnosed, outcome, entry.digest))
            case _:
                pass
    return found
