"""What people say about the ranking: bound to what they had read, and void of authority over anything else."""

from __future__ import annotations

import pytest

from shared.incident.facts import Commanded, Diagnosed, Steers, Stuck
from shared.incident.parts import Hypothesis
from shared.incident.replay import why_not
from shared.incident.status import Status
from shared.incident.steering import steering
from shared.testing.log import LogBuilder
from shared.testing.samples import SERVICE, sample

OTHER = Hypothesis(id="H1", service="user-service", cause="slow", probability=0.5, why="slow", evidence=())
AFTER = (Status.DIAGNOSED, Status.NEEDS_APPROVAL, Status.APPROVED, Status.ESCALATED, Status.NEEDS_HUMAN)


def steer(log: LogBuilder, command: str, at: int | None = None, **about: object) -> Commanded:
    """A command in a comment with id `at`, newer than all comments unless told otherwise."""
    fact = log.next(f"commanded:{command}")
    assert isinstance(fact, Commanded)
    assert fact.steers is not None
    steers = fact.steers.model_copy(update=about)
    return fact.model_copy(update={"steers": steers, "comment_id": at or fact.comment_id})


@pytest.mark.parametrize("status", AFTER)
@pytest.mark.parametrize("command", ["focus", "reject"])
def test_steering_sends_what_is_not_acted_on_back_to_the_diagnosis(status: Status, command: str) -> None:
    log = LogBuilder().to(status)
    log.say(log.next(f"commanded:{command}"))
    assert log.incident.status is Status.DETECTED
    assert log.incident.directive is None


def test_a_permit_for_the_old_diagnosis_begins_nothing_after_it_was_steered() -> None:
    log = LogBuilder().to(Status.APPROVED)
    began = log.next("began")
    log.say(log.next("commanded:reject"))
    log.say(began).to(Status.DIAGNOSED).say(began)
    assert log.incident.status is Status.DIAGNOSED
    assert len(log.incident.rejected) == 2


@pytest.mark.parametrize("status", [Status.FIXING, Status.VERIFYING])
def test_what_is_being_acted_on_cannot_be_steered(status: Status) -> None:
    log = LogBuilder().to(status)
    assert "does not fit" in str(why_not(log.incident, log.next("commanded:reject"), "guardrail", log.now))


@pytest.mark.parametrize(
    "about", [{"hypothesis": "h9"}, {"service": "user-service"}, {"cause": "slow"}], ids=lambda a: str(*a)
)
def test_a_hypothesis_that_was_not_listed_steers_nothing(about: dict[str, str]) -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.say(steer(log, "reject", None, **about))
    assert log.incident.status is Status.DIAGNOSED
    assert "is not listed; listed are H1" in log.incident.rejected[0].reason


def test_a_command_without_a_hypothesis_is_refused_with_what_is_listed() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    fact = log.next("commanded:focus").model_copy(update={"steers": None})
    assert isinstance(fact, Commanded)
    assert why_not(log.incident, fact, "guardrail", log.now) == "it names no listed hypothesis; listed are H1"


def test_an_id_means_what_it_meant_when_the_command_was_written() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    first = log.comments[-1].id
    second = log.post("a person types /reject H1", "octocat").id
    log.say(log.next("ruled:stale"))
    again = log.next("diagnosed")
    assert isinstance(again, Diagnosed)
    log.say(again.model_copy(update={"hypotheses": (OTHER,)}))
    assert first < second < log.comments[-1].id
    now = log.incident
    assert why_not(now, steer(log, "reject", second, service=SERVICE, cause="oom"), "guardrail", log.now) is None
    mixed = steer(log, "reject", second, service="user-service", cause="slow")
    assert "not listed" in str(why_not(now, mixed, "guardrail", log.now))


def test_the_newest_focus_counts_and_rejecting_it_ends_it() -> None:
    log = LogBuilder().to(Status.NEEDS_HUMAN)
    log.say(steer(log, "focus"))
    assert steering(log.incident).focus == (SERVICE, "oom")
    log.to(Status.DIAGNOSED).say(steer(log, "reject"))
    now = steering(log.incident)
    assert now.focus is None
    assert now.rejected == frozenset({(SERVICE, "oom")})
    assert now.said == f"/focus oom in {SERVICE} by octocat; /reject oom in {SERVICE} by octocat"


def test_retry_starts_over_and_a_new_firing_too() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.say(log.next("commanded:reject")).to(Status.NEEDS_HUMAN)
    assert steering(log.incident).rejected
    log.say(log.next("commanded:retry"))
    assert steering(log.incident) == steering(LogBuilder().to(Status.DETECTED).incident)


def test_the_fleet_cannot_steer_itself() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.say(steer(log, "reject").model_copy(update={"login": "sre-fleet"}))
    assert log.incident.status is Status.DIAGNOSED


def test_only_a_fact_that_lists_hypotheses_changes_what_an_id_means() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.say(Stuck(reason="out of disk", todo="make room"))
    assert [h.id for h in log.incident.listed()] == ["H1"]
    assert Steers(hypothesis="H1", service=SERVICE, cause="oom") == getattr(
        sample("commanded:focus", log.incident), "steers", None
    )
