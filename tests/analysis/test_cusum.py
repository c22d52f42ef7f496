"""The Bernoulli CUSUM: its exact run lengths agree with simulation, and its design keeps its word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.analysis.cusum import BernoulliCusum, CusumRun, design


def simulated_run_lengths(test: BernoulliCusum, p: float, runs: int, seed: int) -> np.ndarray:
    """Many runs side by side until each has alarmed."""
    rng = np.random.default_rng(seed)
    value, length, alive = np.zeros(runs, int), np.zeros(runs, int), np.ones(runs, bool)
    while alive.any():
        bad = rng.random(runs) < p
        value = np.where(bad, value + test.up, np.maximum(0, value - test.down))
        length += alive
        alive &= value < test.limit
    return length


@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 1.0])
def test_the_exact_run_length_agrees_with_simulation(p: float) -> None:
    test = design(0.05, 0.4, 2_000)
    lengths = simulated_run_lengths(test, p, 4_000, seed=1)
    error = lengths.std() / math.sqrt(len(lengths))
    assert test.run_length(p) == pytest.approx(lengths.mean(), abs=4 * error + 1e-9)


def test_the_exact_distribution_agrees_with_simulation() -> None:
    test = design(0.05, 0.4, 2_000)
    lengths = simulated_run_lengths(test, 0.4, 4_000, seed=2)
    for count in (5, 15, 40):
        assert test.alarms_within(count, 0.4) == pytest.approx((lengths <= count).mean(), abs=0.03)
    assert (lengths <= test.needed(0.99)).mean() == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize(("p0", "p1"), [(0.005, 0.15), (0.02, 0.41), (0.05, 0.5), (0.5, 0.7), (0.3, 0.9)])
@pytest.mark.parametrize("wanted", [1e3, 1e8])
def test_a_design_has_the_wanted_run_length_in_control_and_no_needless_limit(
    p0: float, p1: float, wanted: float
) -> None:
    test = design(p0, p1, wanted)
    assert test.run_length(p0) >= wanted
    assert BernoulliCusum(p0, test.p1, test.up, test.down, test.limit - 1).run_length(p0) < wanted
    assert p0 < test.p1 <= p1


def test_the_steps_stand_in_the_ratio_of_the_log_likelihoods() -> None:
    for p0, p1 in ((0.005, 0.15), (0.05, 0.5), (0.5, 0.7)):
        test = design(p0, p1, 1e6)
        ratio = math.log(test.p1 / p0) / math.log((1 - p0) / (1 - test.p1))
        assert ratio == pytest.approx(test.up / test.down, rel=1e-6)


@pytest.mark.parametrize(("p0", "p1"), [(0.0, 0.5), (0.5, 0.5), (0.5, 0.4), (0.1, 1.0)])
def test_shares_that_make_no_test_are_refused(p0: float, p1: float) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        design(p0, p1, 1e6)


def test_a_run_stands_from_the_alarm_until_the_statistic_is_back_at_zero() -> None:
    run = CusumRun(design(0.05, 0.5, 1e6))
    fired = [run.update(True) for _ in range(50)]
    assert fired.count(True) == 1
    assert run.firing
    steps = 0
    while run.firing:
        run.update(False)
        steps += 1
    assert steps == math.ceil(run.design.limit / run.design.down)
    assert (run.count, run.bad) == (50 + steps, 50)


@given(st.lists(st.booleans(), max_size=300))
@settings(max_examples=100, deadline=None)
def test_a_run_follows_its_design_step_by_step(observations: list[bool]) -> None:
    test = design(0.05, 0.5, 1e4)
    run, value = CusumRun(test), 0
    for bad in observations:
        value = test.step(value, bad)
        run.update(bad)
        assert run.value == value
        assert 0 <= value <= test.limit
    assert run.bad == sum(observations)
