"""What the findings mean for the incidents there are: open one, reopen one, or count. Pure.

One fault is one incident: a symptom of a service that depends on a service in trouble belongs to that trouble.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from agents.scout.detectors.alert import AlertDetector
from agents.scout.detectors.container import ContainerDetector
from agents.scout.detectors.conversion import ConversionDetector
from agents.scout.detectors.errors import ErrorsDetector
from agents.scout.detectors.latency import LatencyDetector
from agents.scout.detectors.probe import ProbeDetector
from agents.scout.observations import Detector, Finding
from agents.scout.topology import callers
from shared.agent import Open, Recount, Reopen, Sighting
from shared.incident.evidence import by_alert, observation, one_line, sha256_of
from shared.incident.facts import Detected, Verified
from shared.incident.parts import UNAVAILABLE, Symptom
from shared.incident.replay import Incident
from shared.incident.status import Status

DETECTORS: Final[tuple[type[Detector], ...]] = (
    ContainerDetector, ProbeDetector, ErrorsDetector, LatencyDetector, ConversionDetector, AlertDetector,
)  # fmt: skip

RECURRENCE_WINDOW: Final = timedelta(hours=1)
"""A firing this soon after its incident was closed reopens it."""
AFTERMATH: Final = timedelta(seconds=5)
"""How long after a fix the callers' symptoms still belong to it."""
CONVERSION_GRACE: Final = timedelta(seconds=3)
"""How long a lost sale waits for a technical explanation."""
AT_ONCE: Final = timedelta(seconds=10)
"""Services that fall within this time of each other fell together."""
ACTING: Final = frozenset((Status.APPROVED, Status.FIXING, Status.VERIFYING))
MOST_EVIDENCE: Final = 40
"""What one fact holds (facts.Proofs)."""
_RANK: Final[dict[Symptom, int]] = {
    "oom": 0, "crash": 0, "unresponsive": 0, "errors": 1, "latency": 2, "conversion": 3, "alert": 4,
}  # fmt: skip


def fingerprint(service: str, symptom: Symptom) -> str:
    """The SHA-256 (hex) that is the same for every firing of this symptom of this service."""
    return sha256_of({"service": service, "symptom": symptom})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a judgement needs to know besides the findings.

    `edges`: (caller, callee). `patients`: all services that are watched. `suspects`: services whose last probe failed
    or whose container does not run: their softer symptoms wait for what comes of that. `pending`: what was sent to be
    opened and is not in the incidents yet.
    """

    edges: frozenset[tuple[str, str]] = frozenset()
    patients: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()
    pending: tuple[Detected, ...] = ()
    window: timedelta = RECURRENCE_WINDOW


@dataclass(frozen=True, slots=True)
class _Known:
    """An incident that stands or is on its way (`number` None)."""

    number: int | None
    detected: Detected
    mass: frozenset[str] = field(default_factory=frozenset)
    acting: bool = False
    """The fleet is restarting it, or watches what came of that: it may well be down just now."""


def judge_patrol(
    findings: Iterable[Finding],
    open_incidents: tuple[Incident, ...],
    closed: tuple[Incident, ...],
    now: datetime,
    around: Surroundings | None = None,
) -> tuple[Sighting, ...]:
    """What to do about the findings that stand at `now` (Scout's clock). Deterministic, in order of severity."""
    around = around or Surroundings()
    standing = sorted(set(findings), key=lambda f: (_RANK[f.symptom], f.service, f.symptom, f.since))
    known = _known(open_incidents, around.pending)
    sightings: list[Sighting] = []
    for finding in _one_for_many(standing, known, around):
        if _waits(finding, now, around) or _explained_by(finding, standing, around):
            continue
        incident = _covering(finding, known, around)
        if incident is None and not _in_aftermath(finding, (*open_incidents, *closed), now, around):
            sighting = _new(finding, (*open_incidents, *closed), now, around)
            if sighting is not None:
                sightings.append(sighting)
                known = (*known, _Known(None, sighting.fact, _mass(sighting.fact)))
        elif incident is not None and incident.number is not None:
            sightings.append(Recount(incident.number, fingerprint(finding.service, finding.symptom)))
    return tuple(dict.fromkeys(sightings))


def _known(open_incidents: tuple[Incident, ...], pending: tuple[Detected, ...]) -> tuple[_Known, ...]:
    standing = sorted((i for i in open_incidents if _open(i)), key=lambda i: i.number)
    return (
        *(_Known(i.number, i.detected, _mass(i.detected), i.status in ACTING) for i in standing),
        *(_Known(None, d, _mass(d)) for d in pending),
    )


def _open(incident: Incident) -> bool:
    return incident.is_incident and not incident.closed and incident.status is not Status.CLOSED


def _mass(detected: Detected) -> frozenset[str]:
    """The services that an incident of many speaks for: they are named in its evidence."""
    return frozenset(e.id.removeprefix("down-") for e in detected.evidence if e.id.startswith("down-"))


def _one_for_many(standing: list[Finding], known: tuple[_Known, ...], around: Surroundings) -> list[Finding]:
    """When half of the patients fall at once, one finding for all of them, on what they have in common."""
    down = [f for f in standing if f.symptom in UNAVAILABLE]
    together = [f for f in down if any(abs(f.since - g.since) <= AT_ONCE for g in down if g.service != f.service)]
    names = sorted({f.service for f in together})
    if len(names) < 2 or len(names) * 2 < len(around.patients | set(names)):
        return standing
    standing_for = [k for k in known if k.detected.service in names and k.detected.symptom in UNAVAILABLE]
    if standing_for:
        parent_name = standing_for[0].detected.service
    else:
        common = [n for n in names if set(names) - {n} <= callers(around.edges, n)]
        parent_name = common[0] if common else min(together, key=lambda f: (f.since, f.service)).service
    parent = next(f for f in together if f.service == parent_name)
    proof = tuple(
        observation(f"down-{f.service}", "probe" if f.symptom == "unresponsive" else "event",
                 f"{f.service}: {f.summary}", {"service": f.service, "sha256": [e.sha256 for e in f.evidence]})
        for f in together if f.service != parent_name
    )  # fmt: skip
    everyone = replace(
        parent,
        severity="critical",
        summary=one_line(
            f"{len(names)} of {len(around.patients | set(names))} services down at once: {', '.join(names)}"
        ),
        evidence=(*parent.evidence, *proof)[:MOST_EVIDENCE],
    )
    return [everyone, *(f for f in standing if f not in together)]


def _waits(finding: Finding, now: datetime, around: Surroundings) -> bool:
    """Whether it is too early to speak of this finding: a harder one may be about to explain it."""
    if finding.symptom in UNAVAILABLE:
        return False
    if finding.symptom == "conversion" and now - finding.fired < CONVERSION_GRACE:
        return True
    return any(_depends(finding.service, suspect, around) for suspect in around.suspects)


def _explained_by(finding: Finding, standing: list[Finding], around: Surroundings) -> bool:
    """Whether another finding that stands is the reason for this one."""
    if finding.symptom in UNAVAILABLE:
        return False
    for other in standing:
        if other is finding or _RANK[other.symptom] > _RANK[finding.symptom] or not _bears(other, finding):
            continue
        if finding.symptom == "conversion" and other.symptom != "conversion":
            return True
        if _RANK[other.symptom] < _RANK[finding.symptom] and _depends(finding.service, other.service, around):
            return True
        if _upstream(finding.service, other.service, around):
            return True
    # a slow callee explains errors of its callers, though errors rank before latency
    return finding.symptom == "errors" and any(
        o.symptom == "latency" and _upstream(finding.service, o.service, around) for o in standing
    )


def _bears(other: Finding | Detected, finding: Finding) -> bool:
    """Whether trouble elsewhere can be a reason for this finding.

    Slowness makes nobody refuse a purchase; and an alert speaks of its whole window, most of it past.
    """
    return finding.symptom != "conversion" or not (other.symptom == "latency" or by_alert(other.evidence))


def _depends(service: str, on: str, around: Surroundings) -> bool:
    return service == on or service in callers(around.edges, on)


def _upstream(service: str, of: str, around: Surroundings) -> bool:
    """Whether `service` calls `of` and not also the other way round."""
    return service in callers(around.edges, of) and of not in callers(around.edges, service)


def _covering(finding: Finding, known: tuple[_Known, ...], around: Surroundings) -> _Known | None:
    """The incident that this finding belongs to; of its own fingerprint first."""
    own = fingerprint(finding.service, finding.symptom)
    same = [k for k in known if k.detected.fingerprint == own]
    if finding.symptom in UNAVAILABLE:
        same += [k for k in known if k.detected.symptom in UNAVAILABLE and k.detected.service == finding.service]
        same += [k for k in known if finding.service in k.mass]
        same += [k for k in known if k.acting and k.detected.service == finding.service]
    else:
        bearing = [k for k in known if _bears(k.detected, finding)]
        same += [k for k in bearing if _depends(finding.service, k.detected.service, around)]
    return same[0] if same else None


def _in_aftermath(finding: Finding, incidents: tuple[Incident, ...], now: datetime, around: Surroundings) -> bool:
    if finding.symptom in UNAVAILABLE:
        return False
    return any(
        fixed is not None
        and abs(now - fixed) <= max(AFTERMATH, finding.memory)
        and _depends(finding.service, i.detected.service, around)
        for i in incidents
        if i.is_incident and _bears(i.detected, finding) and (fixed := ended(i)) is not None
    )


def ended(incident: Incident) -> datetime | None:
    """When Scout last certified that this incident's symptom is gone, by Scout's clock."""
    entry = incident.last_entry(Verified)
    if entry is None or not isinstance(entry.fact, Verified) or entry.fact.outcome == "unhealthy":
        return None
    return entry.at


def _new(
    finding: Finding, incidents: tuple[Incident, ...], now: datetime, around: Surroundings
) -> Open | Reopen | None:
    own = fingerprint(finding.service, finding.symptom)
    detected = Detected(
        service=finding.service,
        symptom=finding.symptom,
        fingerprint=own,
        severity=finding.severity,
        summary=finding.summary,
        since=finding.since,
        evidence=finding.evidence,
        measures=finding.measures,
    )
    earlier = [i for i in incidents if i.is_incident and i.detected.fingerprint == own and not _open(i)]
    for incident in sorted(earlier, key=lambda i: (i.entries[-1].at, i.number), reverse=True):
        over = ended(incident) if incident.status is Status.CLOSED else incident.detected.since
        if over is not None and finding.since <= over and not timedelta() < finding.memory < now - over:
            return None  # the firing that this incident was about, or an alert that cannot know better yet
        if incident.status is Status.CLOSED and now - incident.entries[-1].at <= around.window:
            return Reopen(incident.number, detected.model_copy(update={"recurrence": incident.detected.recurrence + 1}))
    return Open(detected)
