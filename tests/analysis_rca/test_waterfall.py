"""A trace as text for people, its critical path, and the worst trace beside a normal one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bench.rca_generate import ENTRIES, SHOP, Fault, World
from shared.analysis.rca.contrast import worst_and_normal
from shared.analysis.rca.critical import critical_path, root_of
from shared.analysis.rca.rank import diagnose
from shared.analysis.rca.table import Builder, Table
from shared.analysis.rca.tree import grow
from shared.analysis.rca.waterfall import MOST_LINES, waterfall
from tests.analysis_rca.conftest import table_of


def one(*spans: tuple[str, str, int, int], **extra: Any) -> Table:
    """A table of one trace; spans are (name, parent's name, start, duration in µs), each a service of its own."""
    builder = Builder()
    builder.add_jaeger([document(spans, **extra)], incident=True)
    table = builder.table()
    grow(table)
    return table


def document(spans: tuple[tuple[str, str, int, int], ...], tags: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "traceID": "t1",
        "processes": {name: {"serviceName": name.rstrip("0123456789"), "tags": []} for name, *_ in spans},
        "spans": [
            {
                "spanID": name,
                "operationName": f"do {name.rstrip('0123456789')}",
                "references": [{"refType": "CHILD_OF", "spanID": parent}] if parent else [],
                "startTime": 1_000_000 + start,
                "duration": duration,
                "processID": name,
                "tags": (tags or {}).get(name, []),
            }
            for name, parent, start, duration in spans
        ],
    }


def path_of(table: Table) -> list[tuple[str, int, int]]:
    zero = int(table.start[root_of(table, 0)])
    return [(table.span_ids[s.row], s.begin - zero, s.end - zero) for s in critical_path(table, 0)]


def test_of_parallel_children_the_one_that_ends_last_is_on_the_critical_path() -> None:
    table = one(("a", "", 0, 100_000), ("b", "a", 10_000, 20_000), ("c", "a", 10_000, 70_000))
    assert path_of(table) == [("a", 0, 10_000), ("c", 10_000, 80_000), ("a", 80_000, 100_000)]


def test_children_one_after_the_other_are_both_on_the_critical_path() -> None:
    table = one(("a", "", 0, 100_000), ("b", "a", 0, 40_000), ("c", "a", 50_000, 50_000))
    assert path_of(table) == [("b", 0, 40_000), ("a", 40_000, 50_000), ("c", 50_000, 100_000)]


def test_a_callee_that_outlasts_its_caller_held_it_up_until_the_caller_gave_up() -> None:
    table = one(("a", "", 0, 50_000), ("b", "a", 5_000, 200_000))
    assert path_of(table) == [("a", 0, 5_000), ("b", 5_000, 50_000)]


def test_what_is_not_waited_for_is_never_on_the_critical_path() -> None:
    kind = [{"key": "span.kind", "value": "consumer"}]
    table = one(("a", "", 0, 50_000), ("b", "a", 5_000, 40_000), tags={"b": kind})
    assert path_of(table) == [("a", 0, 50_000)]
    assert "(not waited for)" in waterfall(table, 0)[2]


@pytest.mark.parametrize("parallel", [False, True])
def test_the_segments_of_every_path_meet_and_add_up_to_the_root(parallel: bool) -> None:
    table = table_of(World(3, parallel=parallel, lost=0.05, skew_us={"stock": 70_000}), Fault("cpu", "stock"))
    grow(table)
    for trace in range(len(table.trace_ids)):
        root = root_of(table, trace)
        path = critical_path(table, trace)
        assert path[0].begin == table.start[root]
        assert path[-1].end == table.start[root] + table.duration[root]
        assert all(a.end == b.begin for a, b in pairwise(path))


def test_a_waterfall_indents_what_is_called_and_says_when_and_how_long() -> None:
    table = one(("a", "", 0, 100_000), ("b", "a", 10_000, 70_000), ("c", "b", 20_000, 5_000))
    assert waterfall(table, 0) == (
        "   at ms     took ms",
        "     0.0       100.0  * a do a",
        "    10.0        70.0  *   b do b",
        "    20.0         5.0  *     c do c",
    )


def test_repeated_calls_are_one_line_with_their_number_and_the_longest() -> None:
    table = one(("a", "", 0, 100_000), ("b1", "a", 0, 10_000), ("b2", "a", 20_000, 30_000), ("b3", "a", 60_000, 5_000))
    assert waterfall(table, 0)[2] == "     0.0        45.0  *   b do b ×3, longest 30.0"


def test_failed_spans_are_marked_and_not_folded_into_those_that_did_well() -> None:
    table = one(
        ("a", "", 0, 100_000),
        ("b1", "a", 0, 10_000),
        ("b2", "a", 20_000, 30_000),
        tags={"b2": [{"key": "error", "value": True}]},
    )
    assert [line.endswith("!error") for line in waterfall(table, 0)] == [False, False, False, True]


def test_names_from_telemetry_cannot_break_out_of_the_text() -> None:
    given = document((("a", "", 0, 10),))
    given["spans"][0]["operationName"] = "x\n```\n| <img> " + "y" * 500
    builder = Builder()
    builder.add_jaeger([given], incident=True)
    table = builder.table()
    grow(table)
    line = waterfall(table, 0)[1]
    assert len(line) < 120
    assert not set(line) & set("`|<>\n")


def test_ten_thousand_spans_fold_into_a_few_lines_that_count_them_all() -> None:
    shop = dict(SHOP)
    shop["gateway", "GET /"] = (900, tuple((c, o) for c, o in [("catalog", "list"), ("ads", "pick")] * 1_700))
    table = table_of(World(12, traces=1, shop=shop, entries=ENTRIES[:1]), Fault("cpu", "catalog"))
    grow(table)
    lines = waterfall(table, 1)
    assert len(lines) <= MOST_LINES + 2
    assert "folded" in lines[-1]


def test_the_service_in_question_is_shown_even_off_the_critical_path() -> None:
    calls = tuple((f"b{n}", "a", 10_000 * n, 9_000) for n in range(60))
    others = tuple((f"{'cd'[n % 2]}{n}", "a", 10_000 * n, 9_000) for n in range(60))
    table = one(("a", "", 0, 700_000), *others, *calls[:1], ("e", "a", 100, 50))
    assert not any("e do e" in line for line in waterfall(table, 0))
    assert any("e do e" in line for line in waterfall(table, 0, "e"))


def test_a_trace_without_spans_has_no_lines() -> None:
    table = one()
    assert waterfall(table, 0) == ()
    assert critical_path(table, 0) == ()


@pytest.mark.parametrize(
    ("kind", "words"),
    [("cpu", "payment charge itself took"), ("early", "call bank debit is called 0×"), ("exception", "fails here")],
)
def test_the_worst_trace_stands_beside_a_normal_one_and_the_difference_is_named(kind: str, words: str) -> None:
    table = table_of(World(1), Fault(kind, "payment"))
    found = diagnose(table)
    assert found.ranked[0].service == "payment"
    pair = worst_and_normal(table, found, "payment", found.ranked[0].operation)
    assert pair is not None
    roots = [root_of(table, pair.worst), root_of(table, pair.normal)]
    assert [bool(table.incident[r]) for r in roots] == [True, False]
    assert table.op[roots[0]] == table.op[roots[1]]
    assert words in pair.difference
    assert table.trace_ids[pair.worst] in {p.trace_id for p in found.ranked[0].evidence}


def test_a_service_without_proofs_still_has_its_worst_trace_and_a_stranger_has_none() -> None:
    table = table_of(World(1), Fault("cpu", "payment"))
    found = diagnose(table)
    assert worst_and_normal(table, found, "mail", "send") is not None
    assert worst_and_normal(table, found, "nobody") is None


def test_without_a_like_trace_in_the_baseline_the_difference_says_so() -> None:
    builder = Builder()
    builder.add_jaeger([document((("a", "", 0, 10_000),))], incident=True)
    table = builder.table()
    pair = worst_and_normal(table, diagnose(table), "a")
    assert pair is not None
    assert pair.normal == -1
    assert "no trace in the baseline" in pair.difference
