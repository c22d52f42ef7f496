"""What is said of a pull request counts only in its order, and only of the one that the log knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.incident.change import MergePull, RevertCommit, SetMemory
from shared.incident.facts import AnyFact, Proved, parse_fact
from shared.incident.parts import Directive
from shared.incident.record import Role
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, SERVICE, directive, merging, sample

OTHER = "9" * 40
DONE = ("proposed", "proved:policy", "merged", "deployed:running")


def fixing(*moves: str) -> LogBuilder:
    """A log whose directive reverts a commit, begun, with these moves."""
    log = LogBuilder()
    log.change = True
    return log.to(Status.FIXING).do(*moves)


def closed() -> LogBuilder:
    return fixing(*DONE).do("verified:healthy", "learned")


def refused(log: LogBuilder, fact: AnyFact, by: Role | None = None, author: str = FLEET) -> str:
    """Say `fact`; the reason why it is not taken."""
    before, status = len(log.incident.entries), log.incident.status
    log.say(fact, by, author)
    assert (len(log.incident.entries), log.incident.status) == (before, status)
    return log.incident.rejected[-1].reason


def other(log: LogBuilder, move: str, **fields: Any) -> AnyFact:
    """The lawful fact of this move, with other fields."""
    return parse_fact({**log.next(move).model_dump(mode="json"), **fields})


def test_the_order_is_proposed_proved_merged_deployed() -> None:
    assert fixing(*DONE).incident.status is Status.VERIFYING


@pytest.mark.parametrize(
    ("said", "move"),
    [
        ((), "proved:policy"),
        ((), "merged"),
        ((), "deployed:running"),
        (("proposed",), "proposed"),
        (("proposed",), "merged"),
        (("proposed",), "deployed:running"),
        (("proposed", "proved:policy"), "proposed"),
        (("proposed", "proved:policy"), "proved:policy"),
        (("proposed", "proved:policy"), "deployed:running"),
        (("proposed", "proved:policy", "merged"), "merged"),
        (("proposed", "proved:policy", "merged"), "proved:policy"),
    ],
)
def test_no_step_comes_twice_or_before_the_one_it_stands_on(said: tuple[str, ...], move: str) -> None:
    log = fixing(*said)
    assert refused(log, log.next(move))


@pytest.mark.parametrize(
    ("said", "move", "fields"),
    [
        ((), "proposed", {"directive_id": "acme/shop#7/a9"}),
        ((), "proposed", {"base_sha": OTHER}),
        (("proposed",), "proved:policy", {"number": 99}),
        (("proposed",), "proved:policy", {"head_sha": OTHER}),
        (("proposed", "proved:policy"), "merged", {"number": 99}),
        (("proposed", "proved:policy"), "merged", {"head_sha": OTHER}),
        (("proposed", "proved:policy"), "merged", {"directive_id": "acme/shop#7/a9"}),
        (("proposed", "proved:policy", "merged"), "deployed:running", {"sha": OTHER}),
        ((*DONE, "verified:ineffective"), "undone:ineffective", {"directive_id": "acme/shop#7/a9"}),
    ],
)
def test_another_pull_request_commit_or_directive_is_not_spoken_of(
    said: tuple[str, ...], move: str, fields: dict[str, Any]
) -> None:
    log = fixing(*said)
    assert refused(log, other(log, move, **fields))


def test_what_was_refuted_is_merged_by_nobody_and_the_directive_is_void() -> None:
    log = fixing("proposed", "proved:nobody")
    assert (log.incident.status, log.incident.directive) == (Status.DETECTED, None)
    assert "does not fit" in refused(log, sample("merged", fixing("proposed", "proved:policy").incident))


def test_a_restart_makes_no_pull_request_and_a_change_is_no_restart() -> None:
    restart = LogBuilder().to(Status.FIXING)
    assert "makes no pull request" in refused(restart, restart.next("proposed"))
    change = fixing()
    applied = sample("applied", LogBuilder().to(Status.FIXING).incident)
    assert "not done to a container" in refused(change, applied)


def test_an_undo_and_ineffective_need_a_change_that_stands() -> None:
    log = LogBuilder().to(Status.VERIFYING)
    assert "no change to take back" in refused(log, log.next("verified:ineffective"))
    assert "no change to take back" in refused(log, log.next("commanded:undo"))
    assert "no change to take back" in refused(LogBuilder().to(Status.CLOSED), log.next("commanded:undo"))


def test_a_restart_of_a_later_firing_takes_back_no_change_of_an_earlier_one() -> None:
    log = closed()
    log.change = False
    log.do("detected", "diagnosed", "ruled:allow", "began", "applied")
    assert log.incident.standing is not None
    assert "no change to take back" in refused(log, log.next("verified:ineffective"))


def test_a_person_may_take_back_what_stands_also_when_all_is_closed_and_only_once() -> None:
    log = closed()
    log.do("commanded:undo")
    assert (log.incident.status, log.incident.standing is not None) == (Status.UNDOING, True)
    log.do("undone:commanded")
    assert (log.incident.status, log.incident.standing) == (Status.NEEDS_HUMAN, None)
    assert "no change to take back" in refused(log, log.next("commanded:undo"))
    undone = closed().do("commanded:undo").next("undone:commanded")
    assert "does not fit" in refused(log, undone)


@pytest.mark.parametrize(
    ("said", "in_force"),
    [
        (("proposed",), True),
        (("proposed", "proved:policy"), True),
        (("proposed", "proved:person"), True),
        (("proposed", "proved:nobody"), False),
        (("proposed", "proved:policy", "merged"), True),
        (DONE, True),
        ((*DONE, "verified:healthy"), False),
        ((*DONE, "verified:ineffective"), False),
        ((*DONE, "verified:ineffective", "undone:ineffective"), False),
        (("refused",), False),
        ((*DONE, "verified:healthy", "learned", "detected"), False),
    ],
)
def test_the_directive_is_in_force_until_its_end(said: tuple[str, ...], in_force: bool) -> None:
    log = fixing(*said)
    assert (log.incident.directive is not None) is in_force


def test_the_fixer_and_escalation_speak_each_of_its_own_pull_request() -> None:
    ours = fixing()
    assert "may not say" in refused(ours, ours.next("proposed"), by="escalation")
    theirs = LogBuilder().to(Status.ESCALATED).do("dispatched")
    assert "may not say" in refused(theirs, theirs.next("proposed"), by="fixer")
    theirs.do("proposed")
    assert "may not say" in refused(theirs, theirs.next("proved:others"), by="fixer")


@pytest.mark.parametrize("role", ["scout", "brain", "guardrail", "memory"])
def test_nobody_else_proposes_proves_or_merges(role: Role) -> None:
    for said, move in (((), "proposed"), (("proposed",), "proved:policy"), (("proposed", "proved:policy"), "merged")):
        log = fixing(*said)
        assert "may not say" in refused(log, log.next(move), by=role)


def test_the_fleets_account_is_not_the_person_who_merged() -> None:
    log = fixing("proposed", "proved:person")
    assert "cannot approve itself" in refused(log, other(log, "merged", by=FLEET))
    log.do("merged")
    assert log.incident.status is Status.FIXING


def test_a_pull_request_that_waits_for_a_person_is_approved_by_its_directive_alone() -> None:
    log = fixing("proposed", "proved:person")
    assert "another directive" in refused(log, other(log, "commanded:approve", directive_sha256="0" * 64))
    log.do("commanded:approve", "began", "merged")
    assert log.incident.status is Status.FIXING


def test_a_plan_is_approved_by_its_own_hash() -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched")
    assert "no plan" in refused(log, other(log, "commanded:approve", directive_sha256="0" * 64))
    log.do("planned")
    assert "another directive" in refused(log, other(log, "commanded:approve", directive_sha256="0" * 64))
    log.do("commanded:approve")
    assert log.incident.status is Status.ESCALATED
    assert "another session" in refused(log, other(log, "returned", session="sessions/other"))


def test_somebody_elses_pull_request_is_merged_by_a_directive_about_it_alone() -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched")
    assert refused(log, log.next("proved:others")), "it was not proposed"
    log.do("proposed")
    proved = log.next("proved:others")
    assert isinstance(proved, Proved)
    assert proved.directive is not None
    wrong = proved.directive.model_copy(update={"change": MergePull(number=99, head=proved.head_sha)})
    assert "another pull request" in refused(log, proved.model_copy(update={"directive": wrong}))
    bare = proved.model_copy(update={"directive": None})
    assert refused(log, bare)
    log.do("proved:others")
    assert log.incident.directive == proved.directive
    log.do("ruled:allow", "began")
    assert refused(log, log.next("proposed")), "merging proposes nothing"
    log.do("merged")


def test_who_is_not_of_the_fleet_says_nothing_of_a_pull_request() -> None:
    log = fixing("proposed")
    assert "not an account" in refused(log, log.next("proved:policy"), author="mallory")


def test_a_log_signed_before_changes_were_known_reads_as_it_was() -> None:
    text = directive().canonical()
    assert "change" not in text
    assert "base" not in text
    log = LogBuilder().to(Status.VERIFYING)
    assert all(
        word not in body for body in (log.body, *(c.body for c in log.comments)) for word in ('"change"', '"base"')
    )
    assert (log.incident.rejected, log.incident.whole) == ((), True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"verb": "restart"},
        {"change": None},
        {"base": None},
        {"verb": "set-memory"},
        {"change": SetMemory(service=SERVICE, before=192, after=288)},
        {"base": "main"},
    ],
)
def test_a_directive_names_what_it_changes_and_what_it_was_decided_on(wrong: dict[str, Any]) -> None:
    whole = directive(change=True).model_dump(mode="json")
    assert Directive.model_validate(whole).change == RevertCommit(commit="d" * 40, paths=("deploy/stack.yaml",))
    with pytest.raises(ValidationError):
        Directive.model_validate({**whole, **{k: getattr(v, "model_dump", lambda v=v: v)() for k, v in wrong.items()}})


def test_only_what_is_proved_can_be_merged_without_a_person() -> None:
    fact = sample("proved:policy").model_dump(mode="json")
    for verdict, merge in (
        ("unverified", "policy"),
        ("refuted", "policy"),
        ("refuted", "person"),
        ("proved", "nobody"),
    ):
        with pytest.raises(ValidationError):
            parse_fact({**fact, "verdict": verdict, "merge": merge})
    with pytest.raises(ValidationError):
        parse_fact({**fact, "directive": directive(change=True).model_dump(mode="json")})
    assert parse_fact({**fact, "merge": "person", "directive": merging().model_dump(mode="json")})


def test_the_permit_of_a_change_expires_too() -> None:
    log = LogBuilder()
    log.change = True
    log.to(Status.APPROVED)
    log.now += timedelta(hours=1)
    assert "expired" in refused(log, log.next("began"))
