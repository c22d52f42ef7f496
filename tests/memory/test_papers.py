"""What Memory proposes to write: once each, from facts, never over what people wrote, and merged by people only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agents.memory.clerk import Clerk
from agents.memory.papers import FIRST_DAY, wanted
from shared.incident.episodes import episodes
from shared.incident.facts import Ruled
from shared.incident.labels import FORGET, MEMORY
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.incident.situation import Standing
from shared.policy.model import Keeping, Policy, parse_policy
from shared.recall import runbook
from shared.recall.grants import POLICY, TABLE, CannotEdit, earned, granted, table, with_table
from shared.recall.trust import Rung
from shared.recall.would import WISH
from shared.testing.clock import VirtualClock
from shared.testing.log import LogBuilder
from shared.testing.samples import FLEET, SERVICE, START
from shared.testing.source import MemoryForge

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / POLICY).read_text()
HELPED = ("diagnosed", "ruled:allow", "began", "applied", "verified:healthy", "learned")
FAILED = ("diagnosed", "ruled:allow", "began", "applied", "verified:unhealthy")
APPROVED = ("diagnosed", "ruled:needs-approval", "commanded:approve", "began", "applied", "verified:healthy", "learned")
RUNG = Rung(SERVICE, "oom", "restart")


def policy(**memory: str) -> Policy:
    return parse_policy(TEXT).model_copy(update={"memory": Keeping.model_validate(memory)})


def incident(number: int, *moves: str) -> Incident:
    log = LogBuilder(number=number, start=START - timedelta(days=20 - number))
    return replace(log.do("detected", *(moves or HELPED)).incident, closed=True)


class Desk:
    """A clerk with a repository of its own."""

    def __init__(self, rules: Policy, *incidents: Incident) -> None:
        self.forge = MemoryForge(VirtualClock(), {POLICY: TEXT.encode(), TABLE: (ROOT / TABLE).read_bytes()})
        self.incidents = incidents
        self.rules = rules

    def step(self) -> list[str]:
        """A round of a clerk that knows nothing yet."""
        account = self.forge.account(FLEET)
        clerk = Clerk(lambda: self.incidents, account, account, self.rules, lambda: START)
        return [p.branch for p in clerk.step()]

    def text(self, branch: str, path: str) -> str:
        return self.forge.account(FLEET).files(self.forge.branches[branch], (path,))[path].data.decode()

    def merge(self, branch: str) -> None:
        (pull,) = self.forge.account(FLEET).pulls_of(branch)
        self.forge.merge_as("olivia", pull.number)


@pytest.fixture
def three() -> Desk:
    return Desk(policy(runbooks="pull"), *(incident(n) for n in (1, 2, 3)))


def test_by_default_nothing_is_written() -> None:
    assert list(wanted(tuple(incident(n) for n in range(1, 9)), parse_policy(TEXT), START)) == []


def test_each_firing_gets_one_post_mortem_from_its_facts() -> None:
    desk = Desk(policy(postmortems="pull"), incident(1, *HELPED, "detected", "verified:recovered", "learned"))
    assert desk.step() == ["sre-space/postmortem-incident-1-1", "sre-space/postmortem-incident-1-2"]
    (pull,) = desk.forge.account(FLEET).pulls_of("sre-space/postmortem-incident-1-1")
    assert desk.forge.labels[pull.number] == [MEMORY]
    (name,) = (p for p in desk.forge.tree(pull.head_sha) if p.startswith("docs/postmortems/"))
    text = desk.text(pull.branch, name)
    assert "restart policy-service" in text
    assert "verify 1" in text
    assert desk.step() == [], "whoever starts anew finds what stands"


def test_what_a_person_closed_is_not_proposed_again() -> None:
    desk = Desk(policy(postmortems="pull"), incident(1))
    (branch,) = desk.step()
    (pull,) = desk.forge.account(FLEET).pulls_of(branch)
    desk.forge.close_as(pull.number)
    assert desk.step() == []


def test_a_log_with_gaps_or_one_to_be_forgotten_is_not_written_about() -> None:
    useless = (
        replace(incident(1), gaps=("g",)),
        replace(incident(2), labels=frozenset({FORGET})),
        Incident("o/r", 3, "u"),
    )
    assert list(wanted(useless, policy(postmortems="pull", runbooks="pull"), START)) == []


def test_after_three_verified_fixes_there_is_a_runbook_and_not_before(three: Desk) -> None:
    before = Desk(three.rules, *three.incidents[:2])
    assert before.step() == []
    assert three.step() == [f"sre-space/runbook-{SERVICE}-oom-3"]
    text = three.text(f"sre-space/runbook-{SERVICE}-oom-3", f"docs/runbooks/{SERVICE}-oom.md")
    assert "restart: 3 times (#1, #2, #3)" in text
    assert "## Notes" in text


def test_a_runbook_that_people_annotated_is_updated_around_their_words(three: Desk) -> None:
    (branch,) = three.step()
    three.merge(branch)
    name = f"docs/runbooks/{SERVICE}-oom.md"
    merged = three.text("main", name)
    three.forge.push({name: f"Ask Olivia first.\n\n{merged}\nShe knows.\n".encode()}, "Notes")
    three.incidents = tuple(incident(n) for n in range(1, 7))
    (second,) = three.step()
    assert second.endswith("-6")
    text = three.text(second, name)
    assert text.startswith("Ask Olivia first.")
    assert text.endswith("She knows.\n")
    assert "restart: 6 times" in text
    assert "restart: 3 times" not in text


def test_a_runbook_whose_block_people_rewrote_is_theirs(three: Desk) -> None:
    (branch,) = three.step()
    three.merge(branch)
    name = f"docs/runbooks/{SERVICE}-oom.md"
    three.forge.push({name: three.text("main", name).replace("3 times", "often").encode()}, "Say it plainly")
    three.incidents = tuple(incident(n) for n in range(1, 7))
    assert three.step() == []


def test_an_older_draft_that_nobody_touched_is_closed_for_the_newer(three: Desk) -> None:
    (first,) = three.step()
    three.incidents = tuple(incident(n) for n in range(1, 7))
    three.step()
    assert [p.open for p in three.forge.account(FLEET).pulls_of(first)] == [False]


def test_an_older_draft_that_a_person_works_on_stays(three: Desk) -> None:
    (first,) = three.step()
    three.forge.push({f"docs/runbooks/{SERVICE}-oom.md": b"mine"}, "My words", branch=first)
    three.incidents = tuple(incident(n) for n in range(1, 7))
    three.step()
    assert [p.open for p in three.forge.account(FLEET).pulls_of(first)] == [True]


def test_a_clerk_that_died_before_the_pull_request_is_taken_up() -> None:
    class Killed(Exception):
        pass

    def dies(point: str) -> None:
        if point == "branch-made":
            raise Killed

    desk = Desk(policy(postmortems="pull"), incident(1))
    account = desk.forge.account(FLEET)
    with pytest.raises(Killed):
        Clerk(lambda: desk.incidents, account, account, desk.rules, lambda: START, dies).step()
    desk.forge.push({"README.md": b"moved on"}, "The branch has moved on")
    assert desk.step() == ["sre-space/postmortem-incident-1-1"]


def test_what_a_person_approved_five_times_is_proposed_as_one_grant_and_nothing_else_changes() -> None:
    asking = TEXT.replace("  restart:\n    approval: false", "  restart:\n    approval: true")
    rules = parse_policy(asking).model_copy(update={"memory": Keeping(grants="pull")})
    desk = Desk(rules, *(incident(n, *APPROVED) for n in range(1, 5)))
    desk.forge.push({POLICY: asking.encode()}, "Ask for restarts")
    assert desk.step() == []
    desk.incidents = tuple(incident(n, *APPROVED) for n in range(1, 6))
    (branch,) = desk.step()
    after = desk.text(branch, POLICY)
    added = [line for line in after.splitlines() if line not in asking.splitlines()]
    assert added == ["grants:", f"  - {{service: {SERVICE}, cause: oom, verb: restart}}"]
    assert f"| {SERVICE} | oom | restart | 5 |" in desk.text(branch, TABLE)
    granting = parse_policy(after)
    assert not granting.asks(SERVICE, "oom", "restart")
    assert granting.asks(SERVICE, "hang", "restart")
    assert desk.step() == []


def test_a_grant_is_not_earned_by_what_policy_allows_anyway_or_after_a_failure() -> None:
    rules = parse_policy(TEXT)
    asked = rules.model_copy(
        update={
            "catalogue": rules.catalogue | {"restart": rules.catalogue["restart"].model_copy(update={"approval": True})}
        }
    )
    five = {RUNG: Standing(successes=5, in_a_row=5, approved=5)}
    assert earned(rules, five) == ()
    assert earned(asked, five) == (RUNG,)
    assert earned(asked, {RUNG: Standing(successes=9, failures=1, in_a_row=4, approved=4)}) == ()
    assert earned(asked, {Rung(SERVICE, "oom", "merge-pull"): Standing(in_a_row=9, approved=9)}) == ()
    assert earned(asked, {Rung("payments", "oom", "restart"): Standing(in_a_row=9, approved=9)}) == ()


@pytest.mark.parametrize(
    "grants",
    [
        "grants: []",
        "grants: [ ]  # none yet",
        "grants:\n  - {service: frontend, cause: hang, verb: restart}",
        "grants:\n- {service: frontend, cause: hang, verb: restart}\n- {service: frontend, cause: oom, verb: restart}",
        "",
    ],
)
def test_a_grant_is_added_to_the_text_however_the_list_stands(grants: str) -> None:
    try:
        after = granted(TEXT.replace("grants: []", grants), RUNG)
    except CannotEdit:
        assert grants.startswith("grants:\n- "), "a list without an indent"
        return
    assert parse_policy(after).grants_to(SERVICE, "oom", "restart")
    assert "# What a person no longer approves" in after


def test_a_policy_that_cannot_be_edited_safely_is_left_alone() -> None:
    with pytest.raises(CannotEdit):
        granted(TEXT.replace("grants: []", "grants: [{service: frontend, cause: hang, verb: restart}]"), RUNG)


def test_the_table_says_who_decides() -> None:
    rows = table({RUNG: Standing(successes=2, undone=1)}, parse_policy(TEXT))
    assert "a person: it was taken back" in rows
    assert with_table((ROOT / TABLE).read_text(), rows).count("a person: it was taken back") == 1
    assert with_table("no marks", rows) == "no marks"


def _past() -> Iterator[Incident]:
    yield incident(1)
    yield incident(2, *FAILED, *HELPED)


def test_a_runbook_tells_what_helped_and_what_did_not_with_issues() -> None:
    past = tuple(e for i in _past() for e in episodes(i))
    text = runbook.draft(SERVICE, "oom", past)
    assert "- restart: 2 times (#1, #2)" in text
    assert "- restart: once (#2)" in text
    assert text == runbook.draft(SERVICE, "oom", tuple(reversed(past)))


ASKED_ONLY = ("diagnosed", "ruled:needs-approval")


def wished(number: int, *moves: str) -> Incident:
    """An incident in which nothing but the wish for a person held the restart back."""
    log = LogBuilder(number=number, start=START - timedelta(days=20 - number)).do("detected", "diagnosed")
    ruled = log.next("ruled:needs-approval")
    assert isinstance(ruled, Ruled)
    return (
        log.say(ruled.model_copy(update={"predicates": (Predicate(name=WISH, ok=False, detail=""),)}))
        .do(*moves)
        .incident
    )


def test_a_day_after_the_first_question_it_says_once_what_it_would_have_done() -> None:
    helped = wished(3, "commanded:approve", "began", "applied", "verified:healthy", "learned")
    desk = Desk(policy(first_day="pull"), helped, wished(10))
    assert desk.step() == ["sre-space/first-day"]
    text = desk.text("sre-space/first-day", FIRST_DAY)
    assert "would have acted once without asking: 1 approved (1 verified to have helped)" in text
    assert "[#3]" in text
    assert "[#10]" not in text, "that was a week later"
    assert desk.step() == []


def test_before_a_day_is_over_and_where_nothing_was_held_back_there_is_no_such_report() -> None:
    fresh = LogBuilder(number=3, start=START - timedelta(hours=23)).do("detected", *ASKED_ONLY).incident
    assert Desk(policy(first_day="pull"), fresh).step() == []
    assert Desk(policy(first_day="pull"), incident(4)).step() == []
