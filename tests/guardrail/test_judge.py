"""Guardrail's judgement: a ruling prints every predicate; only permitted people's own words count."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.guardrail.judge import Seen, Spoken, judge
from agents.guardrail.look import actions, confidence, newest, uncited
from shared.agent import Answer, Label, Later, Say
from shared.incident.change import MergePull, Order, RevertCommit, SetMemory, SetReplicas
from shared.incident.commands import Command
from shared.incident.facts import Applied, Commanded, Detected, Diagnosed, Ruled, Steers, Verified, parse_fact
from shared.incident.parts import Directive, Evidence, Hypothesis, Observed
from shared.incident.render import render
from shared.incident.replay import Entry, Incident
from shared.incident.situation import MOST_ACTIONS, Action, Situation
from shared.incident.status import Status
from shared.policy.model import Policy, parse_policy
from shared.policy.rules import rule
from shared.testing.log import LogBuilder

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEEN = Observed(container_id="a" * 64, started_at="t0", image="i")
PROOF = Evidence(id="e1", kind="event", summary="seen", sha256="0" * 64)
DETECTED = Detected(
    service="policy-service",
    symptom="oom",
    fingerprint="f" * 64,
    severity="critical",
    summary="killed",
    since=NOW,
    evidence=(PROOF,),
)
DIAGNOSED = Diagnosed(
    attempt=1,
    root_cause="OOM",
    cause="oom",
    service="policy-service",
    confidence=0.9,
    hypotheses=(
        Hypothesis(id="h1", service="policy-service", cause="oom", probability=0.9, why="w", evidence=("e1",)),
    ),
    evidence=(PROOF,),
    directive=Directive(id="o/r#7/a1", verb="restart", target="policy-service", observed=SEEN, undo="none needed"),
)
CALM = Situation(
    now=NOW,
    frozen=False,
    held=False,
    gaps=(),
    observed=SEEN,
    managed=True,
    confidence=0.9,
    uncited=(),
    actions=(),
    acting_elsewhere=0,
    healthy={},
)


def calm(**changes: Any) -> Situation:
    """CALM, but for these."""
    return CALM.model_copy(update=changes)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy((Path(__file__).parents[2] / "deploy" / "policy.yaml").read_text())


def entries(*facts: Any) -> tuple[Entry, ...]:
    return tuple(Entry(f, n, "x", NOW, NOW, n, f"{n:064x}", True) for n, f in enumerate(facts))


def diagnosed(status: Status = Status.DIAGNOSED) -> Incident:
    return Incident("o/r", 7, "u", status, entries(DETECTED, DIAGNOSED))


def spoken(name: str, permission: str = "write", *arguments: str) -> Spoken:
    return Spoken(Command(name, arguments, "alice", 41, "c" * 64), permission)


def test_a_calm_directive_is_allowed_bound_to_its_hash_and_expires(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (), CALM), policy)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Ruled)
    assert effect.fact.ruling == "allow"
    assert effect.fact.directive_sha256 == DIAGNOSED.directive.digest
    assert effect.fact.expires_at == NOW + timedelta(minutes=2)
    assert len(effect.fact.predicates) > 10


def test_a_freeze_is_waited_for_and_not_ruled_upon(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (), calm(frozen=True)), policy)
    assert isinstance(effect, Later)
    assert "freeze" in effect.why


def test_an_unmanaged_container_is_vetoed(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (), calm(managed=False)), policy)
    assert isinstance(effect, Say)
    assert effect.fact.move == "ruled:veto"


def test_a_world_that_moved_on_sends_the_incident_back_to_the_diagnosis(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (), calm(observed=None)), policy)
    assert isinstance(effect, Say)
    assert effect.fact.move == "ruled:stale"


def test_an_approval_is_bound_to_the_directive_the_comment_and_a_time(policy: Policy) -> None:
    effect = judge(diagnosed(Status.NEEDS_APPROVAL), Seen(NOW, (spoken("approve"),), None), policy)
    assert isinstance(effect, Say)
    fact = effect.fact
    assert isinstance(fact, Commanded)
    assert (fact.directive_sha256, fact.comment_id, fact.login) == (DIAGNOSED.directive.digest, 41, "alice")
    assert fact.expires_at == NOW + timedelta(minutes=15)


@pytest.mark.parametrize("permission", ["none", "read", "triage", "MEMBER", "admin "])
def test_a_command_without_write_permission_is_answered_and_does_nothing(policy: Policy, permission: str) -> None:
    effect = judge(diagnosed(Status.NEEDS_APPROVAL), Seen(NOW, (spoken("approve", permission),), None), policy)
    assert isinstance(effect, Answer)
    assert effect.text.startswith("Refused")


def test_an_approval_where_none_is_asked_for_is_refused_in_words(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (spoken("approve"),), None), policy)
    assert isinstance(effect, Answer)
    assert "does not fit" in effect.text


def test_hold_puts_the_label_and_unhold_takes_it(policy: Policy) -> None:
    hold = judge(diagnosed(), Seen(NOW, (spoken("hold"),), None), policy)
    lift = judge(diagnosed(), Seen(NOW, (spoken("unhold"),), None), policy)
    assert isinstance(hold, Label)
    assert isinstance(lift, Label)
    assert (hold.present, lift.present) == (True, False)


def test_an_escalation_says_whom_it_names_and_a_name_that_nobody_has_is_refused(policy: Policy) -> None:
    log = diagnosed(Status.NEEDS_HUMAN)
    named = judge(log, Seen(NOW, (spoken("escalate", "write", "Copilot"),), None), policy)
    assert isinstance(named, Say)
    assert isinstance(named.fact, Commanded)
    assert named.fact.to == "copilot"
    assert "to `copilot` by" in render(named.fact, log)
    unknown = judge(log, Seen(NOW, (spoken("escalate", "write", "@everyone"),), None), policy)
    assert isinstance(unknown, Answer)
    assert "say one of jules, copilot" in unknown.text
    plain = judge(log, Seen(NOW, (spoken("escalate"),), None), policy)
    assert isinstance(plain, Say)
    assert '"to"' not in plain.fact.canonical(), "as it was written before there was a name"


def test_a_ruling_can_be_made_again_from_its_own_text(policy: Policy) -> None:
    seen = calm(
        now=NOW + timedelta(seconds=0.123456),
        actions=(Action(target="policy-service", verb="restart", at=NOW - timedelta(seconds=2)),),
        healthy={"frontend": False, "user-service": True},
        confidence=0.1 + 0.2,
    )
    log = diagnosed()
    effect = judge(log, Seen(seen.now, (), calm(confidence=0.1 + 0.2, healthy=seen.healthy)), policy)
    assert isinstance(effect, Say)
    read = parse_fact(json.loads(effect.fact.canonical()))
    assert isinstance(read, Ruled)
    assert read.situation is not None
    assert log.directive is not None
    assert rule(policy, log.directive, read.situation).predicates == read.predicates
    again = Situation.model_validate_json(seen.canonical())
    assert again == seen
    assert rule(policy, log.directive, again) == rule(policy, log.directive, seen)


def test_a_situation_that_is_too_large_for_a_comment_is_ruled_on_and_left_out(policy: Policy) -> None:
    large = calm(healthy={f"service-{n:04}": True for n in range(1000)})
    effect = judge(diagnosed(), Seen(NOW, (), large), policy)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Ruled)
    assert (effect.fact.move, effect.fact.situation) == ("ruled:allow", None)


def test_no_budget_seems_unspent_because_old_actions_are_left_out(policy: Policy) -> None:
    done = [Action(target="a", verb="restart", at=NOW - timedelta(seconds=n)) for n in range(300)]
    kept = newest(done, policy)
    assert len(kept) == MOST_ACTIONS
    assert kept[-1].at == NOW
    wide = policy.model_copy(update={"limits": policy.limits.model_copy(update={"actions_in_all": 200})})
    assert rule(wide, DIAGNOSED.directive, calm(actions=newest(done, wide))).outcome == "veto"


def test_a_hold_goes_before_everything_else_that_people_said(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (spoken("explain"), spoken("approve"), spoken("hold")), CALM), policy)
    assert isinstance(effect, Label)


def test_a_stranger_who_talks_does_not_keep_the_ruling_waiting(policy: Policy) -> None:
    strangers = tuple(spoken("approve", "read") for _ in range(3))
    effect = judge(diagnosed(), Seen(NOW, strangers, CALM), policy)
    assert isinstance(effect, Say)
    assert effect.fact.move == "ruled:allow"


def test_strangers_cannot_spend_the_write_budget_on_refusals(policy: Policy) -> None:
    talked_to = replace(diagnosed(Status.VERIFYING), answered=frozenset(range(5)))
    assert judge(talked_to, Seen(NOW, (spoken("hold", "read"),), None), policy) is None
    held = judge(talked_to, Seen(NOW, (spoken("hold", "read"), spoken("hold")), None), policy)
    assert isinstance(held, Label), "a permitted person is heard all the same"


def test_a_hypothesis_is_rejected_by_its_id_and_the_fact_says_what_it_stood_for(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (spoken("reject", "write", "H1"),), CALM), policy)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Commanded)
    assert effect.fact.steers == Steers(hypothesis="h1", service="policy-service", cause="oom")


@pytest.mark.parametrize("arguments", [(), ("h9",), ("h1; restart everything",)])
def test_a_hypothesis_nobody_listed_is_refused_in_words(policy: Policy, arguments: tuple[str, ...]) -> None:
    effect = judge(diagnosed(), Seen(NOW, (spoken("focus", "write", *arguments),), CALM), policy)
    assert isinstance(effect, Answer)
    assert "listed are h1" in effect.text


def test_who_may_only_read_steers_nothing(policy: Policy) -> None:
    effect = judge(diagnosed(Status.NEEDS_HUMAN), Seen(NOW, (spoken("reject", "read", "h1"),), None), policy)
    assert isinstance(effect, Answer)
    assert "needs write permission" in effect.text


def test_explain_tells_the_story_from_facts(policy: Policy) -> None:
    effect = judge(diagnosed(), Seen(NOW, (spoken("explain", "read"),), None), policy)
    assert isinstance(effect, Answer)
    assert "detected" in effect.text
    assert "`OOM`" in effect.text


def test_actions_are_read_from_the_log_with_their_outcome() -> None:
    applied = Applied(directive_id="o/r#7/a1", before=SEEN, after=SEEN, took_s=1.0, settled=False)
    failed = Verified(outcome="unhealthy", detail="d", held_s=0.0, measures=())
    log = Incident("o/r", 7, "u", Status.DETECTED, entries(DETECTED, DIAGNOSED, applied, failed))
    assert [(a.target, a.effective) for a in actions(log)] == [("policy-service", False)]


def test_a_diagnosis_that_names_evidence_it_does_not_hold_is_uncited() -> None:
    assert uncited(DIAGNOSED) == ()
    assert uncited(DIAGNOSED.model_copy(update={"evidence": ()})) == ("e1",)
    assert uncited(DIAGNOSED.model_copy(update={"hypotheses": ()})) == ("none",)


def changing(change: Order) -> Directive:
    return Directive(
        id="o/r#7/a1",
        verb=change.verb,
        target="policy-service",
        observed=None,
        undo="back",
        change=change,
        base="e" * 40,
    )


@pytest.mark.parametrize(
    ("change", "head", "outcome"),
    [
        (RevertCommit(commit="d" * 40, paths=("a",)), "e" * 40, "allow"),
        (RevertCommit(commit="d" * 40, paths=("a",)), "f" * 40, "stale"),
        (RevertCommit(commit="d" * 40, paths=("a",)), None, "stale"),
        (SetMemory(service="policy-service", before=192, after=288), "e" * 40, "allow"),
        (SetMemory(service="policy-service", before=192, after=385), "e" * 40, "veto"),
        (SetMemory(service="policy-service", before=400, after=513), "e" * 40, "veto"),
        (SetReplicas(service="policy-service", before=1, after=2), "e" * 40, "veto"),
        (MergePull(number=3, head="f" * 40), "e" * 40, "needs-approval"),
    ],
)
def test_a_change_is_ruled_by_its_bounds_its_base_and_its_verb(
    policy: Policy, change: Order, head: str | None, outcome: str
) -> None:
    verdict = rule(policy, changing(change), calm(head=head, observed=None))
    assert verdict.outcome == outcome, verdict.failed


def test_without_a_bound_in_the_policy_nothing_is_raised(policy: Policy) -> None:
    bare = policy.catalogue["set-memory"].model_copy(update={"max_mib": None, "max_factor": None})
    unbounded = policy.model_copy(update={"catalogue": {**policy.catalogue, "set-memory": bare}})
    change = changing(SetMemory(service="policy-service", before=192, after=193))
    assert rule(unbounded, change, calm(head="e" * 40)).outcome == "veto"


def test_of_others_pull_request_confidence_is_its_proof() -> None:
    log = LogBuilder().to(Status.ESCALATED).do("dispatched", "proposed", "proved:others")
    assert (confidence(log.incident), uncited(log.incident.way[0].fact)) == (1.0, ())


@pytest.mark.parametrize(
    ("last", "effective"),
    [
        (("deployed:failed",), False),
        (("deployed:running", "verified:ineffective"), False),
        (("deployed:running", "verified:healthy"), True),
        (("deployed:running",), None),
    ],
)
def test_a_change_that_failed_to_deploy_or_to_help_counts_against_its_verb(
    last: tuple[str, ...], effective: bool | None
) -> None:
    log = LogBuilder()
    log.change = True
    log.to(Status.FIXING).do("proposed", "proved:policy", "merged", *last)
    assert [(a.verb, a.effective) for a in actions(log.incident)] == [("revert-commit", effective)]
