"""What is usual, kept as sketches, helps out where the baseline's window hardly knows an operation."""

from __future__ import annotations

import pytest

from bench.rca_generate import Fault, World, window
from shared.analysis.rca.baseline_store import BaselineStore
from shared.analysis.rca.rank import Diagnosis, diagnose
from shared.analysis.rca.sketch import Sketch
from shared.analysis.rca.table import Builder
from shared.analysis.rca.tree import grow


def learned(seeds: range) -> BaselineStore:
    store = BaselineStore()
    for seed in seeds:
        builder = Builder()
        builder.add_jaeger(window(World(seed), incident=False)["data"], incident=False)
        table = builder.table()
        store.learn(table, grow(table))
    return store


def asked(fault: Fault | None, baseline: int, usual: BaselineStore | None) -> Diagnosis:
    """Diagnose with so many traces in the baseline's window."""
    builder = Builder()
    if baseline:
        builder.add_jaeger(window(World(1, traces=baseline), incident=False)["data"], incident=False)
    builder.add_jaeger(window(World(1), incident=True, fault=fault)["data"], incident=True)
    return diagnose(builder.table(), None, None, usual)


@pytest.mark.parametrize("baseline", [0, 4])
@pytest.mark.parametrize(("kind", "service"), [("cpu", "payment"), ("cpu", "stock"), ("network", "users")])
def test_with_next_to_no_baseline_what_is_usual_finds_the_fault(baseline: int, kind: str, service: str) -> None:
    found = asked(Fault(kind, service), baseline, learned(range(50, 53)))
    assert found.ranked[0].service == service
    assert not found.unknown


def test_without_any_baseline_and_without_the_store_nothing_is_claimed() -> None:
    found = asked(Fault("cpu", "payment"), 0, None)
    assert found.unknown
    assert "no spans in the baseline's window" in found.because


def test_an_empty_store_is_no_baseline() -> None:
    assert "no spans in the baseline's window" in asked(None, 0, BaselineStore()).missing


@pytest.mark.parametrize("baseline", [0, 4, 120])
def test_where_nothing_is_wrong_what_is_usual_raises_no_alarm(baseline: int) -> None:
    assert asked(None, baseline, learned(range(60, 63))).unknown


def test_a_window_with_enough_spans_of_its_own_is_not_overruled_by_what_was_usual_elsewhere() -> None:
    store = learned(range(70, 71))
    found = asked(Fault("cpu", "payment"), 400, store)
    alone = asked(Fault("cpu", "payment"), 400, None)
    assert found.ranked[0].service == alone.ranked[0].service == "payment"


def test_samples_of_a_sketch_stand_for_what_it_has_seen() -> None:
    sketch = Sketch()
    sketch.add(float(v) for v in range(1_000, 2_000))
    samples = sketch.samples(20)
    assert len(samples) == 20
    assert samples.min() == pytest.approx(1_025, rel=0.03)
    assert samples.max() == pytest.approx(1_975, rel=0.03)
    assert len(Sketch().samples(5)) == 0
