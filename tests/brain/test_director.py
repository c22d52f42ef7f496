"""How the panel adds up, what people may steer, and what it says would settle a doubt."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import pytest

from agents.brain.case import Clue, Source
from agents.brain.director import convene, total
from agents.brain.judge import Seen, judge
from agents.brain.observations import read_of, settle
from shared.agent import Say
from shared.incident.codec import MAX_BODY, Place, encode
from shared.incident.evidence import observation, sha256_of
from shared.incident.facts import Commanded, Diagnosed, Escalated, Steers, Stuck
from shared.incident.parts import Cause, Evidence, EvidenceKind, Hypothesis
from shared.incident.render import render
from shared.incident.replay import Entry, Incident
from shared.testing.log import signer
from tests.brain.scenes import Scene, crash, errors, latency, oom

Steer = Literal["focus", "reject"]


@pytest.fixture(scope="module")
def two() -> Scene:
    """user-service is slow, quote-service fails."""
    return Scene(latency("user-service"), errors("quote-service"))


def commanded(incident: Incident, command: Steer, service: str, cause: Cause) -> Incident:
    steers = Steers(hypothesis="h1", service=service, cause=cause)
    fact = Commanded(
        command=command, login="olivia", permission="write", comment_id=5, comment_sha256="a" * 64, steers=steers
    )
    last = incident.entries[-1]
    entry = Entry(fact, last.seq + 1, "guardrail", last.at, last.at, 5, "1" * 64, True)
    return replace(incident, entries=(*incident.entries, entry))


def clue(source: Source, weight: float) -> Clue:
    return Clue("x", source, "s", "slow", weight, "", ())


def test_clues_of_one_place_are_not_added_up_and_places_are() -> None:
    assert total([clue("traces", 4.0), clue("traces", 5.0)]) == 5.0
    assert total([clue("traces", 5.0), clue("traces", -1.0), clue("traces", -0.5)]) == 4.0
    assert total([clue("traces", 5.0), clue("engine", 4.0), clue("commits", -1.0)]) == 8.0


def test_votes_show_who_agrees_who_dissents_and_how_it_fits(two: Scene) -> None:
    incident = two.incident("quote-service", "errors")
    panel = convene(incident, two.seen(incident).case)
    votes = {v.analyst: v for v in panel.leading.votes}
    assert (panel.leading.service, panel.leading.cause) == ("quote-service", "errors")
    assert votes["logic"].nats > 0
    assert votes["traces"].nats < 0, "it ranks the slow service first"
    assert votes["fit"].nats > 0
    slow = next(h for h in panel.hypotheses if h.cause == "slow" and h.service == "user-service")
    assert {v.analyst for v in slow.votes if v.nats > 0} >= {"compute", "traces"}
    assert sum(h.probability for h in panel.hypotheses) == pytest.approx(1.0, abs=1e-3)
    assert panel.hypotheses[-1].cause == "unknown" or any(h.cause == "unknown" for h in panel.hypotheses)


def test_a_rejected_hypothesis_is_left_out_and_the_next_one_leads(two: Scene) -> None:
    incident = commanded(two.incident("quote-service", "errors"), "reject", "quote-service", "errors")
    effect = judge(incident, two.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Diagnosed)
    assert (effect.fact.service, effect.fact.cause) == ("user-service", "slow")
    assert ("quote-service", "errors") not in {(h.service, h.cause) for h in effect.fact.hypotheses}
    assert effect.fact.steered == "/reject errors in quote-service by olivia"


def test_a_focused_hypothesis_leads_and_is_no_likelier_for_it(two: Scene) -> None:
    plain = two.incident("quote-service", "errors")
    before = next(h for h in convene(plain, two.seen(plain).case).hypotheses if h.cause == "slow")
    incident = commanded(plain, "focus", before.service, before.cause)
    effect = judge(incident, two.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Diagnosed)
    assert (effect.fact.service, effect.fact.cause) == (before.service, "slow")
    assert effect.fact.confidence == pytest.approx(before.probability)
    assert effect.fact.confidence < 0.6, "the policy asks a person before it acts on that"


def test_a_focus_that_no_evidence_speaks_for_changes_nothing_and_is_said(two: Scene) -> None:
    incident = commanded(two.incident("quote-service", "errors"), "focus", "frontend", "oom")
    effect = judge(incident, two.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Diagnosed)
    assert effect.fact.service == "quote-service"
    assert "no evidence speaks for oom in frontend, which is in focus" in effect.fact.missing


def test_with_everything_rejected_brain_says_at_once_that_it_does_not_know() -> None:
    scene = Scene(crash("user-service"), after=1.0)
    incident = scene.incident("user-service", "crash")
    for h in convene(incident, scene.seen(incident).case).hypotheses:
        incident = commanded(incident, "reject", h.service, h.cause)
    effect = judge(incident, scene.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Stuck)
    assert "/reject crash in user-service" in effect.fact.steered


def test_a_change_that_no_restart_mends_is_handed_on_with_the_panel_and_the_exhibit(two: Scene) -> None:
    seen = two.seen(two.incident("quote-service", "errors"))
    tired = Seen(seen.case, seen.now, seen.window, 0)
    effect = judge(two.incident("quote-service", "errors"), tired)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Escalated)
    assert effect.fact.hypotheses
    assert effect.fact.exhibit is not None


def test_the_exhibit_is_the_worst_trace_beside_a_normal_one_with_its_hash(two: Scene) -> None:
    incident = two.incident("user-service", "latency")
    effect = judge(incident, two.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Diagnosed)
    shown = effect.fact.exhibit
    assert shown is not None
    assert "user-service" in shown.worst
    assert "user-service" in shown.difference
    assert shown.normal
    assert {shown.worst_trace_id, shown.normal_trace_id} <= set(two.recorded.spans)
    assert shown.sha256 == sha256_of([shown.worst, shown.normal, shown.difference])
    body = encode(effect.fact, render(effect.fact), Place("o/r", 7, 1, "0" * 64), two.since, signer("brain"))
    assert len(body) < MAX_BODY / 2
    assert render(effect.fact).startswith(
        "**Root Cause: slow in its own code** in `user-service` · **MITIGATION: RESTART"
    )


def test_without_traces_or_containers_less_is_said_and_why(two: Scene) -> None:
    scene = Scene(oom("policy-service"), after=1.0)
    incident = scene.incident("policy-service", "oom")
    case = scene.seen(incident).case
    assert convene(incident, case).leading.probability == pytest.approx(0.99)
    blind = convene(incident, replace(case, during=(), baseline=()))
    assert blind.leading.probability == pytest.approx(0.9)
    assert "degraded: no traces of the incident, so no cause is said with more than 0.9" in blind.notes
    incident = two.incident("user-service", "latency")
    without = convene(incident, replace(two.seen(incident).case, containers={}))
    assert without.leading.probability == pytest.approx(0.7)
    assert "degraded: no containers, so no cause is said with more than 0.7" in without.notes


def hypothesis(id: str, service: str, cause: Cause, *evidence: str) -> Hypothesis:
    return Hypothesis(id=id, service=service, cause=cause, probability=0.4, why="w", evidence=evidence)


def proof(id: str, kind: EvidenceKind) -> Evidence:
    return observation(id, kind, "seen", id)


@pytest.mark.parametrize(
    ("first", "second", "cited", "cost", "words"),
    [
        (("a", "hang"), ("a", "network"), (), "look", "state and health of a's container"),
        (("a", "hang"), ("a", "network"), ("container", "log"), "query", "compare one trace through a"),
        (("a", "slow"), ("b", "slow"), ("trace",), "query", "compare one trace through b"),
        (("a", "bad-deploy"), ("a", "slow"), (), "look", "committed to a"),
        (("a", "bad-deploy"), ("a", "unknown"), ("commit",), "ask", "who runs a"),
        (("a", "network"), ("a", "unknown"), ("trace",), "probe", "past its callers and without a restart"),
        (("a", "saturation"), ("a", "unknown"), ("metric",), "ask", "who runs what a depends on"),
    ],
)
def test_the_cheapest_observation_that_nobody_made_and_that_tells_the_two_apart(
    first: tuple[str, Cause], second: tuple[str, Cause], cited: tuple[EvidenceKind, ...], cost: str, words: str
) -> None:
    proofs = tuple(proof(f"e{n}", kind) for n, kind in enumerate(cited))
    ids = tuple(p.id for p in proofs)
    found = settle((hypothesis("h1", *first, *ids), hypothesis("h2", *second)), proofs, {"z": frozenset()})
    assert found is not None
    assert found.cost == cost
    assert words in found.observation


def test_what_brain_has_read_is_no_observation_to_be_made(two: Scene) -> None:
    pair = hypothesis("h1", "a", "hang"), hypothesis("h2", "a", "network")
    found = settle(pair, (), {"a": frozenset(("container", "trace"))})
    assert found is not None
    assert found.observation == "read the last log lines of a"
    case = two.seen(two.incident("user-service", "latency")).case
    assert read_of(case, {"user-service", "nobody"}) == {
        "user-service": {"container", "trace", "incident"},
        "nobody": {"incident"},
    }
    assert read_of(replace(case, containers={}, during=()), {"user-service"}) == {"user-service": {"incident"}}


def test_a_look_at_six_hundred_traces_takes_well_under_a_fifth_of_a_second(two: Scene) -> None:
    incident = two.incident("frontend", "errors")
    case = two.seen(incident).case
    many = replace(case, baseline=(case.baseline * 3)[:300], during=(case.during * 20)[:300])
    took = []
    for _ in range(3):
        began = time.process_time()
        convene(incident, many)
        took.append(time.process_time() - began)
    assert min(took) < 0.2
