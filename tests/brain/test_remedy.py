"""What Brain would have done: which commit is blamed, when memory is raised, and when it is handed on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from agents.brain.case import Case, Touch
from agents.brain.commits import touch
from agents.brain.remedy import NoRemedy, exonerated, remedy, suspect
from shared.gitops.stack import STACK, parse_stack
from shared.incident.change import RevertCommit, SetMemory
from shared.incident.facts import Diagnosed, Refused
from shared.incident.parts import Directive, Hypothesis
from shared.incident.replay import Incident
from shared.ports import Container
from shared.source import DEPLOY
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, SERVICE
from shared.testing.source import MemoryForge
from tests.fixer.pull_world import BAD, GOOD

SERVICES = frozenset({SERVICE, "quote-service"})
HEAD = "e" * 40
MIB = 1024 * 1024


def touched(sha: str, seconds_before: float, *paths: str, service: str = SERVICE) -> Touch:
    onset = LogBuilder().do("detected").incident.detected.since
    return Touch(sha * 40, onset - timedelta(seconds=seconds_before), paths or (STACK,), (), frozenset({service}), True)


def incident(*moves: str) -> Incident:
    log = LogBuilder()
    log.change = True
    return log.do("detected", *moves).incident


def case(*touches: Touch, limit: int = 0, earlier: tuple[Incident, ...] = ()) -> Case:
    engine = MemoryEngine(VirtualClock())
    named: Mapping[str, Container] = {SERVICE: engine.add(SERVICE, memory_limit=limit)}
    return Case(named, "", (), (), (), earlier, touches=touches, desired=parse_stack(GOOD), head=HEAD)


def best(cause: str) -> Hypothesis:
    return Hypothesis.model_validate(
        {"id": "h1", "service": SERVICE, "cause": cause, "probability": 0.95, "why": "w", "evidence": ()}
    )


def ordered(found: Directive | NoRemedy) -> Directive:
    assert isinstance(found, Directive)
    return found


@pytest.mark.parametrize("cause", ["bad-deploy", "business-rule"])
def test_the_commit_nearest_before_the_onset_is_reverted_on_top_of_what_stands(cause: str) -> None:
    found = ordered(remedy(incident(), case(touched("a", 50), touched("b", 3), touched("c", -60)), best(cause), 1))
    assert found.change == RevertCommit(commit="b" * 40, paths=(STACK,))
    assert (found.base, found.observed, found.target) == (HEAD, None, SERVICE)


def test_a_commit_of_another_service_or_after_the_onset_is_not_blamed() -> None:
    red_herrings = case(touched("a", 3, service="quote-service"), touched("b", -30))
    found = remedy(incident(), red_herrings, best("business-rule"), 1)
    assert isinstance(found, NoRemedy)
    assert found.how == "escalate"


def test_a_commit_whose_revert_was_refuted_or_taken_back_is_cleared_and_the_next_one_blamed() -> None:
    begun = ("diagnosed", "ruled:allow", "began", "proposed")
    back = ("proved:policy", "merged", "deployed:running", "verified:ineffective", "undone:ineffective")
    both = case(touched("d", 3), touched("b", 40))
    assert ordered(remedy(incident(), both, best("bad-deploy"), 1)).change == RevertCommit(
        commit="d" * 40, paths=(STACK,)
    )
    for moves in ((*begun, "proved:nobody"), (*begun, *back)):
        log = incident(*moves)  # the directive of the samples reverts ddd…
        assert "d" * 40 in exonerated(log)
        found = suspect(log, both, SERVICE)
        assert found is not None
        assert found.sha == "b" * 40


def test_a_commit_of_more_files_than_a_revert_may_name_is_handed_on() -> None:
    wide = case(touched("a", 3, *(f"protected_services/policy_service/{n}.py" for n in range(21))))
    found = remedy(incident(), wide, best("bad-deploy"), 1)
    assert isinstance(found, NoRemedy)
    assert (found.how, "21 files" in found.reason) == ("escalate", True)


def test_what_the_hand_has_refused_is_not_asked_for_again_and_again() -> None:
    log = incident("diagnosed", "ruled:allow", "began", "refused")
    same = case(touched("d", 3, "deploy/stack.yaml"))
    found = remedy(log, same, best("bad-deploy"), 1)
    assert isinstance(found, NoRemedy)
    refusal = log.last(Refused)
    assert refusal is not None
    assert refusal.detail in found.reason


def test_a_permit_that_expired_is_asked_for_again() -> None:
    log = incident("diagnosed", "ruled:allow", "refused")
    assert ordered(remedy(log, case(touched("d", 3)), best("bad-deploy"), 1)).verb == "revert-commit"


def test_a_first_oom_is_restarted_a_second_gets_half_as_much_again() -> None:
    seen = case(limit=192 * MIB)
    assert ordered(remedy(incident(), seen, best("oom"), 1)).verb == "restart"
    assert ordered(remedy(incident(), seen, best("oom"), 2)).change == SetMemory(service=SERVICE, before=192, after=288)


def test_a_limit_that_is_not_the_declared_one_is_not_raised() -> None:
    assert ordered(remedy(incident(), case(limit=128 * MIB), best("oom"), 2)).verb == "restart"


def test_the_highest_limit_there_is_cannot_be_raised() -> None:
    seen = case(limit=65_536 * MIB)
    full = parse_stack(GOOD.replace(b"192m", b"64g"))
    seen = Case(seen.containers, "", (), (), (), (), desired=full, head=HEAD)
    assert ordered(remedy(incident(), seen, best("oom"), 2)).verb == "restart"


def test_an_oom_after_a_raise_leaks_and_is_handed_on() -> None:
    log = LogBuilder().do("detected")
    diagnosed = log.next("diagnosed")
    assert isinstance(diagnosed, Diagnosed)
    order = Directive(
        id=diagnosed.directive.id,
        verb="set-memory",
        target=SERVICE,
        observed=None,
        undo="back",
        change=SetMemory(service=SERVICE, before=192, after=288),
        base=HEAD,
    )
    log.say(diagnosed.model_copy(update={"directive": order}))
    log.do("ruled:allow", "began", "proposed", "proved:policy", "merged", "deployed:running")
    log.do("verified:healthy", "learned", "detected")
    found = remedy(log.incident, case(limit=192 * MIB), best("oom"), 3)
    assert isinstance(found, NoRemedy)
    assert (found.how, "was raised" in found.reason) == ("escalate", True)


def test_without_a_repository_all_is_as_before() -> None:
    engine = MemoryEngine(VirtualClock())
    bare = Case({SERVICE: engine.add(SERVICE)}, "", (), (), (), ())
    assert ordered(remedy(incident(), bare, best("oom"), 2)).verb == "restart"
    assert isinstance(remedy(incident(), bare, best("business-rule"), 1), NoRemedy)


# what a commit means


def forge() -> MemoryForge:
    clock = VirtualClock()
    made = MemoryForge(clock, {STACK: GOOD, "protected_services/quote_service/app.py": b"RATE = 1\n"})
    clock.advance(60)
    return made


def test_a_lever_belongs_to_its_service_and_a_comment_to_nobody() -> None:
    world = forge()
    source = world.account(FLEET)
    lever = touch(source, source.commit(world.push({STACK: BAD}, "Insure less")), SERVICES)
    assert lever is not None
    assert lever.services == {SERVICE}
    assert [k.key for k in lever.levers] == ["environment.MAX_RISK_FACTOR"]
    comment = world.push({STACK: BAD + b"# a note\n"}, "Say more")
    assert touch(source, source.commit(comment), SERVICES) is None
    code = world.push({"protected_services/quote_service/app.py": b"RATE = 2\n"}, "Raise")
    found = touch(source, source.commit(code), SERVICES)
    assert found is not None
    assert found.services == {"quote-service"}
    prose = world.push({"README.md": b"policy-service is fine\n"}, "Write")
    assert touch(source, source.commit(prose), SERVICES) is None
    assert touch(source, source.commit(source.commit(lever.sha).parents[0]), SERVICES) is None, "the first commit"


def test_a_commit_counts_from_when_its_deploy_began_and_not_from_when_it_was_called_healthy() -> None:
    world = forge()
    source, sha = world.account(FLEET), world.push({STACK: BAD}, "Insure less")
    committed = world.clock.now()
    world.clock.advance(600)
    world.say_status(sha, DEPLOY, "pending", "deploying policy-service")
    began = world.clock.now()
    found = touch(source, source.commit(sha), SERVICES)
    assert found is not None
    assert (found.at, found.deployed) == (committed, False)
    world.clock.advance(20)
    world.say_status(sha, DEPLOY, "success", "healthy after 20 s")
    found = touch(source, source.commit(sha), SERVICES)
    assert found is not None
    assert (found.at, found.deployed) == (began, True), "the fault may show before the deploy is called healthy"
