"""The stream for people: counted by second, stale is unknown, odd is left out, and nothing of it is believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dashboard.telemetry import Telemetry
from shared.stream import BUSINESS, DEAD_LETTERS, HEARTBEATS, THOUGHTS, VITALS, Event
from shared.testing.samples import START


def telemetry() -> Telemetry:
    return Telemetry(("scout", "brain"), ("quote-service",), START)


def event(kind: str = "x", at: datetime = START, subject: str = "", **data: Any) -> Event:
    return Event("1", "/s", kind, subject, at, data)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def vital(service: str = "quote-service", **more: Any) -> dict[str, Any]:
    return {"service": service, "health": "ok", "detail": "", "p50_ms": 3.5, "rate": 8.0, "errors": 0.0} | more


def vitals(heard: Telemetry, seconds: float) -> list[dict[str, Any]]:
    """What a tick at that time tells."""
    told: Any = dict(heard.tick(after(seconds)))["vitals"]
    services: list[dict[str, Any]] = told["services"]
    return services


def test_a_service_nobody_has_told_of_is_unknown() -> None:
    (service,) = telemetry().services(START)
    assert (service["name"], service["health"], service["series"]) == ("quote-service", "unknown", None)


def test_a_vital_is_shown_and_is_unknown_again_when_scout_falls_silent() -> None:
    heard = telemetry()
    heard.take(VITALS, event(**vital(health="bad", detail="oom")), after(3))
    (service,) = heard.services(after(4))
    assert (service["health"], service["detail"]) == ("bad", "oom")
    assert next(kind for kind, _ in heard.tick(after(4))) == "vitals"
    (service,) = heard.services(after(60))
    assert service["health"] == "unknown"
    assert "has not told" in service["detail"]
    told = vitals(heard, 60)
    assert told == [vital(health="unknown", detail=service["detail"], p50_ms=None, rate=None, errors=None)]


def test_a_service_that_is_not_told_of_while_others_are_is_forgotten_when_its_curve_is_empty() -> None:
    heard = telemetry()
    for name in ("gone-service", "here-service"):
        heard.take(VITALS, event(**vital(name)), after(0))
    heard.tick(after(900))
    assert {s["name"] for s in heard.services(after(900))} == {"gone-service", "here-service", "quote-service"}
    heard.take(VITALS, event(**vital("here-service")), after(601))
    heard.tick(after(601))
    assert {s["name"] for s in heard.services(after(601))} == {"here-service", "quote-service"}


def test_seconds_without_a_number_are_missing_and_not_zero() -> None:
    heard = telemetry()
    for n in (2, 3, 5):
        heard.take(VITALS, event(**vital(p50_ms=float(n))), after(n))
    (service,) = heard.services(after(8))
    assert service["series"] is not None
    assert service["series"]["from"] == "2026-01-01T12:00:00Z"
    assert service["series"]["p50_ms"] == [None, None, 2.0, 3.0, None, 5.0, None]


@pytest.mark.parametrize(
    "odd",
    [
        {"service": 7},
        {"service": ""},
        {"service": "a" * 101},
        {"health": "great"},
        {"health": None},
    ],
)
def test_a_vital_of_another_shape_is_left_out_and_counted(odd: dict[str, Any]) -> None:
    heard = telemetry()
    heard.take(VITALS, event(**vital(**odd)), START)
    assert heard.unread == 1
    assert heard.services(START)[0]["health"] == "unknown"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0, True, "3", None, 1e300])
def test_a_number_that_is_none_is_missing(number: object) -> None:
    heard = telemetry()
    heard.take(VITALS, event(**vital(p50_ms=number)), after(1))
    (told,) = vitals(heard, 2)
    assert told["p50_ms"] is None


def test_names_that_anybody_may_invent_do_not_fill_the_memory() -> None:
    heard = telemetry()
    for n in range(1_000):
        heard.take(VITALS, event(**vital(f"s{n}")), START)
    assert len(heard.services(START)) <= 201


def test_sales_are_counted_by_the_second_they_happened_in_and_told_once_settled() -> None:
    heard = telemetry()
    for kind, seconds in (("quote.requested", 1.2), ("quote.requested", 1.9), ("policy.purchased", 1.95)):
        heard.take(BUSINESS, event(kind, after(seconds)), after(2))
    heard.take(BUSINESS, event("purchase.refused", after(3600 * 24 * 365)), after(2))  # a clock gone mad
    assert heard.unread == 1
    told = [data for kind, data in heard.tick(after(3.1)) if kind == "business"]
    assert told[-1] == {"at": "2026-01-01T12:00:01Z", "requested": 2, "purchased": 1, "refused": 0}
    assert [d for k, d in heard.tick(after(3.2)) if k == "business"] == []
    trade = heard.trade(after(4))
    assert trade["from"] == "2026-01-01T12:00:00Z"
    assert trade["requested"] == [0.0, 2.0, 0.0]


def test_an_agent_that_is_not_heard_is_not_ok_and_its_age_is_told() -> None:
    heard = telemetry()
    heard.take(HEARTBEATS, event(agent="scout", busy=1, last_turn_s=0.2), after(1))
    heard.take(HEARTBEATS, event(agent="nobody"), after(1))
    assert heard.unread == 1
    scout, brain = heard.beats(after(5))
    assert (scout["ok"], scout["age_s"]) == (True, 4.0)
    assert (brain["ok"], brain["at"], brain["detail"]) == (False, None, "not heard yet")
    assert not heard.beats(after(30))[0]["ok"]


def test_thoughts_and_dead_letters_are_told_newest_first_and_cut() -> None:
    heard = telemetry()
    for n in range(150):
        heard.take(THOUGHTS, event(issue=n, agent="brain", thought=f"{n} " + "x" * 5_000), START)
        heard.take(DEAD_LETTERS, event(subject=f"t/0/{n}", reason="not JSON"), START)
    thoughts, letters = heard.thoughts(), heard.letters()
    assert (len(thoughts), thoughts[0]["incident"], len(thoughts[0]["text"])) == (100, 149, 500)
    assert thoughts[-1]["incident"] == 50
    assert (len(letters), letters[0]["origin"]) == (20, "t/0/149")
