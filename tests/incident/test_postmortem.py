"""The post-mortem: from facts, blameless, with people, failures and refusals, and nothing that no fact says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.incident.facts import AnyFact, Commanded, Detected, Diagnosed, Learned
from shared.incident.postmortem import PostMortem, accounts, postmortem
from shared.incident.render import render, render_postmortem
from shared.incident.replay import Incident
from shared.testing.log import LogBuilder
from shared.testing.samples import sample
from tests.incident.test_render import CORPUS, check


def _learned() -> Learned:
    fact = sample("learned")
    assert isinstance(fact, Learned)
    return fact


LEARNED = _learned()
TROUBLED = (
    "detected", "diagnosed", "ruled:allow", "began", "applied", "verified:unhealthy", "advised", "diagnosed",
    "ruled:allow", "refused", "diagnosed", "ruled:needs-approval", "commanded:approve", "began", "applied",
    "verified:healthy",
)  # fmt: skip


def incident(*moves: str) -> Incident:
    return LogBuilder().do(*(moves or TROUBLED)).incident


def told(*moves: str) -> PostMortem:
    return postmortem(incident(*moves), LEARNED)


def test_it_tells_what_was_tried_what_worked_and_what_was_wrong() -> None:
    story = told()
    assert [line.partition(") ")[2] for line in story.tried] == [
        "did not help, as verified",
        "was not done: its precondition did not hold",
        "helped, as verified; a person approved it",
    ]
    assert len(story.worked) == 1
    assert any("did not help" in line for line in story.wrong)
    assert any("changed meanwhile" in line for line in story.wrong)
    assert any("traces: the store did not answer" in line for line in story.wrong)
    assert any(line.startswith("Find out why: a restart ended oom") for line in story.follow_ups)
    assert story.ending == "worked"


def test_its_timeline_has_every_fact_with_people_failures_and_refusals() -> None:
    story, log = told(), incident()
    assert len(story.timeline) == len(log.entries)
    assert "octocat" in {m.who for m in story.timeline}
    whats = " ".join(m.what for m in story.timeline)
    assert "/approve" in whats
    assert "refused" in whats
    assert "verified unhealthy" in whats


@pytest.mark.parametrize("position", range(1, len(TROUBLED)))
def test_a_fact_that_is_not_there_is_not_told(position: int) -> None:
    log = incident()
    short = replace(log, entries=(*log.entries[:position], *log.entries[position + 1 :]))
    assert len(postmortem(short, LEARNED).timeline) == len(TROUBLED) - 1
    gone = log.entries[position].fact
    if isinstance(gone, Commanded):
        assert "octocat" not in render_postmortem(short, LEARNED, 1)


def test_an_incident_that_went_away_by_itself_claims_no_action() -> None:
    story = told("detected", "verified:recovered")
    assert (story.tried, story.worked, story.ending, story.root_cause) == ((), (), "recovered", "unknown")
    text = render(LEARNED, incident("detected", "verified:recovered"))
    assert "It ended without an action of the fleet" in text
    assert "Ended by an action" not in text


def test_a_models_words_stand_apart_and_are_marked() -> None:
    text = render(LEARNED, incident())
    marked = text.index("A model's words, evidence for nothing")
    assert text.index("The process was killed by the kernel") > marked
    assert "A model's words" not in render(LEARNED, incident("detected", "verified:recovered"))


def test_each_firing_has_its_own() -> None:
    log = incident(*TROUBLED, "learned", "detected", "verified:recovered", "learned")
    (first, one), (second, two) = accounts(log)
    assert (first, second) == (1, 2)
    assert len(postmortem(log, one, 1).timeline) == len(TROUBLED) + 1
    assert postmortem(log, two, 2).ending == "recovered"
    with pytest.raises(LookupError):
        postmortem(log, one, 3)


@pytest.mark.parametrize("poison", CORPUS, ids=lambda p: ascii(p[:30]))
def test_hostile_words_in_the_log_show_as_text(poison: str) -> None:
    log = incident()
    detected, diagnosed = log.all(Detected)[0], log.all(Diagnosed)[0]
    worse = detected.model_copy(update={"summary": poison})
    wrong = diagnosed.model_copy(update={"missing": (poison,), "root_cause": poison, "remembered": (poison,)})
    dirty: dict[str, AnyFact] = {"detected": worse, "diagnosed": wrong}
    entries = tuple(replace(e, fact=dirty.get(e.fact.kind, e.fact)) for e in log.entries)
    check(LEARNED, replace(log, entries=entries))
    check(wrong, log)
