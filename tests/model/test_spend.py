"""What the model may cost, whatever crashes, lies or loops."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.model import spend
from shared.adapters.model.spend import Limits, Prices, SpendBook, Spent
from shared.testing.clock import VirtualClock

PLENTY = Limits(calls_per_incident=1000, calls_per_day=1000, tokens_per_incident=10**9, tokens_per_day=10**9)


def limits(**changes: object) -> Limits:
    from dataclasses import replace

    return replace(PLENTY, **changes)  # type: ignore[arg-type]


def reserve(book: SpendBook, clock: VirtualClock, incident: str = "o/r#1", question: str | None = None) -> spend.Entry:
    """One call, long after the one before."""
    clock.advance(61.0)
    return book.reserve(incident, question or f"{clock.monotonic()}", 1000, 200)


def test_the_calls_of_one_incident_are_bounded_and_another_has_its_own(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(calls_per_incident=2), clock)
    reserve(book, clock)
    reserve(book, clock)
    with pytest.raises(Spent, match="this incident is spent: 2 calls"):
        reserve(book, clock)
    reserve(book, clock, "o/r#2")


def test_the_calls_of_a_day_are_bounded_and_the_next_day_is_new(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(calls_per_day=2), clock)
    reserve(book, clock, "o/r#1")
    reserve(book, clock, "o/r#2")
    with pytest.raises(Spent, match="today is spent: 2 calls"):
        reserve(book, clock, "o/r#3")
    clock.advance(86_400)
    reserve(book, clock, "o/r#3")


def test_tokens_count_before_they_are_spent(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(tokens_per_incident=2000), clock)
    entry = reserve(book, clock)
    with pytest.raises(Spent, match="2000 tokens"):
        reserve(book, clock)
    book.settle(entry, 300, 50, 1)
    reserve(book, clock)


def test_costs_are_bounded_at_the_users_prices_and_unknown_without(tmp_path: Path) -> None:
    clock = VirtualClock()
    priced = limits(cost_per_day=0.01, prices=Prices(prompt=5.0, completion=20.0))
    book = SpendBook(tmp_path, priced, clock)
    reserve(book, clock)  # 0.009 USD
    with pytest.raises(Spent, match=r"0\.01 USD"):
        reserve(book, clock)
    reserve(SpendBook(tmp_path, limits(cost_per_day=0.01), clock), clock)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    clock = VirtualClock()
    reserve(SpendBook(tmp_path, PLENTY, clock), clock)
    with pytest.raises(Spent):
        reserve(SpendBook(tmp_path, limits(calls_per_incident=1), clock), clock)


def test_a_call_whose_end_nobody_saw_counts_in_full(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(tokens_per_day=2300), clock)
    reserve(book, clock)
    with pytest.raises(Spent):
        reserve(book, clock)


def test_a_call_that_took_three_requests_counts_three(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(calls_per_incident=3), clock)
    book.settle(reserve(book, clock), 0, 0, 3)
    with pytest.raises(Spent):
        reserve(book, clock)


def test_a_storm_of_questions_about_one_incident_is_a_loop(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, PLENTY, clock)
    for n in range(spend.BURST[0]):
        book.reserve("o/r#1", f"q{n}", 1, 1)
    with pytest.raises(Spent, match="a loop: 3 calls for this incident in 60 s"):
        book.reserve("o/r#1", "q9", 1, 1)
    clock.advance(61)
    book.reserve("o/r#1", "q9", 1, 1)


def test_the_same_question_again_and_again_is_a_loop(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, PLENTY, clock)
    for _ in range(spend.SAME[0]):
        reserve(book, clock, question="q")
    with pytest.raises(Spent, match="a loop: 2 times the very same question"):
        reserve(book, clock, question="q")


def test_a_last_line_that_a_crash_cut_short_is_no_call(tmp_path: Path) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, limits(calls_per_incident=2), clock)
    reserve(book, clock)
    file = tmp_path / "spend.jsonl"
    file.write_bytes(file.read_bytes() + b'{"id": "half')
    reserve(book, clock)
    assert all(json.loads(line) for line in file.read_text().splitlines())
    with pytest.raises(Spent):
        reserve(book, clock)


@pytest.mark.parametrize("damage", [b"garbage\n", b'{"id":"x"}\n', b"\xff\xfe\n", b"[]\n", b'{"id":NaN}\n'])
def test_a_damaged_book_stops_the_spending_and_is_not_started_anew(tmp_path: Path, damage: bytes) -> None:
    clock = VirtualClock()
    book = SpendBook(tmp_path, PLENTY, clock)
    reserve(book, clock)
    file = tmp_path / "spend.jsonl"
    file.write_bytes(damage + file.read_bytes())
    with pytest.raises(Spent, match="cannot be kept"):
        reserve(book, clock)


def test_where_nothing_can_be_written_nothing_is_spent(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file where the folder should be")
    with pytest.raises(Spent, match="cannot be kept"):
        SpendBook(tmp_path / "model", PLENTY, VirtualClock()).reserve("o/r#1", "q", 1, 1)


def test_a_clock_that_is_set_back_gives_no_second_day(tmp_path: Path) -> None:
    ahead, behind = VirtualClock(), VirtualClock()
    ahead.advance(timedelta(days=3).total_seconds())
    reserve(SpendBook(tmp_path, PLENTY, ahead), ahead)
    with pytest.raises(Spent, match="today"):
        reserve(SpendBook(tmp_path, limits(calls_per_day=1), behind), behind)


def test_a_long_book_is_shortened_and_what_is_young_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spend, "COMPACT_AT", 2000)
    clock = VirtualClock()
    book = SpendBook(tmp_path, PLENTY, clock)
    for _ in range(20):
        reserve(book, clock)
    clock.advance(timedelta(days=32).total_seconds())
    for _ in range(3):
        reserve(book, clock, "o/r#2")
    lines = (tmp_path / "spend.jsonl").read_text().splitlines()
    assert {json.loads(line)["incident"] for line in lines} == {"o/r#2"}
    assert len(lines) == 3
