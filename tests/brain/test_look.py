"""What Brain reads: the right windows, and what a silent source costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agents.brain.look import Brain
from shared.analysis.rca.baseline_store import BaselineStore
from shared.analysis.trace import Span, SpanEvent, Trace
from shared.incident.facts import Detected
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.ports import Transient
from shared.redaction import Redactor
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from shared.testing.github import MemoryRepository
from tests.brain.scenes import Scene, hang, latency

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

    def named(self, numbers: Sequence[int]) -> tuple[Incident, ...]:
        return ()

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


def test_a_service_that_hardly_serves_is_looked_at_through_the_others(clock: VirtualClock) -> None:
    scene = Scene(hang("policy-service"), after=4.0)
    incident = scene.incident("policy-service", "unresponsive")
    case = scene.seen(incident).case
    assert {s.service for t in case.during for s in t.spans} >= {"frontend", "quote-service", "user-service"}
    assert len({t.trace_id for t in case.during}) == len(case.during)
    busy = Scene(latency("user-service"))
    seen = busy.seen(busy.incident("user-service", "latency")).case
    assert all("user-service" in {s.service for s in t.spans} for t in (*seen.during, *seen.baseline))


def test_a_secret_in_a_span_is_gone_before_anything_is_hashed_or_shown(clock: VirtualClock) -> None:
    event = SpanEvent(1, "exception", {"exception.message": "token=s3cr3t-value refused", "n": 3})
    span = Span("a" * 32, "b" * 16, None, "policy-service", "GET /?api_key=s3cr3t-value", "server", 1, 1, True,
                "password: s3cr3t-value", {}, (event,))  # fmt: skip

    class Leaky(Windows):
        def traces(
            self, service: str, start: datetime, end: datetime, *, limit: int = 200, errors_only: bool = False
        ) -> tuple[Trace, ...]:
            return (Trace("a" * 32, (span,)),)

    case = brain(clock, Leaky()).look(INCIDENT).case
    assert case.during
    assert "s3cr3t-value" not in repr(case)
    assert case.during[0].spans[0].events[0].attributes["n"] == 3


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
