"""The time slider: any past moment is the log's prefix, folded by the protocol's own replay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.card import card
from dashboard.logs import Logs
from dashboard.slider import as_of
from shared.incident.replay import replay
from shared.incident.status import TRANSITIONS, Status
from shared.incident.thread import Comment
from shared.testing.log import LogBuilder
from shared.testing.samples import START

WAYS = [
    (status, move)
    for status, row in TRANSITIONS.items()
    for move in row
    if status not in (Status.NEW, Status.ESCALATED)
]


@given(st.sampled_from(WAYS), st.integers(-2, 20), st.integers(0, 12))
def test_a_past_moment_is_what_replay_makes_of_the_comments_of_that_time(
    way: tuple[Status, str], seconds: int, word_at: int
) -> None:
    log = LogBuilder().ready(*way).do(way[1])
    log.comments.append(
        Comment(50 + word_at, "olivia", "hello", START + timedelta(seconds=word_at), START + timedelta(seconds=word_at))
    )
    thread = log.thread()
    at = START + timedelta(seconds=seconds)
    then = as_of(replay(thread, log.keyring), at)
    earlier = replace(thread, comments=tuple(c for c in thread.comments if c.created_at <= at))
    told = replay(earlier, log.keyring)
    if at < START:
        assert not then.is_incident
        return
    assert then.entries == told.entries
    assert then.status is told.status
    assert then.words == told.words
    assert card(then)["stages"] == card(told)["stages"]


def test_an_incident_is_closed_from_its_closing_account_on_and_open_before() -> None:
    log = LogBuilder().to(Status.VERIFYING).do("verified:healthy", "learned")
    incident = replace(log.incident, closed=True, labels=frozenset({"sre:hold"}))
    assert as_of(incident, START + timedelta(hours=1)).closed
    before = as_of(incident, incident.entries[-2].posted_at)
    assert not before.closed
    assert before.status is Status.FIXED
    assert not before.held  # what people put on is not in the log


def test_a_board_of_the_past_holds_what_was_open_then() -> None:
    logs = Logs()
    for number in (1, 2, 3):
        log = LogBuilder(number=number, start=START + timedelta(minutes=number)).to(Status.DIAGNOSED)
        logs.put(log.incident, log.now)
    assert [c["number"] for c in logs.cards(START + timedelta(hours=1))] == [3, 2, 1]
    assert [c["number"] for c in logs.cards_as_of(START + timedelta(minutes=2))] == [2, 1]
    assert [c["status"] for c in logs.cards_as_of(START + timedelta(minutes=2))] == ["Detected", "Diagnosed"]
    assert logs.cards_as_of(START) == []
    assert logs.log_from == START + timedelta(minutes=1)
