"""Containers that died or that their engine calls unhealthy: oom, crash, unresponsive, immediately on the event."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.scout.observations import Finding, Observations, Tally, is_patient
from shared.incident.evidence import observation
from shared.incident.facts import Detected
from shared.incident.parts import Evidence, Symptom
from shared.ports import Container, ContainerEvent

CLEAN: Final = frozenset((0, 143))
"""Exit codes of a process that was asked to end: success, and SIGTERM."""
KILLED: Final = 137
"""SIGKILL: the memory limit, or somebody's hand."""
ASKED_WITHIN: Final = timedelta(seconds=60)
"""A death this soon after somebody's `kill` of the same container is that person's doing."""
DOUBT: Final = timedelta(seconds=0.5)
"""How long a death by SIGKILL waits for the engine's word whether memory was the reason."""
NEVER: Final = "0001-01-01T00:00:00Z"
"""The engine's time of something that has not happened."""
SAME_DEATH: Final = timedelta(seconds=1)
"""The engine writes down the end of a process and tells of it within this time."""
REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class _Down:
    """A container that is down or unhealthy. `noticed`: when Scout read of it, by Scout's clock."""

    finding: Finding
    noticed: datetime


class ContainerDetector:
    """Stands from the death (or the engine's `unhealthy`) until the container runs and has answered again."""

    name = "container"

    def __init__(self) -> None:
        self._down: dict[str, _Down] = {}
        self._asked: dict[str, datetime] = {}
        self._ooms: dict[str, datetime] = {}
        self._starts: dict[str, datetime] = {}
        self._doubtful: dict[str, tuple[ContainerEvent, datetime]] = {}
        self._exits: dict[str, tuple[str, str]] = {}
        """Container name to (id, finished_at) of the last exit that the snapshots showed."""
        self._told: dict[str, datetime] = {}
        """Container id to the end of its last run that a snapshot showed before its event came."""
        self._taken: OrderedDict[ContainerEvent, None] = OrderedDict()

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        for event in sorted(set(seen.events), key=_order):
            if is_patient(event.name) and event not in self._taken:
                self._taken[event] = None
                self._take(event, seen)
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        for event, noticed in tuple(self._doubtful.values()):
            self._decide(event, noticed, seen)
        for name in sorted(seen.containers):
            if is_patient(name):
                self._compare(seen.containers[name], seen)
        return tuple(self._down[name].finding for name in sorted(self._down))

    def begin_afresh(self, service: str, at: datetime) -> None:
        down = self._down.get(service)
        if down is not None and down.noticed <= at:
            del self._down[service]

    def recall(self, detected: Detected) -> None:
        """Nothing is learned here."""

    def tally(self, service: str) -> Tally | None:  # noqa: ARG002 - the probe counts, a container has no rate
        return None

    def _take(self, event: ContainerEvent, seen: Observations) -> None:
        match event.action:
            case "kill" | "stop":
                self._asked[event.id] = event.at
            case "oom" | "die" if self._is_told(event):
                return
            case "oom":
                self._ooms[event.id] = event.at
                self._doubtful.pop(event.name, None)
                self._fall("oom", event, seen)
            case "die":
                self._died(event, seen)
            case "health_status: unhealthy":
                self._fall("unresponsive", event, seen)
            case "health_status: healthy" | "destroy":
                self._down.pop(event.name, None)
            case "start":
                self._starts[event.id] = event.at
            case _:
                pass
        for times in (self._asked, self._ooms, self._starts):
            for key in [key for key, at in times.items() if at < event.at - ASKED_WITHIN]:
                del times[key]

    def _is_told(self, event: ContainerEvent) -> bool:
        """Whether this is the late event of a death that a snapshot has told already."""
        told = self._told.get(event.id)
        return told is not None and abs(event.at - told) <= SAME_DEATH

    def _died(self, event: ContainerEvent, seen: Observations) -> None:
        if self._in_this_run(self._ooms, event.id, event.at):
            self._fall("oom", event, seen)
        elif event.exit_code in CLEAN or self._in_this_run(self._asked, event.id, event.at):
            return
        elif event.exit_code == KILLED or event.exit_code is None:
            self._doubtful[event.name] = (event, seen.at)
        else:
            self._fall("crash", event, seen)

    def _decide(self, event: ContainerEvent, noticed: datetime, seen: Observations) -> None:
        """A death by SIGKILL: by the memory limit, by hand, or for a reason nobody states."""
        container = seen.containers.get(event.name)
        stopped = container is not None and container.id == event.id and not container.running
        explained = (self._in_this_run(times, event.id, event.at) for times in (self._asked, self._ooms))
        if any(explained):
            del self._doubtful[event.name]
        elif stopped or seen.at - noticed >= DOUBT:
            del self._doubtful[event.name]
            by_memory = stopped and container is not None and container.oom_killed
            self._fall("oom" if by_memory else "crash", event, seen)

    def _fall(self, symptom: Symptom, event: ContainerEvent, seen: Observations) -> None:
        known = self._down.get(event.name)
        if known is not None and known.finding.symptom != "unresponsive":
            return
        container = seen.containers.get(event.name)
        finding = Finding(
            event.name,
            symptom,
            "critical",
            _summary(symptom, event.exit_code, container),
            event.at,
            seen.at,
            (_event_evidence(event),),
        )
        self._down[event.name] = _Down(finding, seen.at)

    def _compare(self, container: Container, seen: Observations) -> None:
        """A snapshot ends a finding, or starts one whose event was lost."""
        this_exit = (container.id, container.finished_at)
        new_exit = self._exits.get(container.name) != this_exit
        self._exits[container.name] = this_exit
        down = self._down.get(container.name)
        if down is not None:
            probe = seen.probes.get(container.name)
            answered = probe is not None and probe.ok and probe.asked is not None and probe.asked > down.noticed
            ill = container.health == "unhealthy"
            if container.running and container.status != "restarting" and answered and not ill:
                del self._down[container.name]
        elif new_exit and not container.running and container.finished_at != NEVER:
            self._missed(container, seen)

    def _in_this_run(self, times: dict[str, datetime], container_id: str, ended: datetime) -> bool:
        """Whether what `times` tells speaks of the run that ended at `ended`, and not of one before."""
        at = times.get(container_id)
        started = self._starts.get(container_id)
        return at is not None and not (started is not None and at < started < ended)

    def _missed(self, container: Container, seen: Observations) -> None:
        clean = container.exit_code in CLEAN and not container.oom_killed
        asked = self._in_this_run(self._asked, container.id, datetime.fromisoformat(container.finished_at))
        if clean or asked or container.name in self._doubtful:
            return
        symptom: Symptom = "oom" if container.oom_killed else "crash"
        summary = _summary(symptom, container.exit_code, container)
        finding = Finding(container.name, symptom, "critical", summary, seen.at, seen.at, (_state_evidence(container),))
        self._down[container.name] = _Down(finding, seen.at)
        self._told[container.id] = datetime.fromisoformat(container.finished_at)


def _order(event: ContainerEvent) -> tuple[datetime, int, str, str]:
    """By time; at the same instant what explains a death comes before it."""
    return event.at, 1 if event.action == "die" else 0, event.action, event.id


def _summary(symptom: Symptom, exit_code: int | None, container: Container | None) -> str:
    match symptom:
        case "oom":
            limit = f", limit {container.memory_limit / 2**20:.0f} MiB" if container and container.memory_limit else ""
            return f"killed by the kernel: out of memory (exit {KILLED}){limit}"
        case "crash" if exit_code == KILLED:
            return f"killed by SIGKILL (exit {KILLED}), not by its memory limit and not through the engine"
        case "crash":
            return f"the process ended by itself with exit code {'unknown' if exit_code is None else exit_code}"
        case _:
            return "the engine's health check calls it unhealthy"


def _event_evidence(event: ContainerEvent) -> Evidence:
    action = event.action.replace("health_status: ", "")
    code = "" if event.exit_code is None else f", exit code {event.exit_code}"
    return observation(
        f"event-{action}-{event.id[:12]}-{event.at:%Y%m%dT%H%M%S.%f}",
        "event",
        f"container {event.name} ({event.id[:12]}): {event.action}{code}",
        {
            "name": event.name,
            "id": event.id,
            "action": event.action,
            "at": event.at.isoformat(),
            "exit_code": event.exit_code,
        },
    )


def _state_evidence(container: Container) -> Evidence:
    return observation(
        f"container-{container.id[:12]}-{container.finished_at}",
        "container",
        f"container {container.name} ({container.id[:12]}): {container.status}, exit code {container.exit_code}"
        f"{', OOMKilled' if container.oom_killed else ''}",
        {
            "name": container.name,
            "id": container.id,
            "status": container.status,
            "exit_code": container.exit_code,
            "oom_killed": container.oom_killed,
            "started_at": container.started_at,
            "finished_at": container.finished_at,
        },
    )
