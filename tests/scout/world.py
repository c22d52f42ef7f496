"""Virtual time, containers and incidents for the tests of Scout. Values of our own types, built, never mocked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agents.scout.observations import Observations, ProbeResult
from agents.scout.watch import Watch
from shared.agent import Open, Reopen, Sighting
from shared.incident.facts import AnyFact, Applied, Detected, Learned, Verified
from shared.incident.parts import Observed
from shared.incident.replay import Entry, Incident
from shared.incident.status import TRANSITIONS, Status
from shared.ports import Container, ContainerEvent

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVICES = ("frontend", "policy-service", "quote-service", "user-service")
EDGES = frozenset(
    {
        ("frontend", "quote-service"),
        ("quote-service", "user-service"),
        ("quote-service", "policy-service"),
        ("policy-service", "user-service"),
    }
)


def container(name: str, **changes: object) -> Container:
    base = Container(
        name=name,
        id=f"{name:0<12}".replace("-", "0") + "f" * 52,
        image="patients:1",
        started_at="2026-03-01T11:00:00Z",
        finished_at="0001-01-01T00:00:00Z",
        status="running",
        running=True,
        exit_code=0,
        oom_killed=False,
        health="healthy",
        restart_count=0,
        labels={"sre-space.managed": "true"},
        memory_limit=256 * 2**20,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


class World:
    """A scripted patrol: what each step sees is what a test set up. `step` moves time by `tick` seconds first."""

    def __init__(self, services: Iterable[str] = SERVICES, tick: float = 0.5) -> None:
        self.now = START
        self.tick = timedelta(seconds=tick)
        self.containers = {name: container(name) for name in services}
        self.silent: set[str] = set()
        self.probe_ms = 3.0
        self.failure_detail = "timed out"
        self.next_events: list[ContainerEvent] = []
        self.extra: dict[str, object] = {}
        self.last: Observations | None = None

    def step(self) -> Observations:
        self.now += self.tick
        probes = {
            name: ProbeResult(False, self.failure_detail, 1000.0, self.now - timedelta(milliseconds=5))
            if name in self.silent
            else ProbeResult(True, "200", self.probe_ms, self.now - timedelta(milliseconds=5))
            for name, c in self.containers.items()
            if c.running
        }
        events, self.next_events = tuple(self.next_events), []
        seen = Observations(at=self.now, probes=probes, containers=dict(self.containers), events=events)
        self.last = replace(seen, **self.extra)  # type: ignore[arg-type]
        return self.last

    def event(self, name: str, action: str, exit_code: int | None = None, after: float = 0.1) -> None:
        at = self.now + timedelta(seconds=after)
        self.next_events.append(ContainerEvent(name, self.containers[name].id, action, at, exit_code))

    def die(self, name: str, exit_code: int, *, oom: bool = False) -> None:
        if oom:
            self.event(name, "oom", after=0.1)
        self.event(name, "die", exit_code, after=0.11)
        self.containers[name] = replace(
            self.containers[name],
            running=False,
            status="exited",
            exit_code=exit_code,
            oom_killed=oom,
            finished_at=self.now.isoformat(),
        )

    def restart(self, name: str) -> None:
        """As the Fixer does it: the running process is asked to end, then started anew."""
        if self.containers[name].running:
            self.event(name, "kill", after=0.1)
            self.event(name, "die", 137, after=0.2)
        self.event(name, "start", after=0.3)
        self.containers[name] = container(name, started_at=(self.now + timedelta(seconds=0.3)).isoformat())


def patrol(watch: Watch, steps: int, *incidents: Incident) -> list[Sighting]:
    """The sightings of so many steps."""
    found: list[Sighting] = []
    for _ in range(steps):
        found += watch.step(incidents, incidents)
    return found


def opened(sightings: Iterable[Sighting]) -> list[Detected]:
    return [s.fact for s in sightings if isinstance(s, Open)]


def reopened(sightings: Iterable[Sighting]) -> list[Reopen]:
    return [s for s in sightings if isinstance(s, Reopen)]


class Log:
    """An incident's log, fact by fact, as replay would give it."""

    def __init__(self, detected: Detected, at: datetime, number: int = 1) -> None:
        self.incident = Incident("o/r", number, f"http://forge/o/r/issues/{number}")
        self.say(detected, at, "scout")

    def say(self, fact: AnyFact, at: datetime, by: str, status: Status | None = None) -> Incident:
        target = status or TRANSITIONS[self.incident.status][fact.move]
        seq = self.incident.next_seq
        entry = Entry(fact, seq, by, at, at, seq, f"{seq:064x}", True)
        self.incident = replace(self.incident, status=target, entries=(*self.incident.entries, entry))
        return self.incident

    def apply(self, at: datetime) -> Incident:
        """Jump to VERIFYING: what lies between does not concern Scout."""
        self.incident = replace(self.incident, status=Status.FIXING)
        was = Observed(container_id="c", started_at="1", image="i")
        fact = Applied(directive_id="d", before=was, after=was, took_s=0.5, settled=False)
        return self.say(fact, at, "fixer")

    def verify(self, at: datetime) -> Incident:
        fact = Verified(outcome="healthy", detail="well", held_s=3.0, measures=())
        return self.say(fact, at, "scout")

    def close(self, at: datetime) -> Incident:
        learned = Learned(
            time_to_detect_s=1.0, time_to_act_s=1.0, time_to_recover_s=1.0, actions=1, refusals=0, ineffective=0,
            recurrences=0, earlier=(),
        )  # fmt: skip
        self.incident = replace(self.say(learned, at, "memory"), closed=True)
        return self.incident
