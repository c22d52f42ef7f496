"""What Brain reads: the right windows, and what a silent source costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agents.brain.look import Brain
from shared.analysis.rca.baseline_store import BaselineStore
from shared.analysis.trace import Trace
from shared.incident.facts import Detected
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.ports import Transient
from shared.redaction import Redactor
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from shared.testing.github import MemoryRepository

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
DETECTED = Detected(
    service="policy-service",
    symptom="latency",
    fingerprint="f" * 64,
    severity="major",
    summary="slow",
    since=SINCE,
    evidence=(),
)
INCIDENT = Incident("o/r", 7, "u", Status.DETECTED, (Entry(DETECTED, 0, "scout", SINCE, SINCE, 0, "0" * 64, True),))


class Windows:
    """Traces that remember for which windows they were asked."""

    def __init__(self, fail: bool = False) -> None:
        self.asked: list[tuple[datetime, datetime]] = []
        self._fail = fail

    def services(self) -> tuple[str, ...]:
        return ()

    def trace(self, trace_id: str) -> Trace | None:
        return None

    def traces(
        self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
    ) -> tuple[Trace, ...]:
        if self._fail:
            raise Transient("jaeger is away")
        self.asked.append((start, end))
        return ()


class NoPast:
    """No earlier incidents."""

    def recent(self, window: timedelta, besides: int = 0) -> tuple[Incident, ...]:
        return ()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def brain(clock: VirtualClock, traces: Windows) -> Brain:
    github = MemoryRepository(clock, "o/r").account("sre-fleet").reads
    return Brain(MemoryEngine(clock), traces, github, github, NoPast(), timedelta(hours=1), 3, Redactor())


def test_what_was_normal_just_before_the_fault_does_not_dilute_what_came_with_it(clock: VirtualClock) -> None:
    traces = Windows()
    brain(clock, traces).look(INCIDENT)
    before, during = sorted(traces.asked)
    assert SINCE - during[0] <= timedelta(seconds=1)
    assert before[1] <= SINCE - timedelta(seconds=5)


def test_a_source_that_fails_is_named_as_missing_and_ends_nothing(clock: VirtualClock) -> None:
    seen = brain(clock, Windows(fail=True)).look(INCIDENT)
    assert seen.case.missing["traces during"] == "jaeger is away"
    assert seen.case.missing["traces before"] == "jaeger is away"
    assert "logs" in seen.case.missing


class Known:
    """A store that is there."""

    def __init__(self) -> None:
        self.store = BaselineStore()

    def usual(self) -> BaselineStore | None:
        return self.store


def test_what_is_usual_is_part_of_the_case_where_somebody_tells_it(clock: VirtualClock) -> None:
    github, known = MemoryRepository(clock, "o/r").account("sre-fleet").reads, Known()
    told = Brain(MemoryEngine(clock), Windows(), github, github, NoPast(), timedelta(hours=1), 3, Redactor(), known)
    assert told.look(INCIDENT).case.usual is known.store
    assert brain(clock, Windows()).look(INCIDENT).case.usual is None
