"""A trace for a picture: who called whom, what held it up, and bounded however large it is."""

from __future__ import annotations

from dashboard.waterfall import MOST_SPANS, waterfall
from shared.analysis.trace import Span, Trace

TRACE = "a" * 32


def span(name: str, parent: str | None, start: int, took: int, *, error: bool = False) -> Span:
    """Times in ms; the name is the service's too."""
    return Span(TRACE, name, parent, name, f"do {name}", "server", 1_000_000 + start * 1000, took * 1000, error)


def test_rows_come_depth_first_with_times_from_the_root_and_the_critical_path_marked() -> None:
    spans = (span("c", "a", 10, 70), span("a", None, 0, 100), span("b", "a", 5, 20, error=True), span("d", "c", 20, 5))
    shown = waterfall(Trace(TRACE, spans), "http://x/trace/a")
    assert shown is not None
    assert (shown["duration_ms"], shown["left_out"], shown["url"]) == (100.0, 0, "http://x/trace/a")
    rows = [(r["service"], r["depth"], r["start_ms"], r["duration_ms"], r["critical"]) for r in shown["spans"]]
    assert rows == [
        ("a", 0, 0.0, 100.0, True), ("b", 1, 5.0, 20.0, False), ("c", 1, 10.0, 70.0, True), ("d", 2, 20.0, 5.0, True),
    ]  # fmt: skip
    assert [r["error"] for r in shown["spans"]] == [False, True, False, False]


def test_a_large_trace_keeps_its_root_its_failures_and_its_critical_path() -> None:
    many = [span(f"s{n}", "a", 1, 2) for n in range(3_000)]
    spans = (span("a", None, 0, 10_000), *many, span("slow", "a", 10, 9_000), span("bad", "a", 1, 1, error=True))
    shown = waterfall(Trace(TRACE, spans), None)
    assert shown is not None
    assert len(shown["spans"]) == MOST_SPANS
    assert shown["left_out"] == len(spans) - MOST_SPANS
    assert {"a", "slow", "bad"} <= {r["service"] for r in shown["spans"]}


def test_a_cycle_a_missing_parent_and_no_spans_at_all_do_not_break_it() -> None:
    shown = waterfall(Trace(TRACE, (span("a", "b", 0, 10), span("b", "a", 1, 5), span("lost", "nowhere", 0, 3))), None)
    assert shown is not None
    assert len(shown["spans"]) + shown["left_out"] == 3
    assert waterfall(Trace(TRACE, ()), None) is None
