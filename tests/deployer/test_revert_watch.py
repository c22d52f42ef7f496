"""What the demonstration's witness says of a pull request that takes a bad commit back, against the local forge."""

from __future__ import annotations

import pytest

from mission_control.demo.revert import RevertWatch
from mission_control.github import Repository
from mission_control.world.as_developer import STACK, Developer, with_value
from tests.deployer.world import Shop
from tests.engine.hosts import ROOT
from tests.forge.conftest import FLEET, OPERATOR, REPO

GOOD = (ROOT / STACK).read_text(encoding="utf-8")


class Scene:
    """A bad commit by a developer and an open issue of it."""

    def __init__(self, shop: Shop) -> None:
        shop.commit({STACK: GOOD})
        self.fleet, self.operator = (Repository(shop.forge.api, REPO, token) for token in (FLEET, OPERATOR))
        self.api = shop.forge.api
        self.watch = RevertWatch(self.operator, several_accounts=True)
        self.issue = int(self.fleet.call("POST", "/issues", json={"title": "Lost sales"}).json()["number"])
        self.bad = self.commit(OPERATOR)

    def commit(self, token: str, value: str = "0.5") -> str:
        return Developer(self.api, REPO, token).set("policy-service", "MAX_RISK_FACTOR", value, "Align the limit").sha

    def propose(self, branch: str, text: str) -> int:
        developer = Developer(self.api, REPO, FLEET)
        _, head = developer.head()
        self.fleet.call("POST", "/git/refs", json={"ref": f"refs/heads/{branch}", "sha": head})
        developer.commit(branch, head, {STACK: text.encode()}, "Take it back")
        body = {"title": "Take it back", "head": branch, "base": "main"}
        return int(self.fleet.call("POST", "/pulls", json=body).json()["number"])

    def merge(self, number: int) -> None:
        self.fleet.call("PUT", f"/pulls/{number}/merge", json={})

    def close(self) -> None:
        self.fleet.call("PATCH", f"/issues/{self.issue}", json={"state": "closed"})

    def wrong(self) -> list[str]:
        return list(self.watch.wrong(self.bad, self.issue))


@pytest.fixture
def scene(shop: Shop) -> Scene:
    return Scene(shop)


def test_one_merged_pull_request_that_gives_the_file_back_is_as_it_should_be(scene: Scene) -> None:
    number = scene.propose("back", GOOD)
    assert [row["merged_at"] for row in scene.watch.pulls()] == [None]
    scene.merge(number)
    scene.close()
    assert [row["number"] for row in scene.watch.pulls() if row["merged_at"]] == [number]
    assert scene.wrong() == []


def test_none_two_and_one_that_changes_something_else_are_wrong(scene: Scene) -> None:
    assert scene.wrong() == ["0 pull requests were opened, not one"]
    other = with_value(GOOD, "policy-service", "MAX_RISK_FACTOR", "1.7")
    scene.merge(scene.propose("other", other))
    assert scene.wrong() == [f"{STACK} is not what it was before {scene.bad[:10]}"]
    scene.propose("back", GOOD)
    assert "2 pull requests were opened, not one" in scene.wrong()


def test_a_commit_by_the_fleets_own_account_is_no_developers(scene: Scene) -> None:
    scene.merge(scene.propose("back", GOOD))
    scene.bad = scene.commit(FLEET, "0.9")
    scene.watch = RevertWatch(scene.operator, several_accounts=True)
    text = with_value(GOOD, "policy-service", "MAX_RISK_FACTOR", "1.8")
    scene.merge(scene.propose("again", text))
    assert scene.wrong() == [f"{scene.bad[:10]} is by the fleet itself"]
