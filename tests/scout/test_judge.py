"""One fault is one incident: what belongs together, what waits, what comes back. Pure, on values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.scout.judge import Surroundings, fingerprint, judge_patrol
from agents.scout.observations import Finding
from shared.agent import Open, Recount, Reopen
from shared.incident.evidence import observation
from shared.incident.facts import Detected
from shared.incident.parts import Symptom
from tests.scout.world import EDGES, SERVICES, START, Log, opened

AROUND = Surroundings(edges=EDGES, patients=frozenset(SERVICES))
SYMPTOMS: tuple[Symptom, ...] = ("oom", "crash", "unresponsive", "errors", "latency", "conversion")
NOW = START + timedelta(minutes=5)


def finding(service: str, symptom: Symptom, at: datetime = NOW - timedelta(seconds=20)) -> Finding:
    proof = observation(f"probe-{service}", "probe", "seen", {"service": service})
    return Finding(service, symptom, "major", f"{symptom} of {service}", at, at, (proof,))


def fact(service: str, symptom: Symptom, at: datetime = NOW - timedelta(seconds=20)) -> Detected:
    [found] = opened(judge_patrol([finding(service, symptom, at)], (), (), NOW, AROUND))
    return found


def test_a_fingerprint_is_of_the_service_and_the_symptom() -> None:
    prints = {fingerprint(service, symptom) for service in SERVICES for symptom in SYMPTOMS}
    assert len(prints) == len(SERVICES) * len(SYMPTOMS)
    assert all(len(p) == 64 for p in prints)


def test_errors_of_a_caller_belong_to_the_open_incident_of_its_callee() -> None:
    log = Log(fact("user-service", "oom"), NOW)
    sightings = judge_patrol([finding("frontend", "errors")], (log.incident,), (), NOW, AROUND)
    assert sightings == (Recount(1, fingerprint("frontend", "errors")),)


def test_errors_of_a_callee_do_not_belong_to_its_callers_incident() -> None:
    log = Log(fact("frontend", "errors"), NOW)
    [sighting] = judge_patrol([finding("user-service", "errors")], (log.incident,), (), NOW, AROUND)
    assert isinstance(sighting, Open)


def test_a_crash_is_never_hidden_behind_a_softer_incident() -> None:
    log = Log(fact("policy-service", "errors"), NOW)
    [sighting] = judge_patrol([finding("policy-service", "crash")], (log.incident,), (), NOW, AROUND)
    assert isinstance(sighting, Open)


def test_a_service_that_is_being_restarted_is_down_for_the_reason_that_is_known() -> None:
    log = Log(fact("policy-service", "latency"), NOW)
    log.apply(NOW)
    sightings = judge_patrol([finding("policy-service", "unresponsive")], (log.incident,), (), NOW, AROUND)
    assert sightings == (Recount(1, fingerprint("policy-service", "unresponsive")),)


def test_for_five_seconds_after_a_fix_the_callers_symptoms_belong_to_it() -> None:
    log = Log(fact("policy-service", "oom"), NOW - timedelta(seconds=10))
    log.apply(NOW - timedelta(seconds=4))
    log.verify(NOW - timedelta(seconds=1))
    closed = log.close(NOW)
    late = finding("frontend", "errors", NOW - timedelta(seconds=3))
    assert judge_patrol([late], (), (closed,), NOW + timedelta(seconds=3), AROUND) == ()
    [sighting] = judge_patrol([late], (), (closed,), NOW + timedelta(seconds=6), AROUND)
    assert isinstance(sighting, Open)


def test_conversion_waits_three_seconds_and_yields_to_whatever_fails() -> None:
    fresh = finding("policy-service", "conversion", NOW - timedelta(seconds=2))
    assert judge_patrol([fresh], (), (), NOW, AROUND) == ()
    old = finding("policy-service", "conversion", NOW - timedelta(seconds=4))
    assert len(opened(judge_patrol([old], (), (), NOW, AROUND))) == 1
    [only] = opened(judge_patrol([old, finding("user-service", "errors")], (), (), NOW, AROUND))
    assert only.symptom == "errors"


def test_purchases_that_are_refused_are_a_matter_of_their_own_beside_a_slow_callee() -> None:
    refused = finding("frontend", "conversion", NOW - timedelta(seconds=4))
    both = opened(judge_patrol([refused, finding("policy-service", "latency")], (), (), NOW, AROUND))
    assert [o.symptom for o in both] == ["latency", "conversion"]
    slow = Log(fact("policy-service", "latency"), NOW)
    [sighting] = judge_patrol([refused], (slow.incident,), (), NOW, AROUND)
    assert isinstance(sighting, Open)
    failing = Log(fact("policy-service", "errors"), NOW)
    [sighting] = judge_patrol([refused], (failing.incident,), (), NOW, AROUND)
    assert isinstance(sighting, Recount)


def test_purchases_that_are_refused_are_not_hidden_behind_an_alert_that_looks_back() -> None:
    refused = finding("policy-service", "conversion", NOW - timedelta(seconds=4))
    errors = finding("frontend", "errors")
    told = replace(errors, evidence=(observation("alert-1", "metric", "ErrorBudgetBurn", {"service": "frontend"}),))
    both = opened(judge_patrol([refused, told], (), (), NOW, AROUND))
    assert [o.symptom for o in both] == ["errors", "conversion"]
    [standing] = opened(judge_patrol([told], (), (), NOW, AROUND))
    [sighting] = judge_patrol([refused], (Log(standing, NOW).incident,), (), NOW, AROUND)
    assert isinstance(sighting, Open)


def test_softer_symptoms_wait_while_it_is_open_whether_their_service_is_down() -> None:
    around = replace(AROUND, suspects=frozenset({"policy-service"}))
    for service in ("policy-service", "quote-service", "frontend"):
        assert judge_patrol([finding(service, "errors")], (), (), NOW, around) == ()
    assert len(judge_patrol([finding("user-service", "errors")], (), (), NOW, around)) == 1
    assert len(judge_patrol([finding("policy-service", "unresponsive")], (), (), NOW, around)) == 1


def test_a_reopened_incident_counts_its_recurrences_up() -> None:
    log = Log(fact("policy-service", "crash").model_copy(update={"recurrence": 2}), NOW)
    log.apply(NOW)
    log.verify(NOW)
    closed = log.close(NOW + timedelta(seconds=1))
    again = finding("policy-service", "crash", NOW + timedelta(seconds=30))
    [sighting] = judge_patrol([again], (), (closed,), NOW + timedelta(seconds=30), AROUND)
    assert isinstance(sighting, Reopen)
    assert sighting.fact.recurrence == 3


def test_an_issue_that_a_person_closed_is_not_opened_again_by_the_same_firing() -> None:
    standing = finding("policy-service", "crash")
    by_hand = replace(Log(fact("policy-service", "crash"), NOW).incident, closed=True)
    assert judge_patrol([standing], (), (by_hand,), NOW, AROUND) == ()
    new = finding("policy-service", "crash", NOW)
    [sighting] = judge_patrol([new], (), (by_hand,), NOW, AROUND)
    assert isinstance(sighting, Open)


def test_two_services_that_fall_hours_apart_are_two_incidents() -> None:
    apart = [finding("policy-service", "crash", NOW - timedelta(hours=2)), finding("user-service", "crash")]
    assert len(opened(judge_patrol(apart, (), (), NOW, AROUND))) == 2


def test_a_mass_failure_is_an_incident_of_what_the_fallen_have_in_common() -> None:
    fallen = [finding(s, "unresponsive") for s in ("quote-service", "user-service", "policy-service")]
    [sighting] = opened(judge_patrol(fallen, (), (), NOW, AROUND))
    assert (sighting.service, sighting.severity) == ("user-service", "critical")
    log = Log(sighting, NOW)
    later = judge_patrol(fallen, (log.incident,), (), NOW + timedelta(seconds=1), AROUND)
    assert all(isinstance(s, Recount) for s in later)
    rest = judge_patrol(fallen[:1], (log.incident,), (), NOW + timedelta(seconds=1), AROUND)
    assert rest == (Recount(1, fingerprint("quote-service", "unresponsive")),)


@given(
    st.lists(st.tuples(st.sampled_from(SERVICES), st.sampled_from(SYMPTOMS)), max_size=12),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_order_and_doubles_of_findings_do_not_matter(
    drawn: list[tuple[str, Symptom]], chance: object, times: int
) -> None:
    findings = [finding(service, symptom) for service, symptom in drawn]
    mixed = findings * times
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    once = judge_patrol(findings, (), (), NOW, AROUND)
    assert judge_patrol(mixed, (), (), NOW, AROUND) == once
    facts = opened(once)
    assert len({f.fingerprint for f in facts}) == len(facts)
    pending = replace(AROUND, pending=tuple(facts))
    assert opened(judge_patrol(mixed, (), (), NOW, pending)) == []
