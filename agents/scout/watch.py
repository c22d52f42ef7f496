"""Scout's rolling memory: patrol, detectors and judgement tied together, one step at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from agents.scout.alerts import Alert
from agents.scout.bulletin import Bulletin
from agents.scout.detectors.alert import AlertDetector, corroborated
from agents.scout.judge import DETECTORS, Surroundings, fingerprint, judge_patrol
from agents.scout.learner import Learner
from agents.scout.observations import Finding, Observations, Tally, is_patient
from agents.scout.sight import with_blindness
from agents.scout.traffic import Call, Traffic
from agents.scout.vitals import Vitals, Wellbeing
from shared.agent import Recount, Sighting
from shared.incident.facts import Applied, Deployed, Detected, Undone, Verified
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status

_log = structlog.get_logger()

HARD: Final = frozenset(("container", "probe"))
"""Detectors of the service itself; the others measure its traffic."""
PENDING_FOR: Final = timedelta(seconds=120)
"""How long a sighting counts as being written before it is made again."""
IN_STEP: Final = timedelta(seconds=10)
"""Another role's clock closer than this is taken at its word."""
WARMING: Final = timedelta(seconds=5)
"""A service without a health check counts as up this long after its container started."""
MOST_SERVICES: Final = 500
"""Services whose traffic is measured: names in telemetry are anybody's to invent."""
REMEMBERED: Final = 4096
"""Counted firings that are kept, so that none is counted twice."""


class Steps(Protocol):
    """Where observations come from: the Patrol, or a scenario in virtual time."""

    def step(self) -> Observations: ...


@dataclass(frozen=True, slots=True)
class View:
    """One service as it stands for the verification of one incident. Times are Scout's.

    `since`: from when on evidence counts (the action, or the detection). `findings`: of this service, standing.
    """

    at: datetime
    since: datetime
    service: str
    findings: tuple[Finding, ...]
    well: Wellbeing
    tallies: tuple[tuple[str, Tally], ...]
    blind: tuple[str, ...]
    neighbours: tuple[Finding, ...] = ()
    """Findings of services that call this one or that it calls, begun since then."""
    alerts: tuple[Alert, ...] = ()
    """What Alertmanager has said of the service, resolved firings of the last hour among it."""


class Watch:
    """Thread-safe: the patrol's thread steps, the worker's threads ask for views."""

    def __init__(
        self,
        patrol: Steps,
        *,
        think: Callable[[str], None] | None = None,
        learner: Learner | None = None,
        bulletin: Bulletin | None = None,
    ) -> None:
        """`bulletin` is shown each look and its findings; nothing comes back from it."""
        self._patrol = patrol
        self._think = think or (lambda _: None)
        self._lock = threading.RLock()
        self._detectors = tuple(make() for make in DETECTORS)
        self._alerts = next(d for d in self._detectors if isinstance(d, AlertDetector))
        self._learner = learner
        self._bulletin = bulletin
        self._traffic = Traffic(learner.take) if learner is not None else Traffic()
        self._vitals = Vitals()
        self._at: datetime | None = None
        self._blind: dict[str, str] = {}
        self._findings: tuple[Finding, ...] = ()
        self._pending: dict[str, tuple[Detected, datetime]] = {}
        self._counted: OrderedDict[tuple[int, str, datetime], None] = OrderedDict()
        self._attended: dict[tuple[int, int], datetime] = {}
        self._warming: dict[str, datetime] = {}
        self._services: set[str] = set()
        self._runs: dict[str, tuple[str, str]] = {}

    def step(self, open_incidents: Sequence[Incident], recent: Sequence[Incident] = ()) -> tuple[Sighting, ...]:
        """One look, and what it means. `recent`: incidents changed lately; those still open among them do not matter.

        An `Open` or `Reopen` is given once, and again only when no such incident has shown up after two minutes.
        """
        seen = self._patrol.step()
        with self._lock:
            return self._judge(seen, tuple(open_incidents), tuple(recent))

    def view(self, incident: Incident) -> View | None:
        """What Scout knows of the incident's service; None before the first step."""
        with self._lock:
            if self._at is None:
                return None
            since = self._attend(incident, self._at)
            service = incident.detected.service
            tallies = self._tallies(service)
            near = self._traffic.topology.neighbours(service)
            return View(
                self._at,
                since,
                service,
                tuple(f for f in self._findings if f.service == service),
                self._vitals.of(service, tallies),
                tuple(sorted(tallies.items())),
                tuple(sorted(self._blind)),
                tuple(f for f in self._findings if f.service in near and f.since >= since),
                self._alerts.of(service),
            )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What stood at the last step."""
        with self._lock:
            return self._findings

    @property
    def blind(self) -> dict[str, str]:
        """What could not be seen at the last step, and why."""
        with self._lock:
            return dict(self._blind)

    def _judge(
        self, seen: Observations, open_incidents: tuple[Incident, ...], recent: tuple[Incident, ...]
    ) -> tuple[Sighting, ...]:
        seen = with_blindness(seen)
        self._at = seen.at
        self._note_blindness(seen)
        incidents = {i.number: i for i in (*recent, *open_incidents) if i.is_incident}
        for incident in incidents.values():
            self._attend(incident, seen.at)
        self._follow_starts(seen)
        still_open = tuple(i for i in incidents.values() if not i.closed and i.status is not Status.CLOSED)
        over = tuple(i for i in incidents.values() if i not in still_open)
        calls = self._traffic.settle((s for s in seen.spans if is_patient(s.service)), seen.at)
        seen = replace(seen, calls=tuple(c for c in calls if self._counts(c)), troubled=self._troubled(still_open))
        self._findings = corroborated(tuple(f for d in self._detectors for f in d.update(seen)))
        if self._bulletin is not None:
            self._bulletin.take(seen, self._findings)
        services = {*seen.containers, *(c.service for c in calls), *(f.service for f in self._findings)}
        self._vitals.update(seen, self._findings, {s: self._tallies(s) for s in sorted(services)})
        self._drop_pending(tuple(incidents.values()), seen.at)
        if self._learner is not None:
            ill = self._troubled(still_open) | self._suspects(seen)
            self._learner.step(seen.at, ill, tuple(incidents.values()), self._findings)
        around = Surroundings(
            edges=self._traffic.topology.edges,
            patients=frozenset(seen.containers),
            suspects=self._suspects(seen),
            pending=tuple(d for d, _ in self._pending.values()),
        )
        return self._once(judge_patrol(self._findings, still_open, over, seen.at, around), incidents, seen.at)

    def _attend(self, incident: Incident, now: datetime) -> datetime:
        """Begin afresh at each action and each certificate of the incident, once; the time since which things count."""
        turning = _turning_point(incident)
        if turning is None:
            return now
        key = (incident.number, turning.seq)
        if key in self._attended:
            return self._attended[key]
        at = turning.at if timedelta() <= now - turning.at <= IN_STEP else now
        self._attended[key] = at
        for detector in self._detectors:
            detector.recall(incident.detected)
        if isinstance(turning.fact, Detected) or (
            isinstance(turning.fact, Verified)
            and (turning.fact.outcome in ("unhealthy", "ineffective") or now - turning.at > IN_STEP)
        ):
            return at
        service = incident.detected.service
        for detector in self._detectors:
            detector.begin_afresh(service, at)
            if detector.name not in HARD:
                for caller in sorted(self._traffic.topology.callers(service)):
                    detector.begin_afresh(caller, at)
        if isinstance(turning.fact, Applied | Deployed | Undone):
            self._vitals.begin_afresh(service)
            self._findings = tuple(f for f in self._findings if f.service != service)
            self._warming[service] = at
        return at

    def _follow_starts(self, seen: Observations) -> None:
        """What a service does between its container's start and its first answer says nothing about it."""
        for name, container in seen.containers.items():
            run = (container.id, container.started_at)
            if self._runs.get(name) != run:
                self._runs[name] = run
                self._warming[name] = seen.at
        for name, since in tuple(self._warming.items()):
            probe = seen.probes.get(name)
            up = probe is not None and probe.ok and probe.asked is not None and probe.asked > since
            unprobed = probe is None and name not in self._vitals.probed and seen.at - since >= WARMING
            if up or unprobed:
                del self._warming[name]
                for detector in self._detectors:
                    if detector.name not in HARD and detector is not self._alerts:
                        detector.begin_afresh(name, seen.at)

    def _counts(self, call: Call) -> bool:
        if not is_patient(call.service) or call.service in self._warming:
            return False
        if len(self._services) < MOST_SERVICES:
            self._services.add(call.service)
        return call.service in self._services

    def _troubled(self, still_open: tuple[Incident, ...]) -> frozenset[str]:
        services = {i.detected.service for i in still_open} | {f.service for f in self._findings}
        return frozenset(services | {c for s in services for c in self._traffic.topology.callers(s)})

    def _suspects(self, seen: Observations) -> frozenset[str]:
        stopped = {n for n, c in seen.containers.items() if not c.running or c.status == "restarting"}
        return frozenset(stopped | self._vitals.suspects | set(self._warming))

    def _tallies(self, service: str) -> dict[str, Tally]:
        return {d.name: t for d in self._detectors if (t := d.tally(service)) is not None}

    def _drop_pending(self, incidents: tuple[Incident, ...], now: datetime) -> None:
        for key, (detected, since) in tuple(self._pending.items()):
            written = any(
                d.fingerprint == detected.fingerprint and d.since == detected.since
                for i in incidents
                for d in i.all(Detected)
            )
            if written or now - since > PENDING_FOR:
                del self._pending[key]

    def _once(
        self, sightings: tuple[Sighting, ...], incidents: dict[int, Incident], now: datetime
    ) -> tuple[Sighting, ...]:
        """Each firing is spoken of once, however long it stands."""
        since = {fingerprint(f.service, f.symptom): f.since for f in self._findings}
        out: list[Sighting] = []
        for sighting in sightings:
            if isinstance(sighting, Recount):
                began = since.get(sighting.fingerprint, now)
                key = (sighting.number, sighting.fingerprint, began)
                if key in self._counted or any(d.since == began for d in incidents[sighting.number].all(Detected)):
                    continue
                self._counted[key] = None
                if len(self._counted) > REMEMBERED:
                    self._counted.popitem(last=False)
            else:
                self._pending[sighting.fact.fingerprint] = (sighting.fact, now)
            out.append(sighting)
        return tuple(out)

    def _note_blindness(self, seen: Observations) -> None:
        for source, reason in seen.blind.items():
            if self._blind.get(source) is None:
                _log.warning("scout cannot see", source=source, why=reason)
                self._think(f"cannot see {source}: {reason}")
        for source in set(self._blind) - set(seen.blind):
            _log.info("scout sees again", source=source)
            self._think(f"sees {source} again")
        self._blind = dict(seen.blind)


def _turning_point(incident: Incident) -> Entry | None:
    """The newest entry that changes from when on evidence counts."""
    for entry in reversed(incident.entries):
        if isinstance(entry.fact, Applied | Deployed | Undone | Verified | Detected):
            return entry
    return None
