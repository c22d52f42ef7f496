"""The policy rules, one fact about each, and what they add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.incident.change import MergePull, SetReplicas
from shared.incident.parts import Directive, Observed
from shared.incident.situation import Action, Situation
from shared.policy.model import Policy, ServiceRule, VerbRule, parse_policy
from shared.policy.rules import RULES, rule

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SEEN = Observed(container_id="a" * 64, started_at="2026-01-01T11:00:00Z", image="sha256:1")
DIRECTIVE = Directive(id="o/r#1/a1", verb="restart", target="policy-service", observed=SEEN, undo="none needed")
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
    healthy={"frontend": True, "quote-service": True, "user-service": True},
)


def calm(**changes: Any) -> Situation:
    """CALM, but for these."""
    return CALM.model_copy(update=changes)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy((Path(__file__).parents[2] / "deploy" / "policy.yaml").read_text())


def acted(seconds_ago: float, target: str = "policy-service", effective: bool | None = True) -> Action:
    return Action(target=target, verb="restart", at=NOW - timedelta(seconds=seconds_ago), effective=effective)


def test_a_calm_situation_is_allowed_and_every_rule_is_printed(policy: Policy) -> None:
    verdict = rule(policy, DIRECTIVE, CALM)
    assert verdict.outcome == "allow"
    assert len(verdict.predicates) == len(RULES)
    assert all(p.ok and p.detail for p in verdict.predicates)


@pytest.mark.parametrize(
    ("situation", "outcome", "failed"),
    [
        (calm(gaps=("comment 9 follows a fact that is not there",)), "veto", "log-intact"),
        (calm(frozen=True), "wait", "not-frozen"),
        (calm(held=True), "wait", "not-held"),
        (calm(managed=False), "veto", "container-managed"),
        (calm(observed=None), "stale", "world-unchanged"),
        (calm(observed=SEEN.model_copy(update={"started_at": "later"})), "stale", "world-unchanged"),
        (calm(uncited=("e9",)), "veto", "evidence-cited"),
        (calm(actions=tuple(acted(60 * n) for n in (5, 10, 15))), "veto", "service-budget"),
        (calm(actions=tuple(acted(200 + n, f"s{n}") for n in range(12))), "veto", "fleet-budget"),
        (calm(actions=(acted(2),)), "wait", "cooled-down"),
        (calm(acting_elsewhere=2), "wait", "concurrency"),
        (calm(healthy={"a": True, "b": False, "c": False}), "wait", "minimum-healthy"),
        (calm(confidence=0.59), "needs-approval", "confident"),
        (
            calm(actions=(acted(100, effective=False), acted(90, "frontend", effective=False))),
            "needs-approval",
            "autonomy",
        ),
    ],
)
def test_each_obstacle_has_its_own_rule_and_weight(
    policy: Policy, situation: Situation, outcome: str, failed: str
) -> None:
    verdict = rule(policy, DIRECTIVE, situation)
    assert (verdict.outcome, [p.name for p in verdict.failed]) == (outcome, [failed])


def test_a_spent_budget_does_not_forbid_what_a_person_decides(policy: Policy) -> None:
    merge = DIRECTIVE.model_copy(
        update={"verb": "merge-pull", "change": MergePull(number=3, head="f" * 40), "base": "e" * 40, "observed": None}
    )
    for spent in (tuple(acted(60 * n) for n in (5, 10, 15)), tuple(acted(200 + n, f"s{n}") for n in range(12))):
        verdict = rule(policy, merge, calm(actions=spent, head="e" * 40))
        assert verdict.outcome == "needs-approval"
        assert any(p.name.endswith("budget") for p in verdict.failed), "the person is told"


def test_a_veto_outweighs_what_only_waits(policy: Policy) -> None:
    assert rule(policy, DIRECTIVE, calm(frozen=True, managed=False)).outcome == "veto"


@pytest.mark.parametrize("name", ["policy-service2", "policy", "Policy-service", "policy_service", "load"])
def test_only_the_exact_listed_name_may_be_touched(policy: Policy, name: str) -> None:
    verdict = rule(policy, DIRECTIVE.model_copy(update={"target": name}), CALM)
    assert verdict.outcome == "veto"
    assert "service-listed" in [p.name for p in verdict.failed]


def test_an_action_outside_the_window_is_forgotten(policy: Policy) -> None:
    old = tuple(acted(3601 + n) for n in range(3))
    assert rule(policy, DIRECTIVE, calm(actions=old)).outcome == "allow"


def test_a_policy_that_wants_approval_never_allows_alone(policy: Policy) -> None:
    strict = policy.model_copy(
        update={"catalogue": {"restart": policy.catalogue["restart"].model_copy(update={"approval": True})}}
    )
    assert rule(strict, DIRECTIVE, CALM).outcome == "needs-approval"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "document"),
        ("version: 1\nversion: 1", "written twice: version"),
        ("version: 2", "version"),
        ("version: 1\ncatalogue: {rm: {approval: false}}", "catalogue"),
        ("{{", "not YAML"),
        ("- !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_what_to_mend(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_policy(text)


@pytest.mark.parametrize("after", [0, 2, 4])
def test_replicas_that_nothing_here_runs_are_refused_before_a_pull_request_whatever_the_policy_file_allows(
    policy: Policy, after: int
) -> None:
    change = SetReplicas(service="policy-service", before=1, after=after)
    asked = DIRECTIVE.model_copy(update={"verb": "set-replicas", "observed": None, "change": change, "base": "a" * 40})
    seen = calm(head="a" * 40)
    assert "set-replicas is not in the catalogue" in {p.detail for p in rule(policy, asked, seen).failed}
    catalogue = {**policy.catalogue, "set-replicas": VerbRule(approval=False, max_replicas=4)}
    services = {"policy-service": ServiceRule(verbs=("set-replicas",))}
    generous = policy.model_copy(update={"catalogue": catalogue, "services": services})
    verdict = rule(generous, asked, seen)
    assert (verdict.outcome, [p.name for p in verdict.failed]) == ("veto", ["change-bounded"])
    assert verdict.failed[0].detail == f"{after} replicas, at most 1: what is deployed here runs as one process"
