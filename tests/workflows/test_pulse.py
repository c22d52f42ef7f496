"""The heartbeat on GitHub: what it says, how it is judged, and how seldom it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.fleet.pulse import Heard, silence, spoken, understood
from mission_control.fleet.roster import ROLES
from mission_control.herald.heartbeat import Heartbeat
from shared.ports import Permanent, Transient
from shared.stream import Event

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
ALL = frozenset(ROLES)
HALF_AN_HOUR = timedelta(minutes=30)


@given(st.none() | st.frozensets(st.sampled_from(ROLES)))
def test_what_is_spoken_is_understood_and_fits_a_labels_description(roles: frozenset[str] | None) -> None:
    heard = Heard(NOW, roles)
    assert understood(spoken(heard)) == heard
    assert len(spoken(heard)) <= 100


@given(st.text(max_size=100))
def test_any_other_text_is_nothing_heard(text: str) -> None:
    assert understood(text) is None or spoken(understood(text) or Heard(NOW, None)) == text


def test_a_fleet_is_heard_until_it_is_silent_for_too_long() -> None:
    assert silence(spoken(Heard(NOW - HALF_AN_HOUR, ALL)), NOW, HALF_AN_HOUR) is None
    why = silence(spoken(Heard(NOW - timedelta(minutes=31), ALL)), NOW, HALF_AN_HOUR)
    assert why == "The fleet was last heard at 2026-11-21 15:29:00 UTC, 31 minutes ago."


def test_a_worker_that_does_not_beat_is_named() -> None:
    why = silence(spoken(Heard(NOW, ALL - {"scout", "fixer"})), NOW, HALF_AN_HOUR)
    assert why == "The herald is heard, but nothing of: scout, fixer."
    assert "scout" in str(silence(spoken(Heard(NOW, frozenset())), NOW, HALF_AN_HOUR))


def test_without_kafka_the_herald_alone_is_enough() -> None:
    assert silence(spoken(Heard(NOW, None)), NOW, HALF_AN_HOUR) is None


@pytest.mark.parametrize(
    "text", ["", "fine", "2026-13-41T99:00:00Z herald alone", spoken(Heard(NOW + HALF_AN_HOUR, ALL))]
)
def test_no_heartbeat_a_torn_one_and_one_from_times_to_come_are_silence(text: str) -> None:
    assert silence(text, NOW, HALF_AN_HOUR) == "The fleet was never heard."


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


def beat(agent: Any) -> Event:
    return Event(id="1", source="/x", type="io.sre-space.heartbeat", subject="x", time=NOW, data={"agent": agent})


def test_it_is_written_after_a_minute_and_then_every_ten_with_those_heard_in_between() -> None:
    clock, said = Clock(), list[str]()
    heartbeat = Heartbeat(said.append, clock.now, clock, deaf=False)
    for second in range(0, 1300, 5):
        clock.seconds = float(second)
        heartbeat.on_event(beat("brain"))
        if second < 600:
            heartbeat.on_event(beat("scout"))
        heartbeat.step()
    assert said == [
        "2026-11-21T16:01:00Z herald and brain scout",
        "2026-11-21T16:11:00Z herald and brain scout",
        "2026-11-21T16:21:00Z herald and brain",
    ]


def test_only_the_name_of_a_role_is_believed_of_an_event() -> None:
    clock, said = Clock(), list[str]()
    heartbeat = Heartbeat(said.append, clock.now, clock, deaf=False)
    for agent in ("herald", "nobody; rm -rf /", None, 7, ["scout"]):
        heartbeat.on_event(beat(agent))
    clock.seconds = 60.0
    heartbeat.step()
    assert said == ["2026-11-21T16:01:00Z herald alone"]


@pytest.mark.parametrize("failure", [Transient("busy"), Permanent("no")])
def test_a_write_that_fails_is_tried_again_a_minute_later_and_loses_nobody(failure: Exception) -> None:
    clock, said, failures = Clock(), list[str](), [failure]

    def say(text: str) -> None:
        if failures:
            raise failures.pop()
        said.append(text)

    heartbeat = Heartbeat(say, clock.now, clock, deaf=False)
    heartbeat.on_event(beat("scout"))
    for second in (60.0, 61.0, 120.0):
        clock.seconds = second
        heartbeat.step()
    assert said == ["2026-11-21T16:02:00Z herald and scout"]
