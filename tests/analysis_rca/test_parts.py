"""The parts by themselves: counts, templates, groups, sketches, metrics, structure, scores."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rca_generate import Fault, World
from shared.analysis.rca.baseline_store import BaselineStore, Key
from shared.analysis.rca.counts import exceedance
from shared.analysis.rca.features import NAMES, measure
from shared.analysis.rca.groups import compare
from shared.analysis.rca.metrics import Rows, metrics
from shared.analysis.rca.model import Weights, scores
from shared.analysis.rca.sketch import ACCURACY, Sketch
from shared.analysis.rca.templates import template
from shared.analysis.rca.tree import grow
from shared.analysis.rca.weights import LEARNED
from tests.analysis_rca.conftest import table_of


def test_fishers_tea_tasting_comes_out_as_published() -> None:
    """The lady tasting tea: all four right has p = 1/70, three or four right 17/70."""
    assert exceedance(4, 4, 0, 4) == pytest.approx(math.log10(70))
    assert exceedance(3, 4, 1, 4) == pytest.approx(math.log10(70 / 17))


@pytest.mark.parametrize(
    ("k", "n", "k0", "n0"), [(0, 5, 0, 5), (1, 0, 0, 5), (3, 10, 3, 10), (1, 10, 9, 10), (2, 3, 0, 0)]
)
def test_what_is_not_above_is_no_evidence(k: int, n: int, k0: int, n0: int) -> None:
    assert exceedance(k, n, k0, n0) == 0.0


def test_large_counts_are_close_to_the_exact_tail() -> None:
    exact = exceedance(330, 700, 280, 700)
    approximate = exceedance(3300, 7000, 2800, 7000)
    assert 2 < exact < 3
    assert 14 < approximate < 18


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 4711 of user 12 took 3.5 ms", "order 8 of user 9931 took 120.25 ms"),
        ("[pay][id: 6f9619ff-8b86-d011-b42d-00cf4fc964ff] ok", "[pay][id: deadbeef-8b86-d011-b42d-00cf4fc964aa] ok"),
        ('user="alice" refused', 'user="bob smith" refused'),
        ("station: shanghai reached", "station: nanjing reached"),
    ],
)
def test_lines_of_one_statement_share_a_template(one: str, other: str) -> None:
    assert template(one) == template(other)


def test_lines_of_different_statements_do_not() -> None:
    assert template("order 1 placed") != template("order 1 refused")


@given(st.text(max_size=400))
def test_any_line_has_a_short_template(line: str) -> None:
    assert len(template(line)) <= 120


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 30)), max_size=60),
)
@settings(deadline=None)
def test_groups_are_compared_as_each_would_be_by_itself(samples: list[tuple[int, bool, int]]) -> None:
    group = np.array([s[0] for s in samples], np.int64)
    during = np.array([s[1] for s in samples], bool)
    values = np.array([float(s[2]) for s in samples])
    compared = compare(values, group, during, 4)
    for g in range(4):
        before, after = values[(group == g) & ~during], values[(group == g) & during]
        assert compared.n_before[g] == len(before)
        if len(before):
            assert compared.median_before[g] == pytest.approx(np.median(before))
        if len(before) and len(after):
            wins = sum(float(a > b) + 0.5 * (a == b) for a in after for b in before)
            assert compared.superiority[g] == pytest.approx(wins / (len(before) * len(after)))


times = st.lists(st.floats(0, 1e9), max_size=200)


@given(times, times, st.floats(0, 1))
@settings(deadline=None)
def test_merged_sketches_give_any_quantile_of_all_values_to_two_percent(
    one: list[float], other: list[float], q: float
) -> None:
    left, right, both = Sketch(), Sketch(), Sketch()
    left.add(one)
    right.add(other)
    both.add([*one, *other])
    left.merge(right)
    assert left == both
    if both.count:
        ordered = sorted([*one, *other])
        exact = ordered[max(1, math.ceil(q * len(ordered))) - 1]
        assert left.quantile(q) == pytest.approx(exact, rel=ACCURACY * 1.001, abs=1.0)


def test_a_sketch_survives_json_and_an_empty_one_has_no_quantiles() -> None:
    sketch = Sketch()
    sketch.add([0.2, 5, 1e6])
    assert Sketch.from_json(json.loads(json.dumps(sketch.as_json()))) == sketch
    with pytest.raises(ValueError, match="empty"):
        Sketch().quantile(0.5)
    with pytest.raises(ValueError, match="not a sketch"):
        Sketch.from_json({"zeros": None})


def test_baselines_of_two_scouts_merge_to_that_of_one() -> None:
    one, other, both = BaselineStore(), BaselineStore(), BaselineStore()
    for store, seeds in ((one, (1,)), (other, (2,)), (both, (1, 2))):
        for seed in seeds:
            table = table_of(World(seed))
            store.learn(table, grow(table))
    one.merge(other)
    assert one.sketches == both.sketches
    key = Key("payment", "charge", "orders")
    usual = one.usual(key, 22)
    assert usual is not None
    assert 1_000 < usual.quantile(0.5) < 6_000
    assert one.usual(Key("nobody", "x", ""), 3) is None
    assert BaselineStore.from_json(json.loads(json.dumps(one.as_json()))).sketches == one.sketches


def test_features_are_scale_free() -> None:
    """A system a thousand times slower in everything looks the same."""
    matrices = []
    for scale in (1, 1_000):
        table = table_of(World(3), Fault("cpu", "payment"))
        table.start = table.start.min() + (table.start - table.start.min()) * scale
        table.duration = table.duration * scale
        matrices.append(measure(table)[0])
    assert matrices[0] == pytest.approx(matrices[1], abs=0.02)


def test_metric_rows_that_are_odd_or_of_strangers_are_left_out() -> None:
    table = table_of(World(1))
    since = int(table.start[table.incident].min()) // 1_000_000
    rows = [[since - 60 * n, "payment-5d8f9c7b6-abcd0", 1.0] for n in range(1, 9)]
    rows += [[since + 30, "payment-5d8f9c7b6-abcd0", 9.0], [since, "stranger-1", 5.0], ["x", None, None], [1]]
    found = metrics(table, Rows(["timestamp", "pod", "cpu"], rows))
    payment = table.services.index("payment")
    assert found.rise["cpu"][payment] == pytest.approx(math.log(9.1 / 1.1), abs=0.01)
    assert found.rise["cpu"].sum() == found.rise["cpu"][payment]
    assert not metrics(table, Rows(["something"], [[1]])).best


def test_no_evidence_speaks_for_a_service_by_being_absent() -> None:
    for weights in LEARNED.values():
        assert len(weights.weights) == len(NAMES)
        assert min(weights.weights) >= 0
        quiet = scores(np.zeros((5, len(NAMES))), weights)
        assert not quiet.known
        assert quiet.none > quiet.probability.max()


ROW = st.lists(st.floats(0, 1), min_size=len(NAMES), max_size=len(NAMES))


@given(st.lists(ROW, min_size=1, max_size=6), st.integers(0, len(NAMES) - 1))
def test_more_evidence_never_lowers_a_probability(rows: list[list[float]], column: int) -> None:
    weights = Weights(LEARNED["traces"].weights, 4.0, 1.0, 0.0)
    matrix = np.array(rows)
    before = scores(matrix, weights).probability[0]
    matrix[0, column] = min(1.0, matrix[0, column] + 0.3)
    assert scores(matrix, weights).probability[0] >= before - 1e-12
