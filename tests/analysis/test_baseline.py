"""What is usual: a robust level and a share with room for its uncertainty."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.analysis.baseline import ENOUGH_LEVELS, LevelBaseline, ShareBaseline, wilson


def test_nothing_is_unusual_before_enough_samples() -> None:
    level = LevelBaseline(floor=100)
    for _ in range(ENOUGH_LEVELS - 1):
        level.learn(5.0)
    assert level.threshold is None
    level.learn(5.0)
    assert level.threshold == 105.0


def test_the_threshold_is_the_95th_percentile_where_that_is_above_the_floors() -> None:
    level, chance = LevelBaseline(floor=1), random.Random(1)
    for _ in range(500):
        level.learn(chance.uniform(0, 1000))
    assert level.threshold == pytest.approx(1000, abs=40)
    narrow = LevelBaseline(floor=1)
    for _ in range(500):
        narrow.learn(1000.0)
    assert narrow.threshold == 2000.0


def test_slow_change_is_followed() -> None:
    level = LevelBaseline(floor=10)
    for sample in (*[10.0] * 500, *[40.0] * 500):
        level.learn(sample)
    assert level.median == 40.0


def test_a_recalled_level_gives_way_to_nothing_but_samples() -> None:
    level = LevelBaseline(floor=100)
    level.recall(20.0)
    assert level.threshold == 120.0
    level.recall(900.0)
    assert level.median == 20.0


@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_upper_end_is_between_the_share_and_one(count: int, share: float) -> None:
    usual = ShareBaseline()
    usual.recall(share, count)
    assert usual.share == pytest.approx(share, abs=1e-9)
    assert share - 1e-9 <= usual.upper <= 1.0 + 1e-9


@given(st.integers(1, 5000), st.floats(0, 1))
def test_the_interval_holds_the_share_and_narrows(count: int, share: float) -> None:
    low, high = wilson(share, count)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0
    assert wilson(share, 4 * count)[1] - wilson(share, 4 * count)[0] <= high - low + 1e-9


def test_more_observations_bring_the_upper_end_nearer() -> None:
    few, many = ShareBaseline(), ShareBaseline()
    few.recall(0.02, 50)
    many.recall(0.02, 5000)
    assert many.upper < few.upper < 0.1


def test_the_share_forgets() -> None:
    usual = ShareBaseline(memory=100)
    for bad in (*[True] * 100, *[False] * 1000):
        usual.learn(bad)
    assert usual.count == pytest.approx(100, rel=0.01)
    assert usual.share is not None
    assert usual.share < 0.001
