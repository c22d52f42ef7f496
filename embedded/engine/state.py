"""What has become of a container: the mutable half of inspect, persisted after each change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Probe:
    """One run of a health check; times in Unix nanoseconds. ExitCode -1: timed out or could not run."""

    start: int
    end: int
    exit_code: int
    output: str


@dataclass(slots=True)
class Health:
    """`starting`, `healthy` or `unhealthy`, the failures in a row, and the last five probes."""

    status: str = "starting"
    failing_streak: int = 0
    log: list[Probe] = field(default_factory=list)

    def record(self, probe: Probe, *, retries: int, in_start_period: bool) -> bool:
        """Fold in one result as dockerd does (moby daemon/health.go); True when the status changed."""
        before = self.status
        self.log = [*self.log[-4:], probe]
        if probe.exit_code == 0:
            self.failing_streak = 0
            self.status = "healthy"
        elif not (before == "starting" and in_start_period):
            self.failing_streak += 1
            if self.failing_streak >= retries:
                self.status = "unhealthy"
        return self.status != before


@dataclass(slots=True)
class ContainerState:
    """Times are Unix nanoseconds, 0 for never. While a back-off runs, running and restarting are both true."""

    running: bool = False
    restarting: bool = False
    oom_killed: bool = False
    """True from an OOM kill until the next exit of another kind: as in dockerd, a start does not reset it."""
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: int = 0
    finished_at: int = 0
    restart_count: int = 0
    manually_stopped: bool = False
    health: Health | None = None

    @property
    def status(self) -> str:
        """created, running, restarting or exited."""
        if self.running:
            return "restarting" if self.restarting else "running"
        return "exited" if self.finished_at else "created"

    def dump(self) -> Json:
        """As JSON-ready data."""
        return asdict(self)

    @classmethod
    def load(cls, data: Json) -> ContainerState:
        """The inverse of dump."""
        health = data.get("health")
        if health:
            probes = [Probe(**probe) for probe in health["log"]]
            data = {**data, "health": Health(health["status"], health["failing_streak"], probes)}
        return cls(**data)
