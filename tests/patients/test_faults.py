"""Each fault shows on the real process, undoes, and is healed by a restart unless it is sticky."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.patients.shop import Patient, Shop, new_trace
from tests.waiting import wait_for

MEGABYTE = 1_000_000
ERROR = 2


@pytest.fixture
def policy(shop: Shop) -> Iterator[Patient]:
    """policy-service, alive and without faults before and after."""
    service = shop.services["policy_service"]
    shop.heal()
    yield service
    shop.heal()
    if not wait_or_not(lambda: service.healthy(0.5)):
        service.restart()


def wait_or_not(look: Callable[[], object], seconds: float = 2.0) -> bool:
    try:
        return bool(wait_for(look, seconds))
    except AssertionError:
        return False


def test_oom_leaks_past_the_limit_quickly_and_undo_gives_the_memory_back(shop: Shop, policy: Patient) -> None:
    process = psutil.Process(policy.pid)
    assert process.memory_info().rss < 100 * MEGABYTE
    shop.suffer("oom")
    started = time.monotonic()
    wait_for(lambda: process.memory_info().rss >= 160 * MEGABYTE, seconds=3.0)
    assert time.monotonic() - started < 1.5
    shop.heal()
    wait_for(lambda: process.memory_info().rss < 110 * MEGABYTE)
    assert policy.healthy()


def test_oom_is_healed_by_a_restart(shop: Shop, policy: Patient) -> None:
    shop.suffer("oom", grade="severe")
    process = psutil.Process(policy.pid)
    wait_for(lambda: process.memory_info().rss >= 160 * MEGABYTE)
    policy.restart()
    assert shop.purchase().status_code == 201
    assert psutil.Process(policy.pid).memory_info().rss < 100 * MEGABYTE


def test_crash_exits_with_1_and_a_restart_heals_it(shop: Shop, policy: Patient) -> None:
    shop.suffer("crash", grade="severe")
    assert policy.process is not None
    assert policy.process.wait(2) == 1
    policy.restart()
    assert policy.healthy()


def test_a_sticky_crash_kills_the_restarted_process_too(shop: Shop, policy: Patient) -> None:
    shop.suffer("crash", grade="severe", sticky=True)
    assert policy.process is not None
    assert policy.process.wait(2) == 1
    policy.begin()
    assert policy.process.wait(5) == 1
    shop.heal()
    policy.begin()
    policy.await_ready()
    assert policy.healthy()


def test_hang_stops_answers_while_the_process_lives_and_undo_lets_them_go_on(shop: Shop, policy: Patient) -> None:
    shop.suffer("hang", grade="severe")
    wait_for(lambda: not policy.healthy(0.3))
    assert psutil.pid_exists(policy.pid)
    started = time.monotonic()
    assert shop.purchase().status_code == 504
    assert time.monotonic() - started < 3.5
    shop.heal()
    wait_for(lambda: policy.healthy(0.3))
    assert shop.purchase().status_code == 201


def test_a_hung_process_needs_sigkill_and_is_well_afterwards(shop: Shop, policy: Patient) -> None:
    shop.suffer("hang", grade="severe")
    wait_for(lambda: not policy.healthy(0.3))
    os.kill(policy.pid, signal.SIGTERM)
    assert not policy.healthy(0.3)
    policy.restart(signal.SIGKILL)
    assert policy.healthy()


def test_latency_delays_the_services_own_handlers_but_not_its_health(shop: Shop, policy: Patient) -> None:
    shop.suffer("latency", grade="severe")

    def slow() -> bool:
        started = time.monotonic()
        policy.get("/policies/P-0000000000")
        return time.monotonic() - started > 0.75

    wait_for(slow)
    assert policy.healthy(0.5)
    shop.heal()
    wait_for(lambda: not slow())


def test_errors_answer_500_with_an_exception_on_the_span(shop: Shop, policy: Patient) -> None:
    shop.suffer("errors", grade="severe")
    headers = new_trace()

    def failed() -> bool:
        return policy.get("/policies/P-0000000000", headers=headers).status_code == 500

    wait_for(failed)
    trace_id = headers["traceparent"].split("-")[1]
    broken = wait_for(lambda: [span for span in shop.collector.trace_of(trace_id) if span["status"] == ERROR])
    assert broken[0]["events"] == ["exception"]
    assert broken[0]["attributes"]["error.type"] == "ConnectionPoolExhausted"
    assert broken[0]["attributes"]["http.route"] == "/policies/{policy_id}"
    seen = [failed() for _ in range(100)]
    assert 75 <= sum(seen) <= 100
    assert policy.healthy()
    policy.restart()
    assert not any(failed() for _ in range(20))


def test_a_cut_appetite_refuses_for_a_business_reason_without_errors(shop: Shop, policy: Patient) -> None:
    policy.restart(MAX_RISK_FACTOR="0.5")
    headers = new_trace()
    refused = shop.purchase(headers)
    assert refused.status_code == 409
    assert "risk profile" in refused.json()["error"]
    trace_id = headers["traceparent"].split("-")[1]
    wait_for(lambda: len(shop.collector.trace_of(trace_id)) >= 9)
    assert all(span["status"] != ERROR for span in shop.collector.trace_of(trace_id))
    policy.restart(MAX_RISK_FACTOR="1.8")
    assert shop.purchase().status_code == 201


def test_a_refused_purchase_is_told_on_the_page_and_can_be_tried_again(shop: Shop, policy: Patient) -> None:
    quote_id = shop.quote().json()["quote_id"]
    policy.restart(MAX_RISK_FACTOR="0.5")
    page = shop.client.post(f"/quotes/{quote_id}/purchase", follow_redirects=True)
    assert "This purchase was not accepted" in page.text
    policy.restart(MAX_RISK_FACTOR="1.8")
    page = shop.client.post(f"/quotes/{quote_id}/purchase", follow_redirects=True)
    assert "You are covered" in page.text


def test_a_fault_of_one_service_leaves_the_others_alone(shop: Shop, policy: Patient) -> None:
    shop.suffer("errors", service="user-service", grade="severe")
    wait_for(lambda: shop.quote().status_code == 502)
    for _ in range(20):
        assert policy.get("/policies/P-0000000000").status_code == 404


def test_a_fault_ends_by_itself_when_its_time_is_up(shop: Shop, policy: Patient) -> None:
    until = time.time() + 0.8

    def answers() -> set[int]:
        return {policy.get("/policies/P-0000000000").status_code for _ in range(20)}

    shop.suffer("errors", grade="severe", until=until)
    wait_for(lambda: 500 in answers())
    wait_for(lambda: answers() == {404})
    assert time.time() >= until
