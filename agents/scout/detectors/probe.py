"""Services that run and do not answer: so many failed health requests in a row, while Scout itself can see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.scout.observations import Finding, Observations, ProbeResult, Tally, is_patient
from shared.incident.evidence import observation
from shared.incident.facts import Detected
from shared.incident.parts import Measure
from shared.ports import Container

IN_A_ROW: Final = 3
"""Failed probes that make a finding. With a probe each 0.5 s: 1.5 s refused, or about 3 s hanging."""
AT_LEAST: Final = timedelta(seconds=0.9)
"""How long the failures must span: events make the patrol look more often than the probes are meant to be counted."""
ASKED_FOR: Final = frozenset(("kill", "stop", "restart"))
"""Engine events of somebody's wish."""
STOPPING: Final = timedelta(seconds=5)
"""How long after somebody asked the engine to stop a container it owes no answer."""
STARTING: Final = timedelta(seconds=5)
"""How long after its start a container that has not yet answered may stay silent."""


@dataclass(slots=True)
class _Line:
    """The probes of one service. `asked` and `answered` since it last began afresh."""

    failures: int = 0
    first_failure: datetime | None = None
    asked: int = 0
    answered: int = 0
    started_at: str = ""
    quiet_until: datetime | None = None
    stopping_until: datetime | None = None
    finding: Finding | None = None


class ProbeDetector:
    """Stands from the k-th failure in a row to the first answer."""

    name = "probe"

    def __init__(self, in_a_row: int = IN_A_ROW) -> None:
        self._in_a_row = in_a_row
        self._lines: dict[str, _Line] = {}

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        for event in seen.events:
            if event.action in ASKED_FOR and event.name in self._lines:
                self._lines[event.name].stopping_until = event.at + STOPPING
        if "probes" not in seen.blind:
            for service in sorted(seen.probes):
                if is_patient(service):
                    self._take(service, seen.probes[service], seen)
        return tuple(line.finding for _, line in sorted(self._lines.items()) if line.finding is not None)

    def begin_afresh(self, service: str, at: datetime) -> None:
        self._lines[service] = _Line(quiet_until=at + STARTING)

    def recall(self, detected: Detected) -> None:
        """Nothing is learned here."""

    def tally(self, service: str) -> Tally | None:
        line = self._lines.get(service)
        if line is None:
            return None
        share = line.answered / line.asked if line.asked else None
        measure = Measure(name="probes answered", before=None, after=share, unit="ratio", samples=line.asked)
        return Tally("probes", line.asked, line.asked - line.answered, None, measure)

    def _take(self, service: str, probe: ProbeResult, seen: Observations) -> None:
        line = self._lines.setdefault(service, _Line(quiet_until=seen.at + STARTING))
        container = seen.containers.get(service)
        if container is not None and container.started_at != line.started_at:
            if line.started_at:
                line.quiet_until = seen.at + STARTING
            line.started_at = container.started_at
        if probe.ok:
            line.failures, line.first_failure, line.finding, line.quiet_until = 0, None, None, None
            line.asked += 1
            line.answered += 1
            return
        excused = any(until is not None and seen.at < until for until in (line.quiet_until, line.stopping_until))
        if excused or _stopped(container) or (container is not None and container.health == "starting"):
            line.failures, line.first_failure, line.finding = 0, None, None
            return
        line.asked += 1
        line.failures += 1
        line.first_failure = line.first_failure or probe.asked or seen.at
        lasting = seen.at - line.first_failure >= AT_LEAST
        if line.failures >= self._in_a_row and lasting and line.finding is None:
            line.finding = self._finding(service, line, probe, seen)

    def _finding(self, service: str, line: _Line, probe: ProbeResult, seen: Observations) -> Finding:
        container = seen.containers.get(service)
        since = line.first_failure or seen.at
        state = f"container {container.status}" if container is not None else "container state unknown"
        proof = observation(
            f"probe-{service[:40]}-{since:%Y%m%dT%H%M%S.%f}",
            "probe",
            f"{line.failures} health requests in a row failed, the last after {probe.ms:.0f} ms: {probe.detail}",
            {"service": service, "failures": line.failures, "since": since.isoformat(), "detail": probe.detail},
        )
        summary = f"{line.failures} health requests in a row unanswered since {since:%H:%M:%S} UTC; {state}"
        earlier = line.asked - line.failures
        before = line.answered / earlier if earlier else None
        measure = Measure(name="probes answered", before=before, after=0.0, unit="ratio", samples=line.failures)
        return Finding(service, "unresponsive", "critical", summary, since, seen.at, (proof,), (measure,))


def _stopped(container: Container | None) -> bool:
    """Down for a reason the engine knows: the container detector's matter, or somebody's wish."""
    return container is not None and (not container.running or container.status == "restarting")
