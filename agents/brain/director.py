"""The director: hears every analyst, drops what does not hold, adds up, and says who agrees and who dissents. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.brain.analysts import compute, database, deploy, gauges, logic, memory, network, traces
from agents.brain.case import Case, Cited, Clue
from agents.brain.fit import NAME as FIT
from agents.brain.fit import fit
from agents.brain.observations import read_of, settle
from agents.brain.reading import Reading, read
from agents.brain.verifier import cited_only, verified
from shared.incident.evidence import by_alert, one_line
from shared.incident.parts import Cause, Evidence, Hypothesis, Settle, Vote
from shared.incident.replay import Incident
from shared.incident.steering import Steering, steering

ANALYSTS: Final = (traces, network, compute, database, deploy, logic, memory, gauges)
MOST_HYPOTHESES: Final = 6
MOST_CITED: Final = 8
"""Evidence that one hypothesis cites, the weightiest first."""
MOST_EVIDENCE: Final = 16
"""Evidence that one fact holds (facts.Proofs)."""
SUREST: Final = 0.99
"""No reading of traces and states is surer than this."""
WITHOUT_TRACES: Final = 0.9
WITHOUT_CONTAINERS: Final = 0.7
"""The surest that Brain is on part of the evidence."""

Key = tuple[str, Cause]


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel makes of a case. `hypotheses`: likeliest first (one in focus before all), "unknown" among them."""

    hypotheses: tuple[Hypothesis, ...]
    evidence: tuple[Evidence, ...]
    settle: Settle | None
    verbatim: Mapping[str, object]
    """By evidence id what the evidence is the hash of (JSON types); what stands in the log already is not in here."""
    notes: tuple[str, ...]
    """What was missing, dropped or capped, one line each."""
    steering: Steering
    reading: Reading

    @property
    def leading(self) -> Hypothesis:
        return self.hypotheses[0]

    @property
    def in_focus(self) -> bool:
        """Whether the leading hypothesis leads because a person said so."""
        return (self.leading.service, self.leading.cause) == self.steering.focus


def convene(incident: Incident, case: Case) -> Panel:
    """Hear the analysts on one case."""
    reading = read(case)
    said = [clue for analyst in ANALYSTS for clue in analyst.analyse(incident, case, reading)]
    clues, dropped = verified(said, reading.trace_ids, incident.detected.evidence)
    steered = steering(incident)
    heard: dict[Key, list[Clue]] = defaultdict(list)
    for clue in clues:
        heard[clue.service, clue.cause].append(clue)
    # an alert names no cause, and what helped the last time is no evidence that it is the same again
    silent = frozenset(("incidents",)) if by_alert(incident.detected.evidence) else frozenset()
    raised = {
        key: found
        for key, found in heard.items()
        if key not in steered.rejected and any(c.raises and c.weight > 0 and c.source not in silent for c in found)
    }
    fits = {key: fit(incident, reading, *key) for key in raised}
    weights = {key: total(found) + fits[key][0] for key, found in raised.items()}
    ceiling, degraded = _ceiling(case)
    shares = _shares(weights, (incident.detected.service, "unknown"), ceiling)
    order = _order(shares, steered)
    hypotheses, cited = _cite(order, shares, raised, fits)
    evidence = tuple(c.evidence for c in cited)
    verbatim = {c.evidence.id: c.verbatim for c in cited if c.verbatim is not None}
    hypotheses, uncited = cited_only(hypotheses, evidence)
    notes = [f"{name}: {why}" for name, why in sorted(case.missing.items())] + degraded
    if dropped or uncited:
        lost = [*dropped, *uncited]
        notes.append(f"{len(lost)} claims dropped because their evidence does not hold: {lost[0]}")
    if steered.focus is not None and steered.focus not in raised:
        notes.append(f"no evidence speaks for {steered.focus[1]} in {steered.focus[0]}, which is in focus")
    told = tuple(one_line(note) for note in notes)
    cheapest = settle(hypotheses, evidence, read_of(case, {h.service for h in hypotheses}))
    return Panel(hypotheses, evidence, cheapest, verbatim, told, steered, reading)


def total(clues: Iterable[Clue]) -> float:
    """Nats of all clues on one hypothesis.

    Clues read in the same place are not independent: of each place the strongest for and the strongest against count.
    Places are independent, and added up.
    """
    best: dict[str, float] = defaultdict(float)
    worst: dict[str, float] = defaultdict(float)
    for clue in clues:
        best[clue.source] = max(best[clue.source], clue.weight)
        worst[clue.source] = min(worst[clue.source], clue.weight)
    return sum(best.values()) + sum(worst.values())


def _ceiling(case: Case) -> tuple[float, list[str]]:
    """The surest that may be said on this much evidence, and why."""
    notes, ceiling = [], SUREST
    if not case.during or not case.baseline:
        ceiling = min(ceiling, WITHOUT_TRACES)
        notes.append(f"degraded: no traces {'of the incident' if not case.during else 'from before'}")
    if not case.containers:
        ceiling = min(ceiling, WITHOUT_CONTAINERS)
        notes.append("degraded: no containers")
    return ceiling, [f"{note}, so no cause is said with more than {ceiling:g}" for note in notes]


def _shares(weights: dict[Key, float], unknown: Key, ceiling: float) -> dict[Key, float]:
    """The softmax over all hypotheses and "unknown" at 0. What is above `ceiling` goes to "unknown"."""
    scale = max((*weights.values(), 0.0))
    masses = {key: math.exp(w - scale) for key, w in weights.items()} | {unknown: math.exp(-scale)}
    whole = sum(masses.values())
    shares = {key: mass / whole for key, mass in masses.items()}
    largest = max((share for key, share in shares.items() if key != unknown), default=0.0)
    if largest > ceiling:
        shares = {key: share * ceiling / largest for key, share in shares.items() if key != unknown}
        shares[unknown] = 1.0 - sum(shares.values())
    return shares


def _order(shares: dict[Key, float], steered: Steering) -> list[Key]:
    """Likeliest first, the one in focus before all; cut, "unknown" never."""
    ranked = sorted(shares, key=lambda key: (key != steered.focus, -shares[key], key))
    unknown = next(key for key in ranked if key[1] == "unknown")
    kept = ranked[:MOST_HYPOTHESES]
    return kept if unknown in kept else [*kept[:-1], unknown]


def _cite(
    order: list[Key], shares: dict[Key, float], raised: dict[Key, list[Clue]], fits: dict[Key, tuple[float, str]]
) -> tuple[tuple[Hypothesis, ...], tuple[Cited, ...]]:
    """The hypotheses with their votes and the evidence they cite, the leading one's first."""
    cited: dict[str, Cited] = {}
    hypotheses = []
    for n, key in enumerate(order, 1):
        clues = sorted(raised.get(key, ()), key=lambda c: -c.weight)
        own: dict[str, None] = {}
        for proof in (proof for clue in clues for proof in clue.evidence):
            name = proof.evidence.id
            if len(own) < MOST_CITED and (name in cited or len(cited) < MOST_EVIDENCE):
                cited.setdefault(name, proof)
                own[name] = None
        speaks_for = dict.fromkeys(c.why for c in clues if c.weight > 0)
        hypotheses.append(
            Hypothesis(
                id=f"h{n}",
                service=key[0],
                cause=key[1],
                probability=min(max(shares[key], 0.0), 1.0),
                why=one_line("; ".join(speaks_for)) or "nothing above explains it",
                evidence=tuple(own),
                votes=_votes(clues, fits.get(key)),
            )
        )
    return tuple(hypotheses), tuple(cited.values())


def _votes(clues: list[Clue], fitting: tuple[float, str] | None) -> tuple[Vote, ...]:
    """One vote an analyst, agreement first; last how well the hypothesis fits the symptom."""
    by_analyst: dict[str, list[Clue]] = defaultdict(list)
    for clue in clues:
        by_analyst[clue.analyst].append(clue)
    votes = [
        Vote(
            analyst=name,
            nats=round(total(found), 2),
            why=one_line("; ".join(dict.fromkeys(c.why for c in found)), 160),
        )
        for name, found in by_analyst.items()
    ]
    votes.sort(key=lambda v: -v.nats)
    if fitting is not None:
        votes.append(Vote(analyst=FIT, nats=round(fitting[0], 2), why=one_line(fitting[1], 160)))
    return tuple(votes)
