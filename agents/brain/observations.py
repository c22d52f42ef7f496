"""What would settle it: observations with what they cost, and the cheapest that tells two hypotheses apart."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, get_args

from agents.brain.case import Case
from shared.incident.parts import Cause, Evidence, EvidenceKind, Hypothesis, Settle

EVERY: Final[tuple[Cause, ...]] = get_args(Cause)
Cost = Literal["look", "query", "probe", "ask"]


@dataclass(frozen=True, slots=True)
class Observation:
    """`about`: the causes it can tell from all others. `kind`: the evidence it yields; who cites that has made it."""

    cost: Cost
    kind: EvidenceKind
    about: frozenset[Cause]
    text: str
    """With the `{service}` it is about."""


TABLE: Final[tuple[Observation, ...]] = (
    Observation(
        "look", "container", frozenset(("oom", "crash", "hang")), "read the state and health of {service}'s container"
    ),
    Observation("look", "log", frozenset(("errors", "crash", "oom", "hang")), "read the last log lines of {service}"),
    Observation("look", "commit", frozenset(("bad-deploy",)), "read what was committed to {service} before the onset"),
    Observation(
        "query",
        "trace",
        frozenset(("slow", "network", "slow-dependency", "errors", "early-return", "dependency")),
        "compare one trace through {service} with one from before the onset",
    ),
    Observation(
        "query",
        "stream",
        frozenset(("business-rule",)),
        "read {service}'s refusals and their reasons in business.events",
    ),
    Observation(
        "query",
        "metric",
        frozenset(("cpu", "slow", "saturation", "oom")),
        "read the processor and memory use of {service}",
    ),
    Observation(
        "query",
        "incident",
        frozenset(("slow", "errors", "hang", "oom", "crash")),
        "read what mended {service} the last time",
    ),
    Observation(
        "probe",
        "probe",
        frozenset(("hang", "crash", "network", "dependency", "slow-dependency")),
        "ask {service} for its health directly, past its callers and without a restart",
    ),
    Observation(
        "probe", "probe", frozenset(("slow", "errors", "early-return")), "send {service} one request past its callers"
    ),
    Observation(
        "ask",
        "commit",
        frozenset(("bad-deploy", "business-rule", "early-return")),
        "ask the author of {service}'s last deploy what was meant to change",
    ),
    Observation(
        "ask",
        "probe",
        frozenset(("saturation", "dependency", "slow-dependency", "network")),
        "ask who runs what {service} depends on",
    ),
    Observation(
        "ask",
        "event",
        frozenset(cause for cause in EVERY if cause != "unknown"),
        "ask who runs {service} what they see",
    ),
)
"""Cheapest first."""


def settle(
    hypotheses: tuple[Hypothesis, ...], evidence: tuple[Evidence, ...], read: Mapping[str, Set[EvidenceKind]]
) -> Settle | None:
    """The cheapest observation nobody has made that speaks for one of the first two and not for the other.

    `read`: by service what Brain has read of it, cited or not. What a hypothesis cites counts as read too.
    """
    if len(hypotheses) < 2:
        return None
    first, second = hypotheses[:2]
    kinds = {e.id: e.kind for e in evidence}
    made = {h.id: {kinds.get(i) for i in h.evidence} | set(read.get(h.service, ())) for h in (first, second)}
    for observation in TABLE:
        for one, other in ((first, second), (second, first)):
            if one.cause not in observation.about or observation.kind in made[one.id]:
                continue
            if other.service == one.service and other.cause in observation.about:
                continue  # it would show both alike
            text = observation.text.format(service=one.service)
            return Settle(between=(first.id, second.id), observation=text, cost=observation.cost)
    return None


def read_of(case: Case, services: Set[str]) -> dict[str, frozenset[EvidenceKind]]:
    """By service the kinds of evidence that a case holds of it. Log lines are quoted, not judged: they stay to read."""
    known: dict[str, frozenset[EvidenceKind]] = {}
    traced = {s.service for t in case.during for s in t.spans} & {s.service for t in case.baseline for s in t.spans}
    for service in services:
        kinds: set[EvidenceKind] = set()
        if service in case.containers:
            kinds.add("container")
        if service in traced:
            kinds.add("trace")
        if "earlier incidents" not in case.missing:
            kinds.add("incident")
        known[service] = frozenset(kinds)
    return known
