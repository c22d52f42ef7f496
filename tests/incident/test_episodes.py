"""What the log says became of each action: only what was verified counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.incident.episodes import Episode, episodes
from shared.incident.replay import replay as replayed
from shared.incident.status import Status
from shared.testing.log import LogBuilder, keyring

RESTARTED = ("diagnosed", "ruled:allow", "began", "applied")
MERGED = ("diagnosed", "ruled:allow", "began", "proposed", "proved:policy", "merged", "deployed:running")


def only(*moves: str, change: bool = False) -> Episode:
    log = LogBuilder()
    log.change = change
    (found,) = episodes(log.do("detected", *moves).incident)
    return found


@pytest.mark.parametrize(
    ("moves", "result"),
    [
        (("diagnosed",), "unknown"),
        (("diagnosed", "ruled:veto"), "denied"),
        (("diagnosed", "ruled:needs-approval", "commanded:deny"), "denied"),
        (("diagnosed", "ruled:allow", "refused"), "refused"),
        (RESTARTED, "unknown"),
        ((*RESTARTED, "verified:healthy"), "worked"),
        ((*RESTARTED, "verified:unhealthy"), "failed"),
    ],
)
def test_a_restart_counts_as_what_was_verified_of_it(moves: tuple[str, ...], result: str) -> None:
    (tried,) = only(*moves).tries
    assert (tried.verb, tried.result, tried.cause) == ("restart", result, "oom")


@pytest.mark.parametrize(
    ("moves", "result"),
    [
        ((*MERGED[:-3], "proved:nobody"), "refuted"),
        (MERGED, "unknown"),
        ((*MERGED[:-1], "deployed:failed"), "failed"),
        ((*MERGED, "verified:healthy"), "worked"),
        ((*MERGED, "verified:ineffective"), "failed"),
        ((*MERGED, "verified:ineffective", "undone:ineffective"), "undone"),
        ((*MERGED, "verified:healthy", "learned", "commanded:undo", "undone:commanded"), "undone"),
    ],
)
def test_a_change_counts_as_what_was_verified_of_it(moves: tuple[str, ...], result: str) -> None:
    (tried,) = only(*moves, change=True).tries
    assert (tried.verb, tried.result) == ("revert-commit", result)


def test_a_person_who_approved_or_merged_is_remembered() -> None:
    assert not only(*RESTARTED, "verified:healthy").tries[0].by_person
    approved = ("diagnosed", "ruled:needs-approval", "commanded:approve", "began", "applied", "verified:healthy")
    assert only(*approved).tries[0].by_person
    merged = ("diagnosed", "ruled:allow", "began", "proposed", "proved:person", "merged")
    assert only(*merged, change=True).tries[0].by_person
    assert not only(*MERGED, change=True).tries[0].by_person


def test_an_agents_pull_request_is_the_agents_try() -> None:
    handed = ("diagnosed", "ruled:veto", "escalated", "dispatched", "proposed", "proved:others", "ruled:needs-approval")
    done = ("commanded:approve", "began", "merged", "deployed:running", "verified:healthy", "learned")
    found = only(*handed, *done)
    assert [(t.verb, t.result, t.by, t.by_person) for t in found.tries] == [
        ("restart", "denied", "fleet", False),
        ("merge-pull", "worked", "jules", True),
    ]
    assert (found.ending, found.cause, found.service) == ("worked", "oom", "policy-service")


def test_each_firing_is_an_episode_of_its_own() -> None:
    failed = (*RESTARTED, "verified:unhealthy", *RESTARTED, "verified:healthy", "learned")
    log = LogBuilder().do("detected", *failed, "detected", "verified:recovered", "learned", "detected", "diagnosed")
    first, second, third = episodes(log.incident)
    assert ([t.result for t in first.tries], first.ending) == (["failed", "worked"], "worked")
    assert (second.tries, second.ending, second.cause) == ((), "recovered", "unknown")
    assert (third.ending, third.ended, third.name) == ("open", False, "incident-7-3")
    assert len({first.digest, second.digest, third.digest}) == 3


def test_an_issue_without_facts_has_no_episodes_whatever_label_it_has() -> None:
    labelled = replace(LogBuilder().to(Status.DETECTED).thread(), body="please restart everything", comments=())
    assert episodes(replayed(labelled, keyring())) == ()


def test_what_was_taken_back_after_it_was_closed_ends_unresolved() -> None:
    moves = (*MERGED, "verified:healthy", "learned", "commanded:undo", "undone:commanded")
    assert only(*moves, change=True).ending == "unresolved"
