"""Metrics weigh what others hold, put nothing on the list themselves, and an alert alone never leads to a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agents.brain.analysts import gauges
from agents.brain.case import Case
from agents.brain.director import convene
from agents.brain.judge import Seen, judge
from agents.brain.reading import read
from shared.agent import Say
from shared.analysis.metrics import Series
from shared.incident.evidence import observation
from shared.incident.facts import AnyFact, Applied, Detected, Diagnosed, Stuck, Verified
from shared.incident.parts import Observed, Symptom
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.ports import Metrics, Transient
from tests.brain.scenes import Fault, errors, latency
from tests.brain.scenes import Scene as Shop


class Scene:
    """A fault in the shop, the incident that Scout opened for it, and what Brain sees."""

    def __init__(self, service: str, symptom: Symptom, fault: Fault) -> None:
        self._shop = Shop(fault)
        self.incident = self._shop.incident(service, symptom)
        self.seen = self._shop.seen(self.incident)

    def look(self, metrics: Metrics) -> Seen:
        return self._shop.seen(self.incident, metrics)


def series(service: str, since: datetime, usual: float, now: float, seconds: int = 30) -> Series:
    start = since.timestamp()
    before = [(start - 60 + n, usual) for n in range(60)]
    return Series({"service": service}, (*before, *((start + n, now) for n in range(seconds))))


def case_of(scene: Scene, **measured: Series) -> Case:
    return replace(scene.seen.case, gauges={gauge: (one,) for gauge, one in measured.items()})


def test_a_processor_that_has_become_busy_speaks_for_slow_code_with_an_id_of_its_own() -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    since = scene.incident.detected.since
    case = case_of(scene, processor=series("policy-service", since, 0.05, 0.9))
    panel = convene(scene.incident, case)
    (leading, *_) = panel.hypotheses
    assert (leading.service, leading.cause) == ("policy-service", "slow")
    assert any(name.startswith("metric-processor-policy-service-") for name in leading.evidence)
    assert any(v.analyst == "gauges" and v.nats > 0 for v in leading.votes)
    assert not [note for note in panel.notes if "gauges" in note]


def test_metrics_alone_put_nothing_on_the_list() -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    since = scene.incident.detected.since
    case = replace(case_of(scene, processor=series("policy-service", since, 0.05, 0.9)), baseline=(), during=())
    assert all(h.cause == "unknown" for h in convene(scene.incident, case).hypotheses)


def test_a_gauge_that_has_not_settled_says_nothing_against_anybody() -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    since = scene.incident.detected.since
    early = case_of(scene, processor=series("policy-service", since, 0.05, 0.05, seconds=10))
    assert gauges.analyse(scene.incident, early, read(early)) == ()
    late = case_of(scene, processor=series("policy-service", since, 0.05, 0.05, seconds=30))
    assert {c.weight for c in gauges.analyse(scene.incident, late, read(late))} == {gauges.AGAINST}


@pytest.mark.parametrize("labels", [{}, {"service": "../x"}, {"service": ""}])
def test_a_series_of_nobody_is_left_out(labels: dict[str, str]) -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    whose = replace(series("x", scene.incident.detected.since, 0.05, 0.9), labels=labels)
    case = case_of(scene, processor=whose)
    assert gauges.analyse(scene.incident, case, read(case)) == ()


class Answers:
    """Metrics that answer one question and fail the others."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self.asked: list[tuple[str, datetime, datetime]] = []

    def ranges(self, query: str, start: datetime, end: datetime, step: timedelta) -> tuple[Series, ...]:
        self.asked.append((query, start, end))
        if "cpu" not in query:
            raise Transient("Prometheus does not answer")
        return (series("policy-service", self._since, 0.1, 0.8),)


def test_brain_reads_the_ranges_around_the_incident_and_says_which_are_missing() -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    answers = Answers(scene.incident.detected.since)
    seen = scene.look(answers)
    assert set(seen.case.gauges) == set(gauges.QUERIES)
    assert len(seen.case.gauges["processor"]) == 1
    assert {n for n in seen.case.missing if n.startswith("metrics")} == {
        "metrics: memory", "metrics: requests", "metrics: failures",
    }  # fmt: skip
    since = scene.incident.detected.since
    assert all(start < since <= end for _, start, end in answers.asked)


def said(incident: Incident, seen: Seen) -> AnyFact:
    effect = judge(incident, seen)
    assert isinstance(effect, Say)
    return effect.fact


def alerted(incident: Incident) -> Incident:
    """The same incident, opened for an alert and nothing else, with an earlier firing that a restart has healed."""
    proof = observation("alert-a1b2-20260301T120000", "metric", "alert ErrorBudgetBurn", {"fingerprint": "a1b2"})
    first = incident.entries[0]
    detected = incident.detected.model_copy(update={"evidence": (proof,)})
    return replace(incident, entries=(replace(first, fact=detected), *incident.entries[1:]))


def healed_before(incident: Incident, scene: Scene, number: int) -> Incident:
    diagnosed = said(incident, scene.seen)
    assert isinstance(diagnosed, Diagnosed)
    was = Observed(container_id="c", started_at="1", image="i")
    facts: tuple[AnyFact, ...] = (
        incident.detected,
        diagnosed,
        Applied(directive_id="d", before=was, after=was, took_s=1.0, settled=False),
        Verified(outcome="healthy", detail="well", held_s=3.0, measures=()),
    )
    first = incident.entries[0]
    entries = tuple(
        Entry(one, n, first.by, first.at, first.posted_at, n, f"{n:064x}", True) for n, one in enumerate(facts)
    )
    return replace(incident, number=number, entries=entries, status=Status.CLOSED, closed=True)


def test_an_alert_with_a_fault_that_a_restart_healed_before_is_no_reason_to_restart() -> None:
    scene = Scene("policy-service", "errors", errors("policy-service"))
    earlier = (healed_before(scene.incident, scene, 90), healed_before(scene.incident, scene, 91))
    blind = replace(scene.seen.case, baseline=(), during=(), earlier=earlier)
    incident = alerted(scene.incident)
    seen = replace(scene.seen, case=blind, now=scene.seen.now + timedelta(minutes=1), escalate_after=100)
    assert isinstance(said(incident, seen), Stuck)


def test_an_alert_with_traces_that_show_the_fault_is_diagnosed_on_the_traces() -> None:
    scene = Scene("policy-service", "errors", errors("policy-service"))
    fact = said(alerted(scene.incident), scene.seen)
    assert isinstance(fact, Diagnosed)
    assert (fact.service, fact.cause) == ("policy-service", "errors")
    assert not any(e.id.startswith("alert-") for e in fact.evidence)


def test_an_unmapped_alert_fits_any_cause_that_the_evidence_shows() -> None:
    scene = Scene("policy-service", "errors", errors("policy-service"))
    incident = alerted(scene.incident)
    unmapped = incident.detected.model_copy(update={"symptom": "alert"})
    incident = replace(incident, entries=(replace(incident.entries[0], fact=unmapped), *incident.entries[1:]))
    assert isinstance(unmapped, Detected)
    fact = said(incident, scene.seen)
    assert isinstance(fact, Diagnosed)
    assert fact.cause == "errors"


def test_brain_without_prometheus_asks_nobody_and_misses_nothing() -> None:
    scene = Scene("policy-service", "latency", latency("policy-service"))
    assert scene.seen.case.gauges == {}
    assert not [name for name in scene.seen.case.missing if "metrics" in name]
