"""What one step of the patrol saw, and what a detector makes of it: frozen values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from agents.scout.alerts import Alert
from agents.scout.traffic import Call
from shared.analysis.cusum import BernoulliCusum
from shared.analysis.trace import Span
from shared.incident.evidence import SERVICE_NAME
from shared.incident.facts import Detected
from shared.incident.parts import Evidence, Measure, Severity, Symptom
from shared.ports import Container, ContainerEvent
from shared.stream import Event

HEALTH_URL: Final = "sre-space.health-url"
"""The container label that says where a service is asked for its health."""
OWN_PREFIX: Final = "sre-"
"""Services of the fleet itself; Scout does not watch them."""
_PASSING: Final = re.compile(r"[0-9a-f]{12}_.+")
"""What compose calls a container while it puts another in its place: ID_NAME."""


def is_patient(service: str) -> bool:
    """Whether telemetry of this service is Scout's business."""
    known = SERVICE_NAME.fullmatch(service) is not None and _PASSING.fullmatch(service) is None
    return known and not service.startswith(OWN_PREFIX)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One health request. `ms`: how long it took; `asked`: when it was sent, by Scout's clock."""

    ok: bool
    detail: str
    ms: float
    asked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Observations:
    """One look at the world, by Scout's clock (`at`, UTC).

    What is missing was not seen: a service without a probe result was not asked, or has not answered yet.
    """

    at: datetime
    probes: Mapping[str, ProbeResult] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
    """All managed containers as last read, by name."""
    events: tuple[ContainerEvent, ...] = ()
    """New since the last step."""
    spans: tuple[Span, ...] = ()
    """Newly finished. May be late, doubled and in any order."""
    business: tuple[Event, ...] = ()
    """New since the last step."""
    alerts: tuple[Alert, ...] = ()
    """Firings that began or were resolved since the last step, as Alertmanager said."""
    blind: Mapping[str, str] = field(default_factory=dict)
    """Sources that could not be read, with the reason: probes, containers, events, traces."""
    probe_control_ok: bool = True
    """Whether a probe of something of our own answered."""
    calls: tuple[Call, ...] = ()
    """What `spans` amount to, once settled. Filled in by the Watch."""
    troubled: frozenset[str] = frozenset()
    """Services with an open incident, and their callers: what they do now teaches no baseline."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A symptom that stands. The same firing keeps its `since` and first evidence for as long as it stands."""

    service: str
    symptom: Symptom
    severity: Severity
    summary: str
    since: datetime
    """When the fault began, as far as the arithmetic can tell."""
    fired: datetime
    """When the test was crossed, by Scout's clock."""
    evidence: tuple[Evidence, ...]
    measures: tuple[Measure, ...] = ()
    memory: timedelta = timedelta()
    """How long it may stand for what is over: an alert's rule looks back, our own tests do not."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a detector has counted of one service since it last began afresh: `bad` of `count`, held against `test`.

    `test` None: no share is tested, `ENOUGH_ANSWERS` good ones are enough.
    """

    name: str
    count: int
    bad: int
    test: BernoulliCusum | None
    measure: Measure


class Detector(Protocol):
    """One symptom's arithmetic. Stateful in memory, deterministic; time comes from the observations."""

    name: str

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        """Take in one look; the findings that stand now."""
        ...

    def begin_afresh(self, service: str, at: datetime) -> None:
        """Forget what was seen of `service` before `at`: a fix was applied. What was learned stays."""
        ...

    def recall(self, detected: Detected) -> None:
        """Take what an earlier process had learned from the fact it wrote, where nothing is known better."""
        ...

    def tally(self, service: str) -> Tally | None:
        """Counts since the last fresh beginning; None where this detector counts nothing for the service."""
        ...
