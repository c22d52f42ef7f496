"""Copilot by assignment and Claude by label, on the embedded forge; their own part is played by accounts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from agents.escalation.backends.claude import RESTS_AFTER, Claude
from agents.escalation.backends.copilot import Copilot
from shared.ports import Permanent, Transient
from shared.testing.clock import VirtualClock
from tests.escalation.world import FLEET, REPO, World, a_brief, opened

pytestmark = pytest.mark.timeout(180)  # real processes, on machines that may be busy

COPILOT = "token-copilot"


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("github"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def issue(github: World) -> int:
    number: int = github.github("POST", "/issues", {"title": "quote-service: oom"})["number"]
    return number


@pytest.fixture
def copilot(github: World) -> Iterator[Copilot]:
    made = Copilot(github.forge.ready["api"], FLEET, REPO)
    yield made
    made.close()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def claude(github: World, clock: VirtualClock) -> Iterator[Claude]:
    made = Claude(github.forge.ready["api"], FLEET, REPO, clock)
    yield made
    made.close()


def branch(github: World, name: str, text: str, token: str) -> None:
    """A branch with one file of its own."""
    base = github.github("GET", "/git/ref/heads/main")["object"]["sha"]
    github.github("POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": base}, token)
    wish = {"message": "Mend it", "content": text, "branch": name}
    github.github("PUT", f"/contents/{name.replace('/', '-')}.txt", wish, token)


def test_copilot_is_assigned_once_and_its_pull_request_found(github: World, issue: int, copilot: Copilot) -> None:
    brief = a_brief(issue)
    assert copilot.find(brief) is None
    session = opened(copilot.open(brief))
    assert (session.id, session.state) == (str(issue), "working")
    assert opened(copilot.open(brief)) == session
    assigned = [e for e in github.github("GET", f"/issues/{issue}/events") if e["event"] == "assigned"]
    assert len(assigned) == 1
    branch(github, f"copilot/fix-{issue}", "eA==", COPILOT)
    opening = {"title": "[WIP] Mend it", "head": f"copilot/fix-{issue}", "base": "main", "draft": True}
    pull = github.github("POST", "/pulls", {**opening, "body": f"Fixes {REPO}#{issue}"}, COPILOT)
    working = copilot.look(session.id)
    assert working.state == "working"
    assert working.pull
    assert (working.pull.number, working.pull.head) == (pull["number"], f"copilot/fix-{issue}")
    github.github("PATCH", f"/pulls/{pull['number']}", {"state": "closed"})
    assert copilot.look(session.id).state == "failed"


def test_a_pull_request_for_another_issue_or_by_somebody_else_is_not_copilots(
    github: World, issue: int, copilot: Copilot
) -> None:
    opened(copilot.open(a_brief(issue)))
    for name, token, body in (("a", FLEET, f"Fixes #{issue}"), ("b", COPILOT, f"Fixes #{issue}0")):
        branch(github, f"{name}-{issue}", "eA==", token)
        wish = {"title": "x", "head": f"{name}-{issue}", "base": "main", "body": body}
        github.github("POST", "/pulls", wish, token)
    assert copilot.look(str(issue)).pull is None


def test_copilot_that_cannot_be_assigned_is_said(github: World, issue: int, copilot: Copilot) -> None:
    role = "/collaborators/copilot-swe-agent[bot]"
    github.github("PUT", role, {"permission": "pull"})
    with pytest.raises(Permanent, match="did not assign Copilot"):
        copilot.open(a_brief(issue))
    github.github("PUT", role, {"permission": "push"})


def test_a_token_that_is_refused_is_said_and_not_shown(github: World, issue: int) -> None:
    stranger = Copilot(github.forge.ready["api"], "no-such-token", REPO)
    with pytest.raises(Permanent, match="user's token") as refused:
        stranger.open(a_brief(issue))
    assert "no-such-token" not in str(refused.value)
    stranger.close()


def test_a_github_that_does_not_answer_is_asked_again_later(github: World, issue: int, copilot: Copilot) -> None:
    switch, admin = f"{github.forge.ready['url']}/_forge/misbehave", {"X-Forge-Admin": FLEET}
    github.http.put(switch, json={"rules": [{"kind": "commit_then_502", "method": "POST", "times": 1}]}, headers=admin)
    with pytest.raises(Transient) as later:
        copilot.open(a_brief(issue))
    assert later.value.retry_after == 1
    assert opened(copilot.open(a_brief(issue))).state == "working"
    assigned = [e for e in github.github("GET", f"/issues/{issue}/events") if e["event"] == "assigned"]
    assert len(assigned) == 1


def test_claude_is_asked_by_its_label_and_a_branch_that_rests_without_a_pull_request_is_told(
    github: World, issue: int, claude: Claude, clock: VirtualClock
) -> None:
    brief = a_brief(issue)
    assert claude.find(brief) is None
    session = opened(claude.open(brief))
    assert (session.state, session.id) == ("working", str(issue))
    assert [one["name"] for one in github.github("GET", f"/issues/{issue}/labels")] == ["claude"]
    branch(github, f"claude/issue-{issue}-20260101-1200", "eA==", FLEET)
    branch(github, f"claude/issue-{issue}0-20260101-1200", "eA==", FLEET)
    clock.advance(_since(github, issue, clock))
    moving = claude.look(session.id)
    assert moving.state == "working"
    clock.advance(RESTS_AFTER.total_seconds() + 1)
    rested = claude.look(session.id)
    assert (rested.state, rested.pull) == ("completed", None)
    assert f"branch claude/issue-{issue}-20260101-1200 has rested for 10 minutes" in rested.detail
    wish = {"title": "x", "head": f"claude/issue-{issue}-20260101-1200", "base": "main"}
    pull = github.github("POST", "/pulls", wish)
    done = claude.look(session.id)
    assert done.pull
    assert (done.state, done.pull.number) == ("completed", pull["number"])


def test_neither_reads_words_that_come_later(issue: int, claude: Claude, copilot: Copilot) -> None:
    assert not claude.tell(str(issue), "hello")
    assert not copilot.tell(str(issue), "hello")


@pytest.mark.parametrize("bad", ["", "0", "1/../2", "x", "1 "])
def test_an_id_that_is_no_number_of_an_issue_is_refused(claude: Claude, copilot: Copilot, bad: str) -> None:
    for backend in (claude, copilot):
        with pytest.raises(Permanent, match="no number"):
            backend.look(bad)


def _since(github: World, issue: int, clock: VirtualClock) -> float:
    """Seconds from the virtual clock to the branch's newest commit."""
    tip = github.github("GET", f"/commits/claude/issue-{issue}-20260101-1200")["commit"]["committer"]["date"]
    return (datetime.fromisoformat(tip) - clock.now() + timedelta(seconds=1)).total_seconds()
