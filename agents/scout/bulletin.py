"""How each service is just now, as Scout's own arithmetic sees it: told to people, once a second. Decides nothing."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final, Literal

from agents.scout.observations import Finding, Observations, ProbeResult
from shared.incident.evidence import one_line
from shared.ports import Publisher
from shared.stream import VITAL, VITALS, Event

EVERY: Final = timedelta(seconds=1)
WINDOW: Final = timedelta(seconds=5)
"""Requests that ended their way to Scout within this time are counted; traces come a second or two late."""
FRESH: Final = timedelta(seconds=10)
"""An answer to a probe says how a service is for so long."""
SLACK: Final = timedelta(seconds=0.05)
SOURCE: Final = "/sre-space/scout"


@dataclass(frozen=True, slots=True)
class Vital:
    """One service. `p50_ms`: median of its own time, calls to others left out; `rate`: requests a second that it
    served; `errors`: the share that failed by its own fault. None: not known."""

    service: str
    health: Literal["ok", "bad", "unknown"]
    detail: str
    p50_ms: float | None = None
    rate: float | None = None
    errors: float | None = None


@dataclass(slots=True)
class _Recent:
    """What was heard of one service lately: its last probe, and (when, own time in µs, failed) of its requests."""

    probe: ProbeResult | None = None
    probed_at: datetime | None = None
    calls: deque[tuple[datetime, int | None, bool]] = field(default_factory=deque)


class Bulletin:
    """For the patrol's thread alone: `take` after each step of the watch, `step` to publish what is due."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._recent: dict[str, _Recent] = {}
        self._seen: Observations | None = None
        self._findings: tuple[Finding, ...] = ()
        self._since: datetime | None = None
        self._told: datetime | None = None

    def take(self, seen: Observations, findings: Iterable[Finding]) -> None:
        """One look, with its settled calls, and what stands after it."""
        self._seen, self._findings = seen, tuple(findings)
        self._since = self._since or seen.at
        for call in seen.calls:
            self._recent.setdefault(call.service, _Recent()).calls.append((seen.at, call.self_us, call.failed))
        for service, probe in seen.probes.items():
            recent = self._recent.setdefault(service, _Recent())
            recent.probe, recent.probed_at = probe, seen.at
        for service in [name for name in self._recent if name not in seen.containers]:
            recent = self._recent[service]
            if not recent.calls and (recent.probed_at is None or seen.at - recent.probed_at > FRESH):
                del self._recent[service]
        for recent in self._recent.values():
            while recent.calls and seen.at - recent.calls[0][0] > WINDOW:
                recent.calls.popleft()

    def step(self) -> None:
        """Publish every service's vital, when a second has passed. Never blocks, never raises for the stream's sake."""
        if self._seen is None or (self._told is not None and self._seen.at - self._told < EVERY - SLACK):
            return
        self._told = self._seen.at
        for vital in self.vitals():
            self._publisher.publish(VITALS, vital.service, message(vital, self._seen.at))

    def vitals(self) -> tuple[Vital, ...]:
        """Every service with a container, and those that were heard of lately, by name."""
        if self._seen is None:
            return ()
        return tuple(self._vital(name, self._seen) for name in sorted({*self._seen.containers, *self._recent}))

    def _vital(self, service: str, seen: Observations) -> Vital:
        health, detail = self._health(service, seen)
        if "traces" in seen.blind:
            return Vital(service, health, detail)
        calls = self._recent.get(service, _Recent()).calls
        own = [took for _, took, _ in calls if took is not None]
        watched = max((min(seen.at - (self._since or seen.at), WINDOW)).total_seconds(), 1.0)
        return Vital(
            service,
            health,
            detail,
            p50_ms=round(median(own) / 1000, 3) if own else None,
            rate=round(len(calls) / watched, 2),
            errors=round(sum(failed for _, _, failed in calls) / len(calls), 4) if calls else None,
        )

    def _health(self, service: str, seen: Observations) -> tuple[Literal["ok", "bad", "unknown"], str]:
        finding = next((f for f in self._findings if f.service == service), None)
        container = seen.containers.get(service)
        recent = self._recent.get(service, _Recent())
        if finding is not None:
            return "bad", one_line(f"{finding.symptom}: {finding.summary}")
        if container is not None and not container.running and "containers" not in seen.blind:
            return "bad", f"its container is {container.status}"
        if "probes" in seen.blind:
            return "unknown", one_line(f"Scout cannot probe: {seen.blind['probes']}")
        if recent.probe is None or recent.probed_at is None or seen.at - recent.probed_at > FRESH:
            return "unknown", "no answer to a probe yet" if recent.probe is None else "not probed lately"
        if not recent.probe.ok:
            return "bad", one_line(f"its probe failed: {recent.probe.detail}")
        return "ok", f"answered its probe in {recent.probe.ms:.0f} ms"


def message(vital: Vital, at: datetime) -> Event:
    """The event that tells of `vital`, seen at `at` (Scout's clock)."""
    data = {
        "service": vital.service,
        "health": vital.health,
        "detail": vital.detail,
        "p50_ms": vital.p50_ms,
        "rate": vital.rate,
        "errors": vital.errors,
    }
    return Event(str(uuid.uuid4()), SOURCE, VITAL, vital.service, at, data)
