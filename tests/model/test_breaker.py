"""When an endpoint is left alone, and when it is tried again."""

from __future__ import annotations

from shared.adapters.model.breaker import AFTER, FIRST_S, LONGEST_S, Breaker


def test_a_few_failures_in_a_row_open_it_and_success_in_between_does_not() -> None:
    breaker = Breaker()
    for _ in range(AFTER - 1):
        breaker.failed("x", 0.0)
    breaker.worked()
    for _ in range(AFTER - 1):
        breaker.failed("x", 0.0)
    assert breaker.closed_for(0.0) == 0.0
    breaker.failed("is down", 0.0)
    assert (breaker.closed_for(0.0), breaker.last) == (FIRST_S, "is down")


def test_after_its_time_one_trial_decides_and_each_failed_trial_doubles_the_rest() -> None:
    breaker = Breaker()
    for _ in range(AFTER):
        breaker.failed("x", 0.0)
    assert breaker.closed_for(FIRST_S) == 0.0
    breaker.failed("x", FIRST_S)
    assert breaker.closed_for(FIRST_S) == 2 * FIRST_S
    breaker.worked()
    assert breaker.closed_for(FIRST_S) == 0.0
    for n in range(50):
        breaker.failed("x", 1000.0 * n)
    assert breaker.closed_for(49_000.0) == LONGEST_S


def test_a_refused_key_opens_it_at_once_and_a_servers_wish_is_followed_within_bounds() -> None:
    breaker = Breaker()
    breaker.failed("status 401", 0.0, at_once=True)
    assert breaker.closed_for(0.0) == LONGEST_S
    breaker.failed("status 429", 0.0, rest_s=17.0)
    assert breaker.closed_for(0.0) == 17.0
    breaker.failed("status 429", 0.0, rest_s=86_400.0)
    assert breaker.closed_for(0.0) == LONGEST_S
