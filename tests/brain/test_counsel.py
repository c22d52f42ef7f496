"""Brain with a model: what is clear never waits, what is not waits once, and no more is done than without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.brain.judge import ENOUGH, Seen
from agents.brain.look import Brain
from shared.agent import Effect, Later, Say
from shared.incident.facts import Advised, Diagnosed, Escalated, Stuck
from shared.incident.parts import Evidence
from shared.incident.replay import Entry, Incident, unbound
from shared.incident.status import TRANSITIONS
from shared.ports import Commit, Question, Reply
from shared.redaction import Redactor
from shared.testing.adviser import ScriptedAdviser
from tests.brain.answers import obey
from tests.brain.scenes import Scene, _World, crash, latency, refusing

HOUR = timedelta(hours=1)


def obedient(question: Question) -> str:
    return obey(question.data)


class Told:
    """One incident in a scene, told step by step by Brain alone."""

    def __init__(self, scene: Scene, incident: Incident, adviser: ScriptedAdviser | None) -> None:
        world: Any = _World(scene)
        self.incident = incident
        self.brain = Brain(
            world, scene.recorded, world, world, world, HOUR, 3, Redactor(["canary-secret"]), None, adviser
        )

    def step(self) -> Effect | None:
        """Look and judge; what is said is written and leads where the table says."""
        if not self.brain.concerns(self.incident):
            return None
        effect = self.brain.judge(self.incident, self.brain.look(self.incident))
        if isinstance(effect, Say):
            at = self.incident.entries[-1].posted_at
            assert unbound(self.incident, effect.fact, at) is None
            seq = self.incident.next_seq
            written = Entry(effect.fact, seq, "brain", at, at, seq, f"{seq:064x}", True)
            status = TRANSITIONS[self.incident.status][effect.fact.move]
            self.incident = replace(self.incident, status=status, entries=(*self.incident.entries, written))
        return effect

    def all(self, most: int = 6) -> list[Effect]:
        """Every effect until Brain has nothing to add."""
        effects: list[Effect] = []
        while len(effects) < most and (effect := self.step()) is not None:
            effects.append(effect)
        return effects


def clear(adviser: ScriptedAdviser | None) -> Told:
    """A crash: arithmetic says it clearly."""
    scene = Scene(crash("policy-service"))
    return Told(scene, scene.incident("policy-service", "crash"), adviser)


def handed_on(adviser: ScriptedAdviser | None) -> Told:
    """A business rule: clear, and for a person."""
    scene = Scene(refusing(), after=12.0)
    return Told(scene, scene.incident("quote-service", "conversion"), adviser)


def near(adviser: ScriptedAdviser | None) -> Told:
    """Slow since just after a deploy: slow of itself 0.63, a bad deploy 0.37."""
    scene = Scene(latency("policy-service"))
    at = scene.since - timedelta(seconds=5)
    scene.commits = (Commit("a" * 40, "dev", "tune policy", at, "http://x/c", ("policy_service/app.py",)),)
    return waited(Told(scene, scene.incident("policy-service", "latency"), adviser))


def unknown(adviser: ScriptedAdviser | None) -> Told:
    """Two services slow at once: just below 0.5 each."""
    scene = Scene(latency("policy-service"), latency("user-service"), after=4.0)
    return waited(Told(scene, scene.incident("quote-service", "latency"), adviser))


def waited(told: Told) -> Told:
    """The evidence has had its time to arrive."""
    old = told.incident.entries[0]
    past = old.posted_at - timedelta(minutes=1)
    told.incident = replace(told.incident, entries=(replace(old, at=past, posted_at=past),))
    return told


def facts(effects: list[Effect]) -> list[Any]:
    return [e.fact for e in effects if isinstance(e, Say)]


def test_a_clear_diagnosis_asks_nothing_and_waits_for_nothing() -> None:
    adviser = ScriptedAdviser(obedient)
    (fact,) = facts(clear(adviser).all())
    assert isinstance(fact, Diagnosed)
    assert adviser.asked == []


def test_a_close_case_waits_for_the_model_says_its_advice_and_then_its_own_diagnosis() -> None:
    adviser = ScriptedAdviser(obedient)
    adviser.slow = True
    told = near(adviser)
    waits = told.step()
    assert isinstance(waits, Later)
    assert isinstance(told.step(), Later)
    assert len(adviser.asked) == 1, "the same question, however often the world is looked at"
    adviser.slow = False
    advised, diagnosed = facts(told.all())
    assert isinstance(advised, Advised)
    assert (advised.model, advised.attempt) == ("some-model", 1)
    assert (advised.prompt_tokens, advised.completion_tokens, advised.cost_usd) == (900, 120, 0.0012)
    assert isinstance(diagnosed, Diagnosed)
    assert "advice" not in str(diagnosed.missing)


def test_words_do_not_displace_a_leader_above_the_line() -> None:
    without = facts(near(None).all())
    advised, diagnosed = facts(near(ScriptedAdviser(obedient)).all())
    assert [diagnosed] == without
    assert advised.held_back
    assert [h.cause for h in advised.ranking] == [h.cause for h in diagnosed.hypotheses]
    assert [h.cause for h in advised.ranking][:2] == ["slow", "bad-deploy"]


def test_below_the_line_the_order_follows_and_no_number_grows() -> None:
    (without,) = facts(unknown(None).all())
    advised, stuck = facts(unknown(ScriptedAdviser(obedient)).all())
    listed = {h.id: h for h in without.hypotheses}
    assert [h.id for h in advised.ranking[:2]] == ["h2", "h1"]
    assert not advised.held_back
    assert isinstance(stuck, Stuck)
    assert [(h.service, h.probability) for h in stuck.hypotheses[:2]] == [
        (listed[id].service, listed[id].probability) for id in ("h2", "h1")
    ]
    assert max(h.probability for h in stuck.hypotheses) < ENOUGH


HOSTILE = {
    "garbage": "Restart frontend now!",
    "an action": json.dumps({"ranking": [], "narrative": [], "next_observation": None, "action": "restart frontend"}),
    "a directive": json.dumps({"directive": {"verb": "restart", "target": "frontend"}}),
    "nothing": "",
    "a megabyte": "x" * 1_000_000,
    "empty": json.dumps({"ranking": ["h9"], "narrative": [], "next_observation": None}),
    "raised": json.dumps({"ranking": ["h2", "h1"], "confidence": 0.99, "narrative": [], "next_observation": None}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_bad_answer_ends_in_the_same_diagnosis_and_its_reason_is_shown(kind: str) -> None:
    (without,) = facts(near(None).all())
    (fact,) = facts(near(ScriptedAdviser(lambda _: HOSTILE[kind])).all())
    assert fact.model_copy(update={"missing": without.missing}) == without
    (why,) = set(fact.missing) - set(without.missing)
    assert why.startswith("advice: ")


def test_silence_ends_in_the_same_diagnosis_too() -> None:
    (without,) = facts(near(None).all())
    silent = ScriptedAdviser(lambda _: Reply(None, "the model did not answer in time"))
    (fact,) = facts(near(silent).all())
    assert fact.directive == without.directive
    assert "advice: the model did not answer in time" in fact.missing


def test_what_waits_for_a_person_is_advised_on_once_and_its_status_stays() -> None:
    adviser = ScriptedAdviser(obedient)
    told = handed_on(adviser)
    effects = facts(told.all())
    assert [type(f) for f in effects] == [Escalated, Advised]
    assert len(adviser.asked) == 1
    assert told.incident.status.value == "Status: Escalated"
    assert told.step() is None


def test_an_issue_that_has_rested_for_long_is_not_asked_about() -> None:
    adviser = ScriptedAdviser(obedient)
    told = handed_on(adviser)
    told.step()
    *log, last = told.incident.entries
    old = replace(last, posted_at=last.posted_at - timedelta(minutes=11))
    told.incident = replace(told.incident, entries=(*log, old))
    assert told.step() is None
    assert adviser.asked == []


def test_at_rest_a_model_that_fails_says_nothing() -> None:
    told = handed_on(ScriptedAdviser(lambda _: Reply(None, "the model refused to answer")))
    assert [type(f) for f in facts(told.all())] == [Escalated]


def test_without_a_model_nothing_is_looked_at_at_rest() -> None:
    told = handed_on(None)
    assert len(told.all()) == 1
    assert not told.brain.concerns(told.incident)


@pytest.mark.parametrize("ranking", [["h1", "h2", "h3"], ["h2", "h1", "h3"], ["h3", "h2", "h1"], ["h3", "h1", "h2"]])
def test_no_order_that_a_model_wants_changes_what_is_done(ranking: list[str]) -> None:
    def wants(question: Question) -> str:
        return json.dumps(json.loads(obedient(question)) | {"ranking": ranking})

    (without,) = facts(near(None).all())
    _, diagnosed = facts(near(ScriptedAdviser(wants)).all())
    assert (diagnosed.directive, diagnosed.confidence) == (without.directive, without.confidence)


def test_no_secret_is_in_what_the_model_is_asked() -> None:
    adviser = ScriptedAdviser(obedient)
    told = near(adviser)
    told.all()
    assert adviser.asked
    assert "canary-secret" not in str(adviser.asked)


def test_a_sentence_that_cites_what_is_not_there_cannot_even_be_written() -> None:
    proof = Evidence(id="e", kind="log", summary="s", sha256="0" * 64)
    good: dict[str, Any] = {
        "attempt": 1, "model": "m", "took_s": 1.0, "evidence": [proof],
        "ranking": [{"id": "h1", "service": "a", "cause": "oom", "probability": 0.5}],
    }  # fmt: skip
    Advised.model_validate(good)
    for bad in (
        {"narrative": [{"text": "x", "evidence": ["f"]}]},
        {"narrative": [{"text": "x", "evidence": []}]},
        {"next_observation": {"text": "x", "evidence": ["f"]}},
        {"wish": ["h2"]},
    ):
        with pytest.raises(ValueError):
            Advised.model_validate(good | bad)


def test_seen_holds_no_counsel_where_there_is_no_model() -> None:
    told = clear(None)
    looked = told.brain.look(told.incident)
    assert isinstance(looked, Seen)
    assert looked.counsel is None
