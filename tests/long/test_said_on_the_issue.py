"""What people see and say on GitHub, on a stack as a person starts it: silences, slips, questions, card and board."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shared.incident.card import BEGIN, END
from shared.incident.facts import Applied, Commanded, Ruled
from shared.incident.status import Status
from tests.scenario.stack import Stack, roomy_policy, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

SERVICE = "policy-service"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("policy")
    file = Path(roomy_policy(folder))
    policy = yaml.safe_load(file.read_text(encoding="utf-8"))
    policy["services"]["user-service"]["approval"] = True
    file.write_text(yaml.safe_dump(policy), encoding="utf-8")
    with running(SRE_POLICY=str(file), SRE_DASHBOARD_ISSUE="true") as one:
        time.sleep(20.0)  # the control period: the detectors' baseline
        yield one


def answer(stack: Stack, number: int, text: str, who: str = "operator") -> str:
    """What the fleet answered this comment in words."""
    said = stack.comment(number, text, who)["id"]
    stack.answered(number, said, 30)
    mark = f"<!-- sre-space:answer {said} -->"
    return next(str(c["body"]) for c in stack.comments(number) if c["body"].startswith(mark))


def test_a_plain_incident_is_six_comments_and_a_card_that_is_left_when_it_says_the_same(stack: Stack) -> None:
    known, since = stack.numbers(), time.time()
    stack.inject("oom", SERVICE)
    number = stack.opened(known)
    stack.closed(number)
    stack.indexed(number)
    assert len(stack.comments(number)) <= 6

    def closed_card() -> bool:
        return f"\n{BEGIN}\n**Closed**" in stack.issue(number)["body"]

    wait_for(closed_card, 20, "the card says that it is closed")
    body = stack.issue(number)["body"]
    assert "```mermaid\ntimeline\n" in body
    assert END in body
    edits = [r for r in stack.fleet_log(since) if r.method == "PATCH" and r.path.endswith(f"/issues/{number}")]
    assert len(edits) <= 10, "the states of the log, and the closing"
    before = stack.log(since)[-1].at
    time.sleep(5.0)  # nothing happens in it: that is what is looked at
    assert not [r for r in stack.fleet_log(before + 0.001) if r.method == "PATCH" and r.path.endswith(f"/{number}")]


def test_a_silence_holds_back_a_restart_and_its_end_lets_it_through(stack: Stack) -> None:
    earlier = next(n for n in sorted(stack.numbers()) if stack.incident(n).detected.service == SERVICE)
    stack.comment(earlier, "/silence 1h")
    wait_for(lambda: stack.incident(earlier).all(Commanded), 30, "the silence is a fact")
    assert stack.issue(earlier)["state"] == "closed"
    known, since = stack.numbers(), time.time()
    stack.inject("crash", SERVICE)
    number = stack.opened(known)
    wait_for(lambda: stack.incident(number).status is Status.DIAGNOSED, 40, "it is diagnosed")
    time.sleep(8.0)  # in which it would have been restarted
    assert stack.restarts(since) == {}
    assert stack.incident(number).status is Status.DIAGNOSED
    assert "Did you mean `/approve`" in answer(stack, number, "/aprove")
    assert "#issuecomment-" in answer(stack, number, "/explain")
    assert f"issues/{earlier}" in answer(stack, number, "/similar")
    assert "Not closed yet" in answer(stack, number, "/postmortem")
    stack.comment(number, "/silence off")
    incident = stack.closed(number)
    assert len(incident.all(Applied)) == 1
    ruled = incident.last(Ruled)
    assert ruled is not None
    assert next(p.detail for p in ruled.predicates if p.name == "not-silenced") == "no silence"
    assert stack.verify(number) == 0


def test_the_board_is_one_issue_and_is_found_again_by_a_herald_that_was_killed(stack: Stack) -> None:
    stack.await_board()
    board = stack.board()
    assert board is not None
    stack.kill("herald")
    repository = stack.repository()
    with stack.frozen():
        wait_for(lambda: "**Frozen" in (stack.board() or {"body": ""})["body"], 40, "the board says that it is frozen")
    wait_for(lambda: "**Not frozen.**" in (stack.board() or {"body": ""})["body"], 40, "and that it is not")
    again = stack.board()
    assert again is not None
    assert again["number"] == board["number"]
    assert len(list(repository.pages("/issues", labels="sre:dashboard", state="all"))) == 1


def test_a_ticked_box_approves_what_stood_beside_it_and_nothing_else_does(stack: Stack) -> None:
    known, since = stack.numbers(), time.time()
    stack.inject("crash", "user-service")

    def asked() -> int | None:
        fresh = sorted(stack.numbers() - known)
        return next((n for n in fresh if stack.incident(n).status is Status.NEEDS_APPROVAL), None)

    number = wait_for(asked, 60, "an approval is asked for")
    board = stack.board()
    assert board is not None

    def body() -> str:
        return str(stack.issue(board["number"])["body"])

    def tick(who: str) -> None:
        wait_for(lambda: f"- [ ] approve #{number}:" in body(), 40, "the box is drawn")
        ticked = body().replace(f"- [ ] approve #{number}:", f"- [x] approve #{number}:")
        stack.repository(who).call("PATCH", f"/issues/{board['number']}", json={"body": ticked})

    tick("fleet")
    wait_for(lambda: f"- [ ] approve #{number}:" in body(), 60, "a tick of the fleet's own account is only drawn again")
    assert stack.incident(number).all(Commanded) == ()
    tick("operator")
    wait_for(lambda: stack.incident(number).all(Applied), 60, "it is done")
    (said,) = stack.incident(number).all(Commanded)
    assert (said.command, said.comment_id, bool(said.edit)) == ("approve", 0, True)
    assert said.login != board["user"]["login"]
    assert stack.restarts(since).get("user-service") == 1
    assert stack.verify(number) == 0
    wait_for(lambda: f"approve #{number}:" not in body(), 60, "the box is gone")
