"""The order of what was found."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.recall.document import Document
from shared.recall.rank import ranked
from shared.recall.wanted import Wanted

NOW = datetime(2026, 11, 21, tzinfo=UTC)
BASE = Document(
    id="incident-1-1", kind="incident", title="t", text="x", source="u", proof="d", at=NOW - timedelta(days=3),
    service="quote-service", symptom="oom", cause="oom", ending="worked", issue=1,
)  # fmt: skip
WANTED = Wanted("memory", NOW, service="quote-service", symptom="oom", cause="oom")


def made(issue: int, **other: object) -> Document:
    return replace(BASE, id=f"incident-{issue}-1", issue=issue, **other)  # type: ignore[arg-type]


def order(*found: tuple[Document, float], wanted: Wanted = WANTED) -> list[int]:
    return [one.document.issue for one in ranked(found, wanted)]


def test_another_services_incident_never_comes_before_one_of_this_service() -> None:
    other = made(1, service="policy-service", at=NOW)
    own = made(2, symptom="latency", cause="slow", ending="unresolved", at=NOW - timedelta(days=900))
    assert order((other, 1.0), (own, 0.0)) == [2, 1]


def test_what_belongs_to_no_service_stands_between() -> None:
    own, general, other = made(1), made(2, service=""), made(3, service="policy-service")
    assert order((other, 0.5), (general, 0.5), (own, 0.5)) == [1, 2, 3]


def test_of_one_service_the_likest_text_comes_first() -> None:
    assert order((made(1), 0.3), (made(2), 0.6)) == [2, 1]


def test_the_same_cause_and_symptom_outweigh_a_slightly_liker_text() -> None:
    assert order((made(1, cause="crash", symptom="crash"), 0.45), (made(2), 0.3)) == [2, 1]
    assert order((made(1, cause="crash", symptom="crash"), 0.8), (made(2), 0.3)) == [1, 2]


def test_between_equals_the_newer_and_the_tried_come_first() -> None:
    assert order((made(1, at=NOW - timedelta(days=90)), 0.4), (made(2), 0.4)) == [2, 1]
    assert order((made(1, ending="unresolved"), 0.4), (made(2, ending="failed"), 0.4), (made(3), 0.4)) == [3, 2, 1]


def test_recency_is_halved_every_thirty_days_and_the_future_counts_as_now() -> None:
    def fresh(days: float) -> float:
        old = replace(BASE, at=NOW - timedelta(days=36_500))
        return (
            ranked([(replace(BASE, at=NOW - timedelta(days=days)), 0)], WANTED)[0].score
            - ranked([(old, 0)], WANTED)[0].score
        )

    assert abs(fresh(30) - fresh(0) / 2) < 1e-9
    assert fresh(-5) == fresh(0)


def test_without_words_to_go_by_the_text_decides() -> None:
    wanted = Wanted("memory", NOW)
    assert order((made(1, service="a"), 0.2), (made(2, service="b"), 0.5), wanted=wanted) == [2, 1]


def test_a_service_named_in_a_persons_text_counts_if_its_name_is_no_mere_word() -> None:
    found = (made(1, service="load"), 0.4), (made(2, service="quote-service"), 0.3)
    assert order(*found, wanted=Wanted("Quote-Service slow under load", NOW)) == [2, 1]
    assert order(*found, wanted=Wanted("quote-service-canary slow", NOW)) == [1, 2]
    assert order(*found, wanted=Wanted("my.quote-service slow", NOW)) == [1, 2]


def test_the_firings_of_one_issue_are_one_and_the_best_stands_for_them() -> None:
    firings = tuple((replace(BASE, id=f"incident-7-{n}", issue=7), 0.1 * n) for n in (1, 3, 2))
    (found,) = ranked(firings, WANTED)
    assert found.document.id == "incident-7-3"
    assert order(*firings, (made(8), 0.25)) == [7, 8]


def test_chunks_of_one_file_are_not_one() -> None:
    pages = tuple((replace(BASE, id=f"docs/a.md#{n}", kind="doc", issue=0), 0.1 * n) for n in (1, 2))
    assert len(ranked(pages, replace(WANTED, kinds=("doc",)))) == 2


def test_only_the_wanted_kinds_are_found_and_never_the_issue_that_asks() -> None:
    found = (made(1), 0.9), (made(2, kind="code"), 0.9), (made(3), 0.1)
    assert order(*found, wanted=replace(WANTED, besides=1)) == [3]


def test_no_more_than_the_limit_are_given() -> None:
    found = tuple((made(n), 0.5) for n in range(1, 9))
    assert len(order(*found)) == 5
    assert order(*found, wanted=replace(WANTED, limit=0)) == []


def test_the_order_does_not_depend_on_the_order_of_finding() -> None:
    found = [(made(n, at=NOW - timedelta(days=n % 2)), 0.4) for n in range(1, 6)]
    assert {tuple(order(*turn)) for turn in itertools.permutations(found)} == {(2, 4, 1, 3, 5)}


def test_a_cosine_that_is_no_number_or_out_of_range_counts_for_nothing_more() -> None:
    found = ranked([(made(1), float("nan")), (made(2), -3.0), (made(3), 7.0)], WANTED)
    assert [(one.document.issue, one.similarity) for one in found] == [(3, 1.0), (1, 0.0), (2, 0.0)]
