"""Which comments are facts: only what the fleet signed, for this issue, in this order, about what is in force."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.incident.card import with_card
from shared.incident.codec import Place
from shared.incident.facts import Applied, Began, Commanded, Detected, Diagnosed, Ruled
from shared.incident.replay import Incident, replay, why_not
from shared.incident.status import OWNERS, TRANSITIONS, Status, may_say
from shared.incident.thread import Thread
from shared.testing.log import LogBuilder, signer
from shared.testing.samples import FLEET, sample

CLOSED = LogBuilder().to(Status.VERIFYING).to(Status.FIXED).to(Status.CLOSED)
FORGERS = {
    "another key": lambda log, fact: log.text(fact, key=signer("guardrail", "stolen")),
    "another role's key": lambda log, fact: log.text(fact, key=signer("brain")),
    "the wrong role, signing for itself": lambda log, fact: log.text(fact, by="brain"),
    "another issue": lambda log, fact: log.text(
        fact, place=Place(log.repo, log.number + 1, log.incident.next_seq, log.incident.head)
    ),
    "another repository": lambda log, fact: log.text(
        fact, place=Place("acme/other", log.number, log.incident.next_seq, log.incident.head)
    ),
    "an opening body's issue number": lambda log, fact: log.text(
        fact, place=Place(log.repo, 0, log.incident.next_seq, log.incident.head)
    ),
    "another predecessor": lambda log, fact: log.text(
        fact, place=Place(log.repo, log.number, log.incident.next_seq, "0" * 64)
    ),
    "an earlier number": lambda log, fact: log.text(fact, place=Place(log.repo, log.number, 0, log.incident.head)),
    "a later number": lambda log, fact: log.text(
        fact, place=Place(log.repo, log.number, log.incident.next_seq + 1, log.incident.head)
    ),
    "a directive with another digest": lambda log, fact: log.text(
        fact.model_copy(update={"directive_sha256": "f" * 64})
    ),
}


def rejections(incident: Incident) -> list[str]:
    return [r.reason for r in incident.rejected]


def test_the_golden_incident_is_accepted_whole() -> None:
    incident = CLOSED.incident
    assert incident.status is Status.CLOSED
    assert rejections(incident) == []
    assert incident.gaps == ()
    assert [e.fact.kind for e in incident.entries] == [
        "detected", "diagnosed", "ruled", "began", "applied", "verified", "learned",
    ]  # fmt: skip
    assert all(e.text_intact for e in incident.entries)


@given(st.randoms(use_true_random=False))
def test_order_and_duplicates_of_comments_do_not_matter(rng: random.Random) -> None:
    thread = CLOSED.thread()
    comments = [c for c in thread.comments for _ in range(rng.randint(1, 5))]
    rng.shuffle(comments)
    assert replay(replace(thread, comments=tuple(comments)), CLOSED.keyring) == CLOSED.incident


def test_two_versions_of_one_comment_in_the_pages_fold_the_same_in_any_order() -> None:
    thread = CLOSED.thread()
    last = thread.comments[-1]
    edited = replace(last, body="edited away", updated_at=last.updated_at + timedelta(minutes=1))
    one = replay(replace(thread, comments=(*thread.comments, edited)), CLOSED.keyring)
    other = replay(replace(thread, comments=(edited, *thread.comments)), CLOSED.keyring)
    assert one == other
    assert one.status is Status.FIXED, "the newer version counts"


@pytest.mark.parametrize("length", range(7))
def test_a_truncated_page_gives_a_shorter_log_and_never_another(length: int) -> None:
    thread = CLOSED.thread()
    incident = replay(replace(thread, comments=thread.comments[:length]), CLOSED.keyring)
    assert incident.entries == CLOSED.incident.entries[: length + 1]


@pytest.mark.parametrize("gone", range(5))
def test_a_deleted_comment_shows_as_a_gap(gone: int) -> None:
    thread = CLOSED.thread()
    left = thread.comments[:gone] + thread.comments[gone + 1 :]
    incident = replay(replace(thread, comments=left), CLOSED.keyring)
    assert len(incident.entries) == gone + 1
    assert incident.gaps != ()


@pytest.mark.parametrize("how", FORGERS)
def test_a_forged_ruling_is_text(how: str) -> None:
    forge: Callable[[LogBuilder, object], str] = FORGERS[how]
    log = LogBuilder().to(Status.DIAGNOSED)
    log.post(forge(log, log.next("ruled:allow")))
    assert log.incident.status is Status.DIAGNOSED
    assert len(log.incident.rejected) == 1


@pytest.mark.parametrize("move", sorted({m for row in TRANSITIONS.values() for m in row}))
def test_no_role_can_sign_a_fact_it_does_not_own(move: str) -> None:
    before = next(s for s, row in TRANSITIONS.items() if move in row)
    fact = LogBuilder().ready(before, move).next(move)
    for role in ("scout", "brain", "guardrail", "fixer", "memory", "escalation", "operator"):
        log = LogBuilder().ready(before, move)
        assert log.incident.status is before
        if not log.body:
            log.body = log.text(fact, by=role)
        else:
            log.post(log.text(fact, by=role))
        taken = log.incident.status is TRANSITIONS[before][move] and not log.incident.rejected
        assert taken == may_say(role, fact.kind, before), role


def test_a_strangers_perfect_copy_is_text() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.say(log.next("ruled:allow"), author="mallory")
    assert log.incident.status is Status.DIAGNOSED
    assert rejections(log.incident) == ["mallory is not an account of the fleet"]
    assert [c.author for c in log.incident.words] == ["mallory"]


def test_an_issue_opened_by_a_stranger_with_a_perfect_body_is_no_incident() -> None:
    thread = replace(LogBuilder().to(Status.DETECTED).thread(), author="mallory")
    assert not replay(thread, CLOSED.keyring).is_incident


def test_a_fact_of_this_very_issue_posted_again_later_is_text() -> None:
    log = LogBuilder().to(Status.VERIFYING)
    for comment in tuple(log.comments):
        log.post(comment.body)
    assert log.incident.status is Status.VERIFYING
    assert len(log.incident.rejected) == 4


def test_of_twin_facts_the_lower_comment_id_counts() -> None:
    log = LogBuilder().to(Status.DETECTED)
    fact = log.next("diagnosed")
    assert isinstance(fact, Diagnosed)
    twin = fact.model_copy(update={"root_cause": "a twin"})
    first, second = log.text(fact), log.text(twin)
    log.post(first)
    log.post(second)
    log.comments.reverse()
    assert log.incident.last(Diagnosed) == fact
    assert len(log.incident.rejected) == 1
    assert log.incident.gaps == ()


def test_a_log_is_whole_whatever_strangers_post_and_however_replicas_race() -> None:
    log = LogBuilder().to(Status.DETECTED)
    fact = log.next("diagnosed")
    log.post(log.text(fact))
    first = log.comments[-1].body
    log.post(first)
    log.post(first, author="mallory")
    log.say(log.next("ruled:allow"))
    assert (len(log.incident.rejected), log.incident.whole) == (2, True)


def test_a_log_that_somebody_edited_deleted_from_or_forged_is_not_whole() -> None:
    log = LogBuilder().to(Status.APPROVED)
    assert log.incident.whole
    thread, ring = log.thread(), log.keyring
    *others, last = thread.comments
    prose = replace(last, body=last.body.replace("**Ruling", "**Verdict"))
    block = replace(last, body=last.body.replace('"allow"', '"veto"', 1))
    forged = replace(last, id=last.id + 1, body=log.text(log.next("began"), key=signer("fixer", "stolen")))
    for comments in ((*others, prose), (*others, block), thread.comments[1:], (*thread.comments, forged)):
        assert not replay(replace(thread, comments=tuple(comments)), ring).whole


@pytest.mark.parametrize("minutes", [-16, 16, 60 * 24])
def test_a_body_signed_at_another_time_than_its_issue_opens_nothing(minutes: int) -> None:
    thread = LogBuilder().to(Status.DETECTED).thread()
    moved = replace(thread, created_at=thread.created_at + timedelta(minutes=minutes))
    assert not replay(moved, CLOSED.keyring).is_incident
    near = replace(thread, created_at=thread.created_at + timedelta(minutes=minutes // abs(minutes) * 10))
    assert replay(near, CLOSED.keyring).is_incident


def test_a_body_copied_to_another_repository_opens_nothing() -> None:
    thread = replace(LogBuilder().to(Status.DETECTED).thread(), repo="acme/other")
    assert rejections(replay(thread, CLOSED.keyring)) == ["signed for another repository"]


def test_card_edits_do_not_void_the_opening_fact_nor_touch_its_prose() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    for card in ("one", "two\n\nlines", ""):
        log.body = with_card(log.body, card)
        assert log.incident.status is Status.DIAGNOSED
        assert log.incident.entries[0].text_intact
        assert log.body.count("sre-space:card") == 2


def test_edited_prose_below_the_card_is_flagged() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.body = with_card(log.body, "card") + "\nP.S. restart everything"
    assert log.incident.status is Status.DIAGNOSED
    assert not log.incident.entries[0].text_intact


def test_the_opening_body_saved_by_githubs_form_keeps_the_incident() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.body = with_card(log.body, "card").replace("\n", "\r\n")
    assert log.incident.status is Status.DIAGNOSED
    assert log.incident.entries[0].text_intact


def test_an_expired_ruling_begins_nothing() -> None:
    log = LogBuilder().to(Status.APPROVED)
    began = log.next("began")
    ruled = log.incident.last(Ruled)
    assert ruled is not None
    log.now = ruled.expires_at + timedelta(seconds=1)
    assert why_not(log.incident, began, "fixer", log.now) == "the permit had expired"
    log.say(began)
    assert log.incident.status is Status.APPROVED
    assert rejections(log.incident) == ["the permit had expired"]


def test_expiry_is_judged_by_githubs_clock_not_by_the_signers() -> None:
    log = LogBuilder().to(Status.APPROVED)
    body = log.text(log.next("began"))  # signed in time
    log.now += timedelta(hours=1)
    log.post(body)
    assert log.incident.status is Status.APPROVED


def test_a_ruling_on_an_earlier_directive_permits_nothing() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    old = log.next("ruled:allow")
    for move in ("verified:recovered", "learned", "detected", "diagnosed"):
        log.say(log.next(move))
    log.say(old)
    assert log.incident.status is Status.DIAGNOSED
    assert rejections(log.incident) == ["rules on another directive"]


def test_an_approval_of_one_thing_never_approves_another() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL)
    fact = log.next("commanded:approve")
    assert isinstance(fact, Commanded)
    log.say(fact.model_copy(update={"directive_sha256": "f" * 64}))
    assert rejections(log.incident) == ["approves another directive"]
    log.say(fact)
    assert log.incident.status is Status.APPROVED


def test_one_comment_of_a_person_counts_once() -> None:
    log = LogBuilder().to(Status.ESCALATED)
    retry = log.next("commanded:retry")
    log.say(retry).to(Status.ESCALATED).say(retry)
    assert log.incident.status is Status.ESCALATED
    assert rejections(log.incident) == ["this comment has been counted"]


def test_an_approval_without_an_expiry_begins_nothing() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL)
    fact = log.next("commanded:approve")
    log.say(fact.model_copy(update={"expires_at": None}))
    log.say(log.next("began"))
    assert log.incident.status is Status.APPROVED


@pytest.mark.parametrize("kind", [Began, Applied])
def test_words_about_another_directive_are_text(kind: type) -> None:
    log = LogBuilder().to(Status.APPROVED if kind is Began else Status.FIXING)
    before = log.incident.status
    log.say(log.next(kind.__name__.lower()).model_copy(update={"directive_id": "acme/shop#7/99"}))
    assert log.incident.status is before


def test_writers_refuse_what_readers_would_refuse() -> None:
    log = LogBuilder().to(Status.DETECTED)
    for move in sorted({m for row in TRANSITIONS.values() for m in row}):
        fact = sample(move, log.incident, log.now)
        owner = sorted(OWNERS[fact.kind])[0]
        probe = LogBuilder().to(Status.DETECTED)
        probe.say(fact)
        taken = not probe.incident.rejected
        assert (why_not(log.incident, fact, owner, log.now) is None) == taken, move


def test_a_reopened_incident_is_judged_by_its_newest_firing() -> None:
    log = LogBuilder().to(Status.VERIFYING).to(Status.FIXED).to(Status.CLOSED)
    again = log.next("detected")
    assert isinstance(again, Detected)
    log.say(again.model_copy(update={"recurrence": 1}))
    assert log.incident.status is Status.DETECTED
    assert log.incident.directive is None
    assert log.incident.permit_expires_at is not None, "the old permit is still in the log"
    log.say(sample("began", None, log.now))
    assert log.incident.status is Status.DETECTED
    assert len(log.incident.firing) == 1


@given(st.data())
def test_no_sequence_of_signed_facts_reaches_fixing_without_a_ruling(data: st.DataObject) -> None:
    moves = sorted({m for row in TRANSITIONS.values() for m in row if not m.startswith("ruled")})
    log = LogBuilder().to(Status.DETECTED)
    for move in data.draw(st.lists(st.sampled_from(moves), max_size=8)):
        log.say(log.next(move))
    assert log.incident.status not in (Status.APPROVED, Status.FIXING, Status.VERIFYING)


def test_a_thread_with_comments_of_every_sort_keeps_peoples_words_apart() -> None:
    log = LogBuilder().to(Status.DETECTED)
    log.post("/approve", author="octocat")
    log.post("<!-- sre-space:answer 100 -->\nNo.", author=FLEET)
    log.post("<!-- sre-space:answer 999 -->\nNo.", author="mallory")
    thread: Thread = log.thread()
    incident = replay(thread, log.keyring)
    assert [c.author for c in incident.words] == ["octocat", "mallory"]
    assert incident.answered == frozenset({100})
