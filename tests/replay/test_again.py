"""The same code decides the same again; another policy shows exactly what it would have changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.brain.frozen import digest, freeze, thaw
from mission_control.replay.again import DECIDES, OBSERVED, Given, made_again
from mission_control.replay.table import Result, lines
from shared.incident.facts import KINDS, Diagnosed, Learned
from shared.incident.replay import replay
from shared.incident.status import OWNERS
from shared.incident.thread import Comment, Thread
from shared.policy.model import Policy
from shared.testing.log import keyring
from shared.testing.samples import FLEET, REPO, START
from tests.policy_file import shipped_policy
from tests.replay.world import SERVICE, decided, fleet, given, healed, thread
from tests.runtime.fleet import FleetInMemory

OLD = Path(__file__).parents[1] / "incident" / "logs_before_replay.json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> FleetInMemory:
    """Two incidents of the same fault, half an hour apart."""
    made = fleet(tmp_path_factory.mktemp("world"))
    healed(made)
    made.clock.advance(1800)
    healed(made)
    return made


def changed(**sections: Any) -> Policy:
    """The policy of the repository with some values of some sections changed; `limits={"window": …}`."""
    value = shipped_policy().model_dump(mode="json")
    for name, change in sections.items():
        value[name] = {**value[name], **change} if isinstance(change, dict) else change
    return Policy.model_validate(value)


def test_every_decision_is_the_same_when_it_is_made_again_by_the_same_code(world: FleetInMemory) -> None:
    for number in (1, 2):
        incident, rows = decided(given(world, number))
        assert {kind: row.verdict for kind, row in rows.items()} == dict.fromkeys(
            ("diagnosed", "ruled", "learned"), "same"
        )
        assert incident.whole
        result = Result(*made_again(given(world, number)))
        assert result.code == 0
        assert list(lines(result))[-1] == "3 decisions: 3 the same, 0 different, 0 not made again, 0 refused"


def test_who_asks_for_approval_would_have_waited_for_a_person(world: FleetInMemory) -> None:
    policy = changed(services={SERVICE: {"verbs": ["restart"], "approval": True}})
    _, rows = decided(given(world, 1, policy=policy))
    assert (rows["diagnosed"].verdict, rows["learned"].verdict) == ("same", "same")
    found = {d.field: (d.then, d.now) for d in rows["ruled"].differs}
    assert found.keys() == {
        "ruling", "expires_at", "predicates.no-approval-needed.ok", "predicates.no-approval-needed.detail"
    }  # fmt: skip
    assert found["ruling"] == ("allow", "needs-approval")
    assert found["predicates.no-approval-needed.ok"] == ("True", "False")


def test_without_a_budget_it_would_have_been_forbidden(world: FleetInMemory) -> None:
    _, rows = decided(given(world, 1, policy=changed(limits={"actions_per_service": 0})))
    assert {d.field: (d.then, d.now) for d in rows["ruled"].differs} == {
        "ruling": ("allow", "veto"),
        "predicates.service-budget.ok": ("True", "False"),
        "predicates.service-budget.detail": ("0 of 3 actions used", "0 of 0 actions used"),
    }


def test_an_action_of_the_first_incident_counts_in_the_ruling_on_the_second(world: FleetInMemory) -> None:
    _, rows = decided(given(world, 2, policy=changed(limits={"actions_per_service": 1})))
    assert {d.field: d.now for d in rows["ruled"].differs}["predicates.service-budget.detail"] == "1 of 1 actions used"


def test_a_verb_that_is_not_listed_would_have_been_forbidden(world: FleetInMemory) -> None:
    _, rows = decided(given(world, 1, policy=changed(services={SERVICE: {"verbs": ["set-memory"]}})))
    assert {d.field: d.now for d in rows["ruled"].differs} == {
        "ruling": "veto",
        "predicates.service-listed.ok": "False",
        "predicates.service-listed.detail": f"{SERVICE} is not listed for restart",
    }


def test_who_escalates_sooner_would_have_handed_the_second_firing_on(world: FleetInMemory) -> None:
    policy = changed(escalate_after=1)
    assert decided(given(world, 1, policy=policy))[1]["diagnosed"].verdict == "same"
    row = decided(given(world, 2, policy=policy))[1]["diagnosed"]
    assert [(d.field, d.then) for d in row.differs] == [
        ("kind", "diagnosed"),
        ("decision", f"oom in {SERVICE} (0.90): restart {SERVICE}"),
    ]
    assert row.now.startswith("escalated: 2 firings of the same fault within 1 h")
    text = "\n".join(lines(Result(*made_again(given(world, 2, policy=policy)))))
    assert "what follows was decided on the log as it stands" in text


def test_a_ruling_that_would_have_waited_is_said_to_wait(world: FleetInMemory) -> None:
    _, rows = decided(given(world, 2, policy=changed(limits={"cool_down": "59m"})))
    assert rows["ruled"].verdict == "differs"
    assert rows["ruled"].now.startswith("would wait: cooled-down: ")


def test_a_case_that_is_not_here_is_said_and_all_else_is_decided_again(world: FleetInMemory) -> None:
    incident, rows = decided(given(world, 1, frozen={}))
    assert rows["diagnosed"].verdict == "not here"
    assert "is not here" in rows["diagnosed"].now
    assert (rows["ruled"].verdict, rows["learned"].verdict) == ("same", "same")
    assert Result(incident, tuple(rows.values())).code == 3


@pytest.mark.parametrize("how", ["edited", "another diagnosis of the same issue", "of another incident"])
def test_a_case_that_is_not_the_one_that_was_judged_is_refused(world: FleetInMemory, how: str) -> None:
    log = replay(thread(world, 1), world.keyring)
    name = log.all(Diagnosed)[0].frozen
    assert name is not None
    text = world.cases.texts[name]
    match how:
        case "edited":
            other = text.replace(b'"exit_code":137', b'"exit_code":1')
        case "another diagnosis of the same issue":
            other = freeze(log, thaw(text).seen)
        case _:
            other = world.cases.texts[replay(thread(world, 2), world.keyring).all(Diagnosed)[0].frozen or ""]
    assert other != text
    incident, rows = decided(given(world, 1, frozen={name: other}))
    assert rows["diagnosed"].verdict == "refused"
    assert Result(incident, tuple(rows.values())).code == 1


def test_a_case_that_a_signed_fact_names_but_is_of_another_log_is_refused(world: FleetInMemory) -> None:
    log = replay(thread(world, 1), world.keyring)
    first = log.all(Diagnosed)[0]
    foreign = freeze(replace(log, number=9), thaw(world.cases.texts[first.frozen or ""]).seen)
    named = first.model_copy(update={"frozen": digest(foreign)})
    entry = replace(log.entries[1], fact=named)
    from mission_control.replay.again import NotMade, before, case_of

    what = given(world, 1, frozen={digest(foreign): foreign})
    with pytest.raises(NotMade, match="the frozen case is of o/r#9"):
        case_of(entry, before(log.entries[1], what), what)


def test_a_fact_that_was_deleted_is_said(world: FleetInMemory) -> None:
    whole = thread(world, 1)
    begun = replay(whole, world.keyring).entries[3]
    cut = replace(whole, comments=tuple(c for c in whole.comments if c.id != begun.comment_id))
    result = Result(*made_again(given(world, 1, thread=cut)))
    assert [row.move for row in result.decisions] == ["diagnosed", "ruled:allow"]
    assert result.code == 1
    assert any("GAP" in line and "follows a fact that is not there" in line for line in lines(result))


def test_a_log_from_before_anything_was_frozen_is_told_so() -> None:
    why: dict[str, str] = {}
    for name in ("asked", "closed"):
        body, *others = json.loads(OLD.read_text("utf-8"))[name]
        comments = tuple(
            Comment(100 + n, FLEET, text, at := START + timedelta(seconds=n + 1), at) for n, text in enumerate(others)
        )
        old = Thread(REPO, 7, "t", FLEET, body, START, START, False, frozenset(), comments, "u")
        incident, rows = decided(Given(old, keyring(), shipped_policy()))
        assert incident.whole
        assert {row.verdict for row in rows.values()} == {"not here"}
        why |= {kind: row.now for kind, row in rows.items()}
    assert why == {
        "diagnosed": "no frozen case: none was kept",
        "ruled": "no frozen situation: the log is from before it was kept, or it was too large",
        "learned": "it counted #3, #5, whose log is not here",
    }


def test_an_account_is_made_again_from_the_incidents_that_it_counted(world: FleetInMemory) -> None:
    told = replay(thread(world, 2), world.keyring).last(Learned)
    assert told is not None
    assert (told.earlier, told.recurrences) == ((1,), 1)
    assert decided(given(world, 2))[1]["learned"].verdict == "same"
    assert decided(given(world, 2, earlier={}))[1]["learned"].verdict == "not here"


def test_an_account_that_was_written_otherwise_would_show(world: FleetInMemory) -> None:
    other = {1: replace(thread(world, 1), body="nothing of the fleet")}
    row = decided(given(world, 2, earlier=other))[1]["learned"]
    assert {d.field: (d.then, d.now) for d in row.differs} == {"recurrences": ("1", "0"), "earlier.0": ("1", "–")}


def test_without_a_policy_what_brain_was_allowed_is_what_was_frozen(world: FleetInMemory) -> None:
    _, rows = decided(given(world, 1, policy=None))
    assert rows["diagnosed"].verdict == "same"
    assert rows["ruled"].verdict == "not here"


def test_every_kind_of_fact_is_either_decided_again_or_said_to_be_none() -> None:
    kinds = {str(kind.model_fields["kind"].default) for kind in KINDS}
    assert set(OBSERVED) <= kinds
    assert {kind for _, kind in DECIDES} <= kinds
    assert all(role in OWNERS[kind] for role, kind in DECIDES)
