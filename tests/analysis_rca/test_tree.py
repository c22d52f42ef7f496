"""Whatever parents are claimed, a forest comes out: repaired, counted, never fatal, and own times add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.rca_generate import World, window
from shared.analysis.jaeger_json import parse
from shared.analysis.rca.rank import diagnose
from shared.analysis.rca.table import Builder
from shared.analysis.rca.tree import grow
from shared.analysis.selftime import self_times_us
from shared.analysis.spans import into_traces

Span = dict[str, Any]


def span(number: int, parent: int | None, start: int = 1_000, duration: int = 10, service: str = "p1") -> Span:
    reference = [{"refType": "CHILD_OF", "traceID": "t", "spanID": f"{parent:016x}"}] if parent is not None else []
    return {
        "traceID": "t",
        "spanID": f"{number:016x}",
        "operationName": f"op{number % 3}",
        "references": reference,
        "startTime": start,
        "duration": duration,
        "tags": [],
        "logs": [],
        "processID": service,
    }


PROCESSES = {f"p{n}": {"serviceName": f"service{n}", "tags": []} for n in (1, 2, 3)}


def build(spans: list[Any], incident: bool = True) -> Builder:
    builder = Builder()
    builder.add_jaeger([{"traceID": "t", "spans": spans, "processes": PROCESSES}], incident=incident)
    return builder


forests = st.lists(
    st.builds(
        span,
        st.integers(1, 12),
        st.none() | st.integers(1, 14),
        st.integers(1, 5_000),
        st.integers(0, 5_000),
        st.sampled_from(("p1", "p2", "p3")),
    ),
    max_size=25,
)


@given(forests)
@settings(max_examples=150, deadline=None)
def test_any_claimed_parents_give_a_forest_whose_own_times_are_within_their_spans(spans: list[Span]) -> None:
    table = build(spans).table()
    tree = grow(table)
    assert len(table) == len({s["spanID"] for s in spans})
    assert table.set_aside.duplicates == len(spans) - len(table)
    for row in range(len(table)):
        steps, at = 0, row
        while table.parent[at] >= 0:
            at = int(table.parent[at])
            steps += 1
            assert steps <= len(table)
        assert steps == tree.depth[row]
    assert ((tree.own >= 0) & (tree.own <= table.duration)).all()


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(
                ("spanID", "operationName", "references", "startTime", "duration", "tags", "logs", "processID"), junk
            ),
        )
        | junk,
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_junk_is_set_aside_and_never_fatal(spans: list[Any], among_good: bool) -> None:
    builder = build([span(1, None), span(2, 1), *spans] if among_good else spans)
    diagnose(builder.table())


@pytest.mark.parametrize("document", [None, 3, [], "x", {"spans": None}, {"spans": 3}, {"spans": [], "processes": 3}])
def test_a_trace_that_is_none_is_set_aside(document: Any) -> None:
    builder = Builder()
    builder.add_jaeger([document], incident=True)
    assert len(builder.table()) == 0


def test_a_cycle_is_cut_at_its_earliest_span() -> None:
    table = build([span(1, 3, start=30), span(2, 1, start=10), span(3, 2, start=20), span(4, 3, start=40)]).table()
    grow(table)
    assert table.set_aside.cycles == 1
    assert [table.span_ids[r][-1] for r in np.flatnonzero(table.parent < 0)] == ["2"]


def test_an_orphan_becomes_a_root_and_is_counted() -> None:
    table = build([span(1, None), span(2, 9)]).table()
    assert table.set_aside.orphans == 1
    assert (table.parent < 0).all()


def test_a_callee_whose_clock_is_wrong_is_moved_into_its_call_with_all_beneath_it() -> None:
    spans = [
        span(1, None, start=1_000, duration=100, service="p1"),
        span(2, 1, start=9_000, duration=60, service="p2"),
        span(3, 2, start=9_010, duration=20, service="p2"),
    ]
    table = build(spans).table()
    tree = grow(table)
    assert table.set_aside.skewed == 1
    assert table.start.tolist() == [1_000, 1_020, 1_030]
    assert tree.own.tolist() == [40.0, 40.0, 20.0]


def test_overlapping_children_are_counted_once_and_clipped() -> None:
    spans = [span(1, None, 100, 100), span(2, 1, 110, 50), span(3, 1, 120, 60), span(4, 1, 190, 500)]
    table = build(spans).table()
    assert grow(table).own[0] == 100 - 70 - 10


@pytest.mark.parametrize("world", [World(1), World(2, parallel=True), World(3, retries=1, lost=0.1)])
def test_own_times_agree_with_the_products_other_way_of_computing_them(world: World) -> None:
    import json

    document = window(world, incident=True)
    traces = into_traces(parse(json.dumps(document)).spans)
    expected = {key: value for trace in traces for key, value in self_times_us(trace).items()}
    builder = Builder()
    builder.add_jaeger(document["data"], incident=True)
    table = builder.table()
    tree = grow(table)
    assert dict(zip(table.span_ids, tree.own.tolist(), strict=True)) == expected


def test_traces_of_the_products_model_and_jaegers_json_give_the_same_diagnosis() -> None:
    import json

    from bench.rca_generate import Fault

    worlds = [(False, None), (True, Fault("network", "stock"))]
    raw, model = Builder(), Builder()
    for incident, fault in worlds:
        document = window(World(4, logs=True), incident=incident, fault=fault)
        raw.add_jaeger(document["data"], incident=incident)
        model.add_traces(into_traces(parse(json.dumps(document)).spans), incident=incident)
    one, other = diagnose(raw.table()), diagnose(model.table())
    assert [(s.service, s.cause, s.probability) for s in one.ranked] == [
        (s.service, s.cause, s.probability) for s in other.ranked
    ]
