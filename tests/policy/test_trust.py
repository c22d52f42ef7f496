"""The trust ladder: counted from facts, gone up by a grant that a person merged, gone down at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.incident.change import SetConfig
from shared.incident.episodes import Episode, episodes
from shared.incident.parts import Directive
from shared.incident.situation import Situation, Standing
from shared.policy.model import Grant, Policy, parse_policy
from shared.policy.rules import rule
from shared.recall.trust import Rung, standing, standings
from shared.testing.log import LogBuilder
from shared.testing.samples import SERVICE, START
from tests.policy.test_rules import CALM, DIRECTIVE, calm

RESTART = Rung(SERVICE, "oom", "restart")
RESTARTED = ("diagnosed", "ruled:allow", "began", "applied")
APPROVED = ("diagnosed", "ruled:needs-approval", "commanded:approve", "began", "applied")
REVERTED = ("diagnosed", "ruled:allow", "began", "proposed", "proved:policy", "merged", "deployed:running")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return parse_policy((Path(__file__).parents[2] / "deploy" / "policy.yaml").read_text())


def told(*moves: str, days: int = 1, change: bool = False) -> tuple[Episode, ...]:
    log = LogBuilder(start=START - timedelta(days=days))
    log.change = change
    return episodes(log.do("detected", *moves).incident)


HELPED = (*RESTARTED, "verified:healthy", "learned")
FAILED = (*RESTARTED, "verified:unhealthy")


def test_each_verb_is_counted_by_service_cause_and_result() -> None:
    past = (*told(*HELPED, days=9), *told(*FAILED, *RESTARTED[:1], "ruled:veto", days=8), *told(*HELPED, days=7))
    past += told(*REVERTED, "verified:ineffective", "undone:ineffective", change=True)
    found = standings(past)
    assert found[RESTART] == Standing(successes=2, failures=1, refusals=1, in_a_row=1)
    assert found[Rung(SERVICE, "oom", "revert-commit")] == Standing(undone=1)
    assert list(found) == sorted(found)


def test_what_a_person_approved_in_a_row_is_counted_and_a_failure_ends_the_row() -> None:
    approved = told(*APPROVED, "verified:healthy", "learned", days=3)
    assert standing((*approved, *told(*HELPED, days=2)), RESTART) == Standing(successes=2, in_a_row=2, approved=1)
    assert standing((*approved, *told(*FAILED)), RESTART).approved == 0


def test_what_is_older_than_the_horizon_is_not_counted() -> None:
    past = (*told(*HELPED, days=40), *told(*HELPED, days=2))
    assert standing(past, RESTART, START - timedelta(days=30)).successes == 1


def test_one_undo_asks_a_person_until_it_has_helped_often_enough(policy: Policy) -> None:
    undone = Standing(successes=9, undone=1)
    verdict = rule(policy, DIRECTIVE, calm(standing=undone, cause="oom"))
    assert (verdict.outcome, [p.name for p in verdict.failed]) == ("needs-approval", ["trusted"])
    again = undone.model_copy(update={"in_a_row": policy.trust.promote_after})
    assert rule(policy, DIRECTIVE, calm(standing=again, cause="oom")).outcome == "allow"
    assert rule(policy, DIRECTIVE, calm(standing=Standing(successes=1), cause="oom")).outcome == "allow"


def config(cause: str = "slow") -> tuple[Directive, Situation]:
    change = SetConfig(service=SERVICE, key="TIMEOUT", before="1", after="2")
    order = {"verb": "set-config", "change": change, "base": "e" * 40, "observed": None}
    return DIRECTIVE.model_copy(update=order), CALM.model_copy(update={"head": "e" * 40, "cause": cause})


def test_a_grant_spares_the_approval_for_exactly_this_cause_service_and_verb(policy: Policy) -> None:
    asking = policy.model_copy(
        update={"services": policy.services | {SERVICE: policy.services[SERVICE].model_copy(update={"approval": True})}}
    )
    given = asking.model_copy(update={"grants": (Grant(service=SERVICE, cause="slow", verb="set-config"),)})
    directive, situation = config("slow")
    other, otherwise = config("cpu")
    assert rule(asking, directive, situation).outcome == "needs-approval"
    assert rule(given, directive, situation).outcome == "allow"
    assert rule(given, other, otherwise).outcome == "needs-approval"
    assert rule(given, DIRECTIVE, calm(cause="slow")).outcome == "needs-approval"


def test_a_grant_does_not_outweigh_an_undo_or_a_bound(policy: Policy) -> None:
    given = policy.model_copy(update={"grants": (Grant(service=SERVICE, cause="slow", verb="set-config"),)})
    directive, situation = config("slow")
    undone = situation.model_copy(update={"standing": Standing(undone=1, successes=7)})
    assert rule(given, directive, undone).outcome == "needs-approval"
    assert rule(given, directive, situation.model_copy(update={"gaps": ("one",)})).outcome == "veto"


def test_proposing_only_takes_every_merge_back_to_a_person(policy: Policy) -> None:
    grants = (
        Grant(service=SERVICE, cause="slow", verb="set-config"),
        Grant(service=SERVICE, cause="oom", verb="restart"),
    )
    given = policy.model_copy(update={"grants": grants})
    assert not given.asks(SERVICE, "slow", "set-config")
    assert given.proposing().asks(SERVICE, "slow", "set-config")
    assert not given.proposing().asks(SERVICE, "oom", "restart")


def test_an_agents_pull_request_cannot_be_granted() -> None:
    with pytest.raises(ValueError, match="verb"):
        Grant.model_validate({"service": SERVICE, "cause": "oom", "verb": "merge-pull"})


def test_an_open_incidents_undo_counts_at_once() -> None:
    still_open = told(*REVERTED, "verified:ineffective", "undone:ineffective", change=True)
    assert not still_open[0].ended
    assert standing(still_open, Rung(SERVICE, "oom", "revert-commit")).undone == 1
    assert standing((replace(still_open[0], tries=()),), RESTART) == Standing()
