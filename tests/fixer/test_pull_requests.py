"""One directive is one branch, one pull request, one merge: whatever is lost, killed or changed by others meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.fixer import pull_text
from shared.crashpoints import PULL_POINTS
from shared.gitops.stack import STACK
from shared.gitops.titles import check_body
from shared.incident.change import MergePull, RevertCommit, SetConfig, SetMemory
from shared.incident.facts import Deployed, Diagnosed, Merged, Proposed, Proved, Refused, Undone
from shared.incident.status import Status
from shared.ports import Permanent, Transient
from shared.proof import Verdict
from shared.testing.compose import ScriptedCompose
from shared.testing.samples import FLEET, evidence
from tests.fixer.pull_world import BAD, GOOD, PullWorld, pull_world
from tests.fixer.schedules import Stage
from tests.fixer.world import SimulatedCrash, crash_at

WAY = ["proposed", "proved:policy", "merged", "deployed:running"]
UNDO = ["undo-branch-made", "undo-open", "undo-merged"]
WRITES = ["create-branch", "open-pull", "add-label", "status", "merge"]


@pytest.fixture
def world() -> PullWorld:
    return pull_world().approved()


def stack_of(world: PullWorld) -> bytes:
    return world.forge.tree(world.forge.branches["main"])[STACK].data


def assert_one_of_each(world: PullWorld) -> None:
    writes = [w.what for w in world.forge.writes]
    assert (writes.count("open-pull"), writes.count("merge")) == (1, 1)
    assert (len(world.forge.pulls), world.forge.merges()) == (1, 1)
    assert sorted(world.forge.branches) == ["main", world.branch]
    assert stack_of(world) == GOOD
    assert world.incident.status is Status.VERIFYING


def test_a_directive_becomes_a_proved_merged_and_deployed_pull_request(world: PullWorld) -> None:
    assert world.finish() == WAY
    assert_one_of_each(world)
    pull = world.forge.pulls[0]
    assert world.forge.labels[pull.number] == ["sre-auto-fix", "Auto-Merged"]
    assert pull.title == f"Revert {world.bad[:10]} in policy-service"
    assert world.prover.asked == [(world.bad, pull.head_sha)]
    said = {s.context: s.state for s in world.forge.statuses(pull.head_sha)}
    assert said == {"sre-space/base-is-red": "success", "sre-space/head-is-green": "success"}
    proposed = world.incident.last(Proposed)
    assert proposed is not None
    assert proposed.changes == ("policy-service environment.MAX_RISK_FACTOR: 0.5 to 1.8",)


@pytest.mark.parametrize("point", [p for p in PULL_POINTS if p not in UNDO])
def test_a_fixer_killed_at_any_point_leaves_one_of_each_to_the_next(world: PullWorld, point: str) -> None:
    doomed = world.hand(crash_at(point))
    with pytest.raises(SimulatedCrash):
        world.finish(lambda: doomed)
    assert world.finish()[-1] == "deployed:running"
    assert_one_of_each(world)
    assert [e.fact.move for e in world.incident.entries][4:] == WAY


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_fixer_killed_at_any_write_leaves_one_of_each_to_the_next(write: str, when: str) -> None:
    armed = [f"{when}-{write}"]

    def die(point: str) -> None:
        if point in armed:
            armed.clear()
            raise SimulatedCrash(point)

    world = pull_world(die).approved()
    with pytest.raises(SimulatedCrash):
        world.finish()
    world.finish()
    assert_one_of_each(world)


@pytest.mark.parametrize("fault", ["refused", "answer-lost"])
@pytest.mark.parametrize("nth", range(7))
def test_a_lost_answer_or_request_leads_to_one_of_each(world: PullWorld, nth: int, fault: str) -> None:
    faults = iter([None] * nth + [fault])

    def step(point: str) -> None:
        if point.startswith("before-") and (found := next(faults, None)):
            world.forge.fail_next(found)  # type: ignore[arg-type]

    world.forge.step = step
    world.finish()
    assert_one_of_each(world)


SWITCHES = [[k] for k in range(7)] + [[k, k + 1] for k in range(4)]
"""At which writes the other Fixer gets its turn."""


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_two_fixers_at_once_make_one_of_each_wherever_they_meet(switches: list[int]) -> None:
    stage = Stage([int(n in switches) for n in range(12)], crashes=0)
    world = pull_world().approved()
    world.forge.step = lambda point: stage.step() if point.startswith("before-") else None

    def fixer() -> None:
        while world.incident.status is Status.FIXING:
            act = world.act()
            try:
                fact = world.hand().carry_out(act)
            except Transient:
                world.deployed()
                continue
            if fact and world.incident.head == act.incident.head:  # the log takes the first and rejects its twin
                world.say(fact)

    stage.run([fixer, fixer])
    assert_one_of_each_raced(world)


def assert_one_of_each_raced(world: PullWorld) -> None:
    """Both may ask; the repository has one of each."""
    assert (len(world.forge.pulls), world.forge.merges()) == (1, 1)
    assert sorted(world.forge.branches) == ["main", world.branch]
    assert [e.fact.move for e in world.incident.entries][4:] == WAY


# what is refused


def test_a_default_branch_that_moved_before_the_proposal_is_refused(world: PullWorld) -> None:
    world.forge.push({"README.md": b"# shop\n"}, "Rename")
    fact = world.step()
    assert isinstance(fact, Refused)
    assert "where it was" in fact.precondition
    assert (world.forge.pulls, world.incident.status) == ((), Status.DETECTED)


def test_a_default_branch_that_moved_before_the_merge_closes_the_pull_request(world: PullWorld) -> None:
    world.step()
    world.step()
    moved = world.forge.push({"README.md": b"# shop\n"}, "Rename")
    doomed = world.hand(crash_at("closed"))
    with pytest.raises(SimulatedCrash):
        world.step(doomed)
    fact = world.step()
    assert isinstance(fact, Refused)
    assert "where it was" in fact.precondition, "also after a crash between closing it and saying so"
    assert not world.forge.pulls[0].open
    assert world.forge.branches["main"] == moved


def test_a_change_that_does_not_apply_is_refused_with_the_reason() -> None:
    world = pull_world()
    world.forge.push({STACK: GOOD}, "Mend it myself")
    fact = world.approved().step()
    assert isinstance(fact, Refused)
    assert "nothing that commit" in fact.detail
    assert sorted(world.forge.branches) == ["main"]


def test_an_unsound_change_is_refused_with_the_reason() -> None:
    world = pull_world()
    path = ".github/workflows/ci.yml"
    bad = world.forge.push({path: b"on: push\njobs: {}\n"}, "Add a workflow")
    fact = world.approved(RevertCommit(commit=bad, paths=(path,))).step()
    assert isinstance(fact, Refused)
    assert "protected" in fact.detail
    assert sorted(world.forge.branches) == ["main"]


@pytest.mark.parametrize(
    ("part", "text", "why"),
    [
        ("title", "Update", "the title does not say what the change is"),
        ("title", "Revert [commit] in {service}", "it was not filled in"),
        ("body", "Incident #7: fix.", "does not say what was changed and why"),
        ("body", "Incident #7 is mended by <description>, which takes back what was changed.", "a placeholder"),
    ],
)
def test_a_text_that_says_nothing_or_was_not_filled_in_is_refused(
    world: PullWorld, monkeypatch: pytest.MonkeyPatch, part: str, text: str, why: str
) -> None:
    monkeypatch.setattr(pull_text, part, lambda *_: text)  # no typed change makes such a text today
    fact = world.step()
    assert isinstance(fact, Refused)
    assert fact.precondition == "the text says what the change is"
    assert why in fact.detail
    assert (sorted(world.forge.branches), world.forge.writes) == (["main"], [])


def test_words_of_the_world_in_the_evidence_do_not_make_the_text_one_that_says_nothing(world: PullWorld) -> None:
    odd = "TODO: GET /users/{id} answered <none> `rm` {{x}} [title] ```"
    diagnosed = world.incident.last(Diagnosed)
    assert diagnosed is not None
    told = diagnosed.model_copy(
        update={"evidence": (evidence(1, odd), evidence(2, odd)), "root_cause": odd, "hypotheses": ()}
    )
    entries = tuple(replace(e, fact=told) if isinstance(e.fact, Diagnosed) else e for e in world.incident.entries)
    body = pull_text.body(replace(world.incident, entries=entries), told.directive, ())
    assert check_body(body) == ()
    assert "TODO: GET /users/{id} answered ‹none›" in body


def test_the_first_commit_of_all_is_not_reverted() -> None:
    world = pull_world()
    first = world.forge.commit(world.bad).parents[0]
    fact = world.approved(RevertCommit(commit=first, paths=(STACK,))).step()
    assert isinstance(fact, Refused)
    assert "first one" in fact.detail


def test_a_pull_request_that_somebody_closed_waits_for_a_person_and_is_not_opened_again(world: PullWorld) -> None:
    world.step()
    world.step()
    world.forge.close_as(world.forge.pulls[0].number)
    with pytest.raises(Permanent, match="closed"):
        world.hand().carry_out(world.act())
    assert (len(world.forge.pulls), world.forge.merges()) == (1, 0)


def test_a_head_that_somebody_moved_is_not_merged(world: PullWorld) -> None:
    world.step()
    world.step()
    world.forge.push({"README.md": b"evil\n"}, "One more thing", branch=world.branch)
    with pytest.raises(Permanent, match="proved was"):
        world.hand().carry_out(world.act())
    assert world.forge.merges() == 0


def test_what_somebody_merged_at_another_head_is_for_a_person(world: PullWorld) -> None:
    world.step()
    world.step()
    world.forge.push({"README.md": b"evil\n"}, "One more thing", branch=world.branch)
    world.forge.merge_as("mallory", world.forge.pulls[0].number)
    with pytest.raises(Permanent, match="was merged at"):
        world.hand().carry_out(world.act())


def test_a_pull_request_that_a_person_merged_first_is_theirs_and_not_called_auto_merged(world: PullWorld) -> None:
    world.step()
    world.step()
    world.forge.merge_as("olivia", world.forge.pulls[0].number)
    fact = world.step()
    assert isinstance(fact, Merged)
    assert fact.by == "olivia"
    assert world.forge.labels[world.forge.pulls[0].number] == ["sre-auto-fix"]


def test_a_head_that_somebody_moved_before_the_proposal_was_said_is_for_a_person(world: PullWorld) -> None:
    with pytest.raises(SimulatedCrash):
        world.step(world.hand(crash_at("pull-open")))
    world.forge.push({"README.md": b"evil\n"}, "One more thing", branch=world.branch)
    with pytest.raises(Permanent, match="another commit"):
        world.step()


# what compose says


def test_what_compose_does_not_read_is_refused_with_its_words_before_anything_is_pushed(world: PullWorld) -> None:
    world.compose = ScriptedCompose("services.policy-service: no")
    refused = world.step()
    assert isinstance(refused, Refused)
    assert refused.precondition == "the change is sound"
    assert refused.detail == "docker compose refuses it: services.policy-service: no"
    assert (sorted(world.forge.branches), world.forge.writes) == (["main"], [])


@pytest.mark.parametrize("complaint", ["", None])
def test_compose_is_shown_the_whole_new_state_and_where_there_is_none_the_change_goes_on(
    world: PullWorld, complaint: str | None
) -> None:
    world.compose = ScriptedCompose(complaint)
    assert world.finish() == WAY
    assert world.compose.asked == [GOOD]


def test_compose_is_not_asked_of_a_change_that_leaves_the_desired_state(world: PullWorld) -> None:
    world = pull_world()
    world.compose = ScriptedCompose("never")
    later = world.forge.push({"README.md": b"# another\n"}, "Say more")
    world.approved(RevertCommit(commit=later, paths=("README.md",))).step()
    assert world.compose.asked == []


# what the proof says


@pytest.mark.parametrize(
    ("verdict", "asking", "move", "open_after", "labels"),
    [
        ("proved", False, "proved:policy", True, ["sre-auto-fix"]),
        ("proved", True, "proved:person", True, ["sre-auto-fix"]),
        ("unverified", False, "proved:person", True, ["sre-auto-fix", "unverified"]),
        ("refuted", False, "proved:nobody", False, ["sre-auto-fix"]),
        ("refuted", True, "proved:nobody", False, ["sre-auto-fix"]),
    ],
)
def test_the_proof_and_the_policy_decide_who_merges(
    world: PullWorld, verdict: Verdict, asking: bool, move: str, open_after: bool, labels: list[str]
) -> None:
    world.prover.verdict = verdict
    world.policy = world.policy.proposing() if asking else world.policy
    world.step()
    assert world.step().move == move
    pull = world.forge.pulls[0]
    assert (pull.open, world.forge.labels[pull.number], world.forge.merges()) == (open_after, labels, 0)
    states = {s.context: s.state for s in world.forge.statuses(pull.head_sha)}
    expected = {"proved": "success", "unverified": None, "refuted": "failure"}[verdict]
    assert states.get("sre-space/head-is-green") == expected


def test_where_a_verbs_merge_is_a_persons_even_what_is_proved_waits() -> None:
    world = pull_world()
    world.approved(SetConfig(service="policy-service", key="MAX_RISK_FACTOR", before="0.5", after="0.9")).step()
    assert world.step().move == "proved:person"


def test_a_service_that_is_down_does_not_wait_for_a_persons_merge() -> None:
    world = pull_world()
    world.policy = world.policy.proposing()
    world.approved(SetMemory(service="policy-service", before=192, after=288)).step()
    refused = world.step()
    assert isinstance(refused, Refused)
    assert "stays open for review; it is proved, and here a person merges" in refused.detail
    (pull,) = world.forge.pulls
    assert pull.open
    assert {s.state for s in world.forge.statuses(pull.head_sha)} == {"success"}


def test_an_unverified_check_is_an_error_and_not_a_failure(world: PullWorld) -> None:
    world.prover.verdict = "unverified"
    world.step()
    world.step()
    said = world.forge.statuses(world.forge.pulls[0].head_sha)
    assert [s.state for s in said] == ["error"]


# deployed


def to_merged(world: PullWorld) -> None:
    for _ in range(3):
        world.step()


def test_the_deployers_word_is_waited_for_and_its_time_is_what_counts(world: PullWorld) -> None:
    to_merged(world)
    with pytest.raises(Transient):
        world.step()
    world.deployed("pending", "deploying policy-service")
    with pytest.raises(Transient):
        world.step()
    world.clock.advance(3)
    world.deployed("success")
    world.clock.advance(100)  # nobody looked for a while
    fact = world.step()
    assert isinstance(fact, Deployed)
    assert (fact.outcome, fact.took_s <= 4) == ("running", True)


@pytest.mark.parametrize("state", ["failure", "error"])
def test_a_deploy_that_fails_is_to_be_taken_back(world: PullWorld, state: str) -> None:
    to_merged(world)
    world.deployed(state, "policy-service ended after 1.0 s")  # type: ignore[arg-type]
    assert world.step().move == "deployed:failed"
    assert world.incident.status is Status.UNDOING


def test_a_deployer_that_says_nothing_in_time_has_failed(world: PullWorld) -> None:
    to_merged(world)
    world.clock.advance(290)
    with pytest.raises(Transient):
        world.step()
    world.clock.advance(30)
    fact = world.step()
    assert isinstance(fact, Deployed)
    assert "no deployer has reported" in fact.detail


# taken back


def healed(world: PullWorld) -> None:
    world.finish()
    world.log.do("verified:ineffective")


def undo(world: PullWorld, doomed: str | None = None) -> Undone:
    if doomed:
        with pytest.raises(SimulatedCrash):
            world.step(world.hand(crash_at(doomed)), "ineffective")
    while True:
        try:
            fact = world.step(undo="ineffective")
        except Transient:
            world.clock.advance(1)
            world.deployed()
            continue
        assert isinstance(fact, Undone)
        return fact


@pytest.mark.parametrize("doomed", [None, *UNDO])
def test_what_did_not_help_is_taken_back_once_also_after_a_crash(world: PullWorld, doomed: str | None) -> None:
    healed(world)
    fact = undo(world, doomed)
    assert stack_of(world) == BAD
    assert (len(world.forge.pulls), world.forge.merges()) == (2, 2)
    assert (fact.number, fact.merge_sha) == (world.forge.pulls[1].number, world.forge.branches["main"])
    assert world.incident.standing is None


def test_an_undo_goes_on_after_a_crash_though_the_default_branch_moved_meanwhile(world: PullWorld) -> None:
    healed(world)
    with pytest.raises(SimulatedCrash):
        world.step(world.hand(crash_at("undo-branch-made")), "ineffective")
    world.forge.push({"README.md": b"# shop\n"}, "Rename")
    undo(world)
    assert stack_of(world) == BAD
    assert world.forge.tree(world.forge.branches["main"])["README.md"].data == b"# shop\n"
    assert len(world.forge.pulls) == 2


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("fault", ["refused", "answer-lost"])
def test_an_undo_whose_answers_are_lost_is_done_once(world: PullWorld, nth: int, fault: str) -> None:
    healed(world)
    faults = iter([None] * nth + [fault])

    def step(point: str) -> None:
        if point.startswith("before-") and (found := next(faults, None)):
            world.forge.fail_next(found)  # type: ignore[arg-type]

    world.forge.step = step
    undo(world)
    assert (len(world.forge.pulls), world.forge.merges()) == (2, 2)


def test_an_undo_touches_nothing_that_came_later(world: PullWorld) -> None:
    healed(world)
    later = GOOD.replace(b'PRICE_FACTOR: "1.0"', b'PRICE_FACTOR: "1.1"')
    world.forge.push({STACK: later}, "Raise prices")
    undo(world)
    assert stack_of(world) == BAD.replace(b'PRICE_FACTOR: "1.0"', b'PRICE_FACTOR: "1.1"')


def test_an_undo_that_does_not_apply_any_more_is_for_a_person_with_the_reason(world: PullWorld) -> None:
    healed(world)
    world.forge.push({STACK: GOOD.replace(b'"1.8"', b'"1.4"')}, "Insure a little less")
    with pytest.raises(Permanent, match=r"deploy/stack\.yaml"):
        world.step(undo="ineffective")
    assert world.forge.merges() == 1


def test_an_undo_that_somebody_closed_or_changed_is_for_a_person(world: PullWorld) -> None:
    healed(world)
    with pytest.raises(SimulatedCrash):
        world.step(world.hand(crash_at("undo-open")), "ineffective")
    world.forge.push({"README.md": b"evil\n"}, "One more", branch=f"{world.branch_of_merge()}-undo")
    with pytest.raises(Permanent, match="another commit"):
        world.step(undo="ineffective")
    assert world.forge.merges() == 1


def test_an_undo_that_somebody_closed_is_for_a_person(world: PullWorld) -> None:
    healed(world)
    with pytest.raises(SimulatedCrash):
        world.step(world.hand(crash_at("undo-open")), "ineffective")
    world.forge.close_as(world.forge.pulls[1].number)
    with pytest.raises(Permanent, match="closed"):
        world.step(undo="ineffective")


def test_an_undo_that_is_not_deployed_is_for_a_person(world: PullWorld) -> None:
    healed(world)
    with pytest.raises(Transient):
        world.step(undo="ineffective")
    world.deployed("failure", "quote-service does not come up")
    with pytest.raises(Permanent, match="quote-service does not come up"):
        world.step(undo="ineffective")


def test_what_others_made_is_merged_at_its_head_and_can_be_taken_back_too() -> None:
    world = pull_world()
    base = world.forge.branches["main"]
    world.forge.branches["jules/fix"] = base
    many = {f"protected_services/policy_service/part{n}.py": b"x = 1\n" for n in range(25)}
    head = world.forge.push({STACK: GOOD, **many}, "Rework", branch="jules/fix", login="jules")
    pull = world.forge.account("jules").propose("jules/fix", "Rework", "by an agent", ())
    world.log.do("detected", "escalated", "dispatched")
    proposed = world.log.next("proposed")
    assert isinstance(proposed, Proposed)
    world.say(proposed.model_copy(update={"number": pull.number, "head_sha": head}))
    proved = world.log.next("proved:others")
    assert isinstance(proved, Proved)
    order = MergePull(number=pull.number, head=head)
    assert proved.directive is not None
    directive = proved.directive.model_copy(update={"change": order, "base": base})
    world.say(proved.model_copy(update={"number": pull.number, "head_sha": head, "directive": directive}))
    world.log.do("ruled:allow", "began")
    assert world.finish() == ["merged", "deployed:running"]
    assert world.prover.asked == []
    assert stack_of(world) == GOOD
    assert world.forge.pulls[0].author != FLEET
    world.log.do("verified:ineffective")
    undo(world)
    assert dict(world.forge.tree(world.forge.branches["main"])) == dict(world.forge.tree(base))
