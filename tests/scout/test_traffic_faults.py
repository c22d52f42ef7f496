"""Faults that show in the traffic only: errors, latency, conversion; each found by its own detector and by no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.scout.watch import Watch
from shared.incident.facts import Detected
from tests.scout.quiet import quiet_shop
from tests.scout.shop import Shop
from tests.scout.world import Log, opened, patrol

SERVICES = ("frontend", "quote-service", "policy-service", "user-service")


def first(shop: Shop, watch: Watch, seconds: float) -> tuple[Detected, float]:
    """The first incident, alone in its step, and how long it took."""
    begun = shop.now
    while (shop.now - begun).total_seconds() < seconds:
        facts = opened(patrol(watch, 1))
        if facts:
            [fact] = facts
            return fact, (shop.now - begun).total_seconds()
    raise AssertionError(f"nothing found in {seconds} s")


def nothing_more(shop: Shop, watch: Watch, fact: Detected, seconds: int = 20) -> None:
    incident = Log(fact, shop.now).incident
    assert opened(patrol(watch, 2 * seconds, incident)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_failing_requests_are_errors_of_the_service_where_they_begin(service: str) -> None:
    shop, watch = quiet_shop()
    shop.faults.failing[service] = 0.5
    fact, took = first(shop, watch, 10)
    assert (fact.service, fact.symptom, fact.severity) == (service, "errors", "major")
    assert took <= 5.5
    assert fact.measures[0].after == pytest.approx(0.5, abs=0.4)
    assert fact.measures[0].samples > 5
    assert fact.measures[0].before == 0.0, "the beginning of the fault is no part of what is usual"
    assert fact.evidence
    assert all(e.trace_id for e in fact.evidence)
    nothing_more(shop, watch, fact)


@pytest.mark.parametrize("service", SERVICES)
def test_slow_requests_are_latency_of_the_service_whose_own_time_it_is(service: str) -> None:
    shop, watch = quiet_shop()
    shop.faults.delay[service] = 0.4
    fact, took = first(shop, watch, 10)
    assert (fact.service, fact.symptom) == (service, "latency")
    assert took <= 5
    own_time = fact.measures[1]
    assert own_time.unit == "ms"
    assert own_time.before is not None
    assert own_time.before < 20
    assert own_time.after is not None
    assert own_time.after > 300
    nothing_more(shop, watch, fact)


def test_a_slow_service_that_its_callers_give_up_on_is_one_incident() -> None:
    shop, watch = quiet_shop()
    shop.faults.delay["user-service"] = 2.5
    fact, _ = first(shop, watch, 15)
    assert fact.service == "user-service"
    nothing_more(shop, watch, fact)


def test_refused_purchases_are_conversion_once_nothing_else_explains_them() -> None:
    shop, watch = quiet_shop()
    shop.faults.refusing = 0.95
    fact, took = first(shop, watch, 20)
    assert (fact.service, fact.symptom) == ("policy-service", "conversion")
    assert 3 <= took <= 8
    assert "risk_appetite" in fact.summary
    nothing_more(shop, watch, fact)


@pytest.mark.parametrize("service", ["user-service", "policy-service", "quote-service"])
def test_a_dead_service_is_one_incident_whatever_its_callers_show(service: str) -> None:
    shop, watch = quiet_shop()
    shop.die(service, 137, oom=True)
    fact, took = first(shop, watch, 2)
    assert (fact.service, fact.symptom, took) == (service, "oom", 0.5)
    nothing_more(shop, watch, fact)


def test_a_hanging_service_is_unresponsive_and_its_callers_timeouts_belong_to_it() -> None:
    shop, watch = quiet_shop()
    shop.faults.hanging.add("policy-service")
    shop.silent.add("policy-service")
    fact, _ = first(shop, watch, 10)
    assert (fact.service, fact.symptom) == ("policy-service", "unresponsive")
    nothing_more(shop, watch, fact)


def test_after_a_restart_what_the_callers_saw_of_it_opens_nothing() -> None:
    shop, watch = quiet_shop()
    shop.die("user-service", 137, oom=True)
    fact, _ = first(shop, watch, 2)
    log = Log(fact, shop.now)
    patrol(watch, 6, log.incident)
    shop.restart("user-service")
    patrol(watch, 2, log.incident)
    log.apply(shop.now)
    assert patrol(watch, 10, log.incident) == []
    log.verify(shop.now)
    closed = log.close(shop.now)
    assert patrol(watch, 60, closed) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_minutes_of_spans_without_a_fault_open_nothing(seed: int) -> None:
    quiet_shop(seed, 90)


def test_no_traffic_is_no_finding() -> None:
    shop, watch = quiet_shop()
    shop.traffic = False
    assert patrol(watch, 200) == []


def inject_errors(shop: Shop) -> None:
    shop.faults.failing["policy-service"] = 0.5


def inject_latency(shop: Shop) -> None:
    shop.faults.delay["policy-service"] = 0.4


def inject_conversion(shop: Shop) -> None:
    shop.faults.refusing = 0.95


@pytest.mark.parametrize(
    ("inject", "symptom"),
    [(inject_errors, "errors"), (inject_latency, "latency"), (inject_conversion, "conversion")],
)
def test_only_the_detector_of_a_fault_fires(inject: Callable[[Shop], None], symptom: str) -> None:
    shop, watch = quiet_shop()
    inject(shop)
    symptoms = set()
    for _ in range(40):
        patrol(watch, 1)
        symptoms |= {f.symptom for f in watch.findings}
    assert symptoms == {symptom}


def test_a_machine_on_which_everything_is_slow_is_not_a_slow_service() -> None:
    shop, watch = quiet_shop()
    shop.probe_ms = 180.0
    for service in SERVICES:
        shop.faults.delay[service] = 0.3
    assert patrol(watch, 60) == []
    shop.faults.delay.clear()
    shop.probe_ms = 3.0
    assert patrol(watch, 60) == []
    shop.faults.delay["quote-service"] = 0.4
    fact, _ = first(shop, watch, 10)
    assert (fact.service, fact.symptom) == ("quote-service", "latency")


def test_calls_to_services_that_are_still_starting_open_nothing() -> None:
    shop = Shop()
    watch = Watch(shop)
    shop.silent.update({"user-service", "policy-service"})
    shop.faults.hanging.update(shop.silent)
    assert patrol(watch, 8) == []
    shop.silent.clear()
    shop.faults.hanging.clear()
    assert patrol(watch, 80) == []
