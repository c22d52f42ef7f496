"""Fixer's judgement of changes: what stops it between the steps, and what a person did to the pull request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.fixer.judge import Seen, judge
from agents.fixer.look import Fixer
from agents.fixer.overtaken import overtaken
from shared.agent import Act, Effect, Later, Say, Withdraw
from shared.incident.facts import Merged, Stuck
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.policy.model import parse_policy
from shared.source import Pull
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, HEAD, MERGE, PULL, START

POLICY = parse_policy((Path(__file__).parents[2] / "deploy" / "policy.yaml").read_text())
SEEN = Seen(START + timedelta(minutes=1), None)
BEFORE = [(), ("proposed",), ("proposed", "proved:policy")]


def fixing(*moves: str) -> Incident:
    log = LogBuilder()
    log.change = True
    return replace(log.to(Status.FIXING).do(*moves).incident, frozen=False)


def pull(**fields: object) -> Pull:
    made = Pull(PULL, "l", "t", "b", FLEET, "sre-space/i7-a1", "e" * 40, HEAD, open=True)
    return replace(made, **fields)  # type: ignore[arg-type]


def judged(incident: Incident, found: Pull | None = None) -> Effect | None:
    by_fleet = found is not None and found.merged_by == FLEET
    return judge(incident, replace(SEEN, pull=found, by_fleet=by_fleet), POLICY)


@pytest.mark.parametrize("moves", BEFORE)
def test_a_freeze_or_a_hold_stops_a_change_before_each_step(moves: tuple[str, ...]) -> None:
    incident = fixing(*moves)
    assert isinstance(judged(incident), Act)
    assert isinstance(judged(replace(incident, frozen=True)), Later)
    assert isinstance(judged(replace(incident, labels=frozenset({"sre:hold"}))), Later)


def test_after_the_merge_the_deployers_word_is_heard_also_while_frozen() -> None:
    incident = fixing("proposed", "proved:policy", "merged")
    assert isinstance(judged(replace(incident, frozen=True)), Act)


@pytest.mark.parametrize(("last", "why"), [("verified:ineffective", "ineffective"), ("commanded:undo", "commanded")])
def test_what_stands_is_taken_back_unless_the_fleet_is_frozen(last: str, why: str) -> None:
    incident = fixing("proposed", "proved:policy", "merged", "deployed:running", last)
    effect = judged(incident)
    assert isinstance(effect, Act)
    assert (effect.undo, effect.directive) == (why, incident.standing and incident.standing[1])
    assert isinstance(judged(replace(incident, frozen=True)), Later)


def test_a_failed_deploy_is_taken_back() -> None:
    effect = judged(fixing("proposed", "proved:policy", "merged", "deployed:failed"))
    assert isinstance(effect, Act)
    assert effect.undo == "ineffective"


def test_an_open_pull_request_waits_for_its_person() -> None:
    assert isinstance(judged(fixing("proposed", "proved:person"), pull()), Later)


def test_what_a_person_merged_at_the_proved_head_is_merged_by_them() -> None:
    found = pull(open=False, merge_sha=MERGE, merged_by="octocat")
    effect = judged(fixing("proposed", "proved:person"), found)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Merged)
    assert (effect.fact.by, effect.fact.merge_sha) == ("octocat", MERGE)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"open": False}, "closed unmerged"),
        ({"open": False, "merge_sha": MERGE, "merged_by": "octocat", "head_sha": "9" * 40}, "not what was proved"),
        ({"open": False, "merge_sha": MERGE, "merged_by": FLEET}, "waits for a person"),
    ],
)
def test_what_else_became_of_it_is_for_a_person(fields: dict[str, object], reason: str) -> None:
    effect = judged(fixing("proposed", "proved:person"), pull(**fields))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Stuck)
    assert reason in effect.fact.reason


def test_a_pull_request_of_others_that_waits_for_a_person_is_looked_at_too() -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched", "proposed", "proved:others", "ruled:needs-approval")
    fixer = Fixer(None, None, lambda *_: (), POLICY)  # type: ignore[arg-type]
    incident = log.incident
    assert incident.status is Status.NEEDS_APPROVAL
    assert fixer.concerns(incident)
    theirs = pull(branch="mend-it", author="octocat", open=False, merge_sha=MERGE, merged_by="octocat")
    effect = judged(incident, theirs)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Merged)
    log.say(effect.fact)
    assert log.incident.status is Status.FIXING


def test_the_fleets_account_is_no_person_for_what_others_wrote_either() -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched", "proposed", "proved:others", "ruled:needs-approval")
    effect = judged(log.incident, pull(open=False, merge_sha=MERGE, merged_by=FLEET))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Stuck)


def test_an_issue_that_a_merge_has_closed_is_seen_through_and_one_that_a_person_closed_before_is_not() -> None:
    fixer = Fixer(None, None, lambda *_: (), POLICY)  # type: ignore[arg-type]
    assert fixer.concerns(replace(fixing("proposed", "proved:policy", "merged"), closed=True))
    over = replace(fixing("proposed", "proved:policy"), closed=True)
    [proposed] = overtaken(over)
    effect = judge(over, replace(SEEN, overtaken=proposed), POLICY)
    assert effect == Withdraw(PULL, HEAD), "it is not merged, but closed"
    assert judge(over, SEEN, POLICY) is None


@pytest.mark.parametrize("moves", [(), ("proposed",), ("proposed", "proved:policy")])
def test_a_closed_issue_begins_and_goes_on_with_nothing(moves: tuple[str, ...]) -> None:
    log = LogBuilder()
    log.change = True
    for incident in (log.to(Status.APPROVED).incident, fixing(*moves)):
        assert judged(replace(incident, closed=True, frozen=False)) is None


def test_a_merge_by_a_person_that_closed_the_issue_is_noted() -> None:
    incident = replace(fixing("proposed", "proved:person"), closed=True)
    effect = judged(incident, pull(open=False, merge_sha=MERGE, merged_by="octocat"))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Merged)
    assert judged(incident, pull()) is None, "it waits for nobody"
    assert judged(incident, pull(open=False)) is None
