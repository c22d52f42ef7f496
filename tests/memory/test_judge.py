"""Memory's judgement: numbers from the log, then the end of the issue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.memory.judge import PATIENCE, Seen, judge
from shared.agent import Close, Later, Say
from shared.incident.facts import Applied, Began, Detected, Learned, Verified
from shared.incident.parts import Observed
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status

SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEEN = Observed(container_id="a", started_at="t", image="i")
DETECTED = Detected(
    service="policy-service",
    symptom="oom",
    fingerprint="f" * 64,
    severity="critical",
    summary="killed",
    since=SINCE,
    evidence=(),
)


def entry(fact: Any, seq: int, after_s: float) -> Entry:
    at = SINCE + timedelta(seconds=after_s)
    return Entry(fact, seq, "x", at, at, seq, f"{seq:064x}", True)


FIXED = Incident(
    "o/r",
    7,
    "u",
    Status.FIXED,
    (
        entry(DETECTED, 0, 0.4),
        entry(Began(directive_id="d", directive_sha256="0" * 64), 1, 1.5),
        entry(Applied(directive_id="d", before=SEEN, after=SEEN, took_s=1.0, settled=False), 2, 2.5),
        entry(Verified(outcome="healthy", detail="ok", held_s=3.0, measures=()), 3, 7.0),
    ),
)


def seen(*earlier: Incident) -> Seen:
    return Seen(SINCE + timedelta(seconds=8), SINCE, earlier, timedelta(hours=1))


def test_the_account_is_computed_from_the_log() -> None:
    effect = judge(FIXED, seen())
    assert isinstance(effect, Say)
    fact = effect.fact
    assert isinstance(fact, Learned)
    assert (fact.time_to_detect_s, fact.time_to_act_s, fact.time_to_recover_s) == (0.4, 1.5, 4.0)
    assert (fact.actions, fact.refusals, fact.ineffective, fact.recurrences) == (1, 0, 0, 0)


def test_what_the_log_does_not_have_is_none_and_not_zero() -> None:
    recovered = replace(FIXED, entries=FIXED.entries[:1])
    effect = judge(recovered, seen())
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Learned)
    assert (effect.fact.time_to_act_s, effect.fact.time_to_recover_s) == (None, None)


def test_recurrences_count_only_the_same_fault() -> None:
    same = replace(FIXED, number=3)
    other = replace(FIXED, number=4, entries=(entry(DETECTED.model_copy(update={"fingerprint": "e" * 64}), 0, 0),))
    effect = judge(FIXED, seen(same, other))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Learned)
    assert (effect.fact.recurrences, effect.fact.earlier) == (1, (3,))


def test_an_issue_whose_log_has_ended_is_closed_once() -> None:
    ended = replace(FIXED, status=Status.CLOSED)
    assert judge(ended, seen()) == Close()
    assert judge(replace(ended, closed=True), seen()) is None


def test_an_ended_issue_that_somebody_reopened_is_given_time_for_its_new_firing() -> None:
    ended = replace(FIXED, status=Status.CLOSED)
    late = SINCE + timedelta(minutes=5)
    assert isinstance(judge(ended, Seen(late, late, (), timedelta(hours=1))), Later)
    assert judge(ended, Seen(late + PATIENCE, late, (), timedelta(hours=1))) == Close()


def test_an_issue_that_is_open_again_is_not_taken_for_one_that_has_just_ended() -> None:
    ended = replace(FIXED, status=Status.CLOSED)
    now = seen().now
    assert isinstance(judge(ended, replace(seen(), ended_since=now, again=True)), Later)
    assert judge(ended, replace(seen(), ended_since=now - PATIENCE, again=True)) == Close()
