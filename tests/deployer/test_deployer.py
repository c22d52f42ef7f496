"""From a push to containers that run it, on the embedded forge and the embedded engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mission_control.deployer.release import BadRelease, NoRelease
from mission_control.terminal.shapes import STABLE
from tests.deployer.world import ALL, PROGRAM, Shop, stack
from tests.machine import ROOT
from tests.shapes import faults
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(120)


def test_the_first_deploy_makes_everything_and_says_so_on_the_commit(shop: Shop) -> None:
    outcome = shop.deployer().deploy(shop.head.now())
    assert (outcome.state, outcome.touched) == ("success", ALL)
    assert set(shop.ids()) == set(ALL)
    (pending, done) = shop.statuses(shop.first)
    assert pending == ("pending", f"deploying {', '.join(ALL)}")
    assert done[0] == "success"
    assert done[1].startswith(f"{', '.join(ALL)} healthy after ")
    again = shop.deployer().deploy(shop.first)
    assert (again.state, again.touched) == ("success", ())
    assert len(shop.statuses(shop.first)) == 2, "what is known already is not said again"


def test_the_command_tells_a_program_how_it_went_in_its_stable_shape(shop: Shop) -> None:
    shop.write_run()
    argv = [sys.executable, "-m", "mission_control", "deploy", "--json", "--state", str(shop.state)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert list(faults(told, STABLE["deploy"])) == []
    assert (done.returncode, told["sha"], told["state"], told["touched"]) == (0, shop.first, "success", list(ALL))


def test_a_commit_touches_what_it_changes_and_what_was_merged_is_what_runs(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    before = shop.ids()
    lever = shop.commit({"deploy/stack.yaml": stack(policy_service="2")})
    assert deployer.deploy(lever).touched == ("policy-service",)
    assert shop.anew_since(before) == {"policy-service"}
    assert shop.says("policy-service") == {"word": "first", "key": "2", "version": lever[:12]}
    before = shop.ids()
    code = shop.commit({"protected_services/frontend/__main__.py": PROGRAM.replace('"first"', '"second"')})
    deployer.deploy(code)
    assert shop.anew_since(before) == {"frontend"}
    assert shop.says("frontend")["word"] == "second"
    before = shop.ids()
    remarked = stack(policy_service="2") + "# a remark\n"
    words = shop.commit({"README.md": "# other words\n", "deploy/stack.yaml": remarked})
    assert deployer.deploy(words).text == "changes no service"
    assert shop.anew_since(before) == set()
    assert shop.statuses(words) == [("success", "changes no service")]
    kept = {folder.name for folder in (shop.state / "deploy" / "releases").iterdir()}
    assert kept == {shop.first, lever, code, words}, "what some container runs is kept, the rest pruned"


def test_what_crashed_is_the_fleets_and_no_other_deploy_touches_it(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    shop.client.containers.get("user-service").kill()
    before = shop.ids()
    outcome = deployer.deploy(shop.commit({"deploy/stack.yaml": stack(frontend="2")}))
    assert (outcome.state, outcome.touched) == ("success", ("frontend",))
    assert shop.anew_since(before) == {"frontend"}
    assert shop.client.containers.get("user-service").status == "exited"
    shop.client.containers.get("user-service").restart()  # as the Fixer does
    assert deployer.deploy(shop.commit({"README.md": "# x\n"})).touched == ()
    assert shop.client.containers.get("user-service").status == "running"


def test_a_deploy_that_does_not_become_healthy_is_said_with_its_last_words_and_the_next_good_one_deploys(
    shop: Shop,
) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    bad = shop.commit({"deploy/stack.yaml": stack(policy_service="bad token=hunter2222 " + "x" * 150)})
    outcome = deployer.deploy(bad)
    assert outcome.state == "failure"
    (_, (state, text)) = shop.statuses(bad)
    assert state == "failure"
    assert text.startswith("policy-service exited with 1 after ")
    assert "KEY must not be bad token=[redacted] xxx" in text
    assert len(text) <= 140
    assert shop.client.containers.get("policy-service").status == "exited", "left as it is: nothing is rolled back"
    good = shop.commit({"deploy/stack.yaml": stack(policy_service="2")})
    assert deployer.deploy(good).state == "success"
    assert [state for state, _ in shop.statuses(bad)] == ["pending", "failure"], "a failure stays one"


def test_one_that_stays_ill_is_given_up_after_a_bounded_time(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    deployer.healthy_within = 2.0
    outcome = deployer.deploy(shop.commit({"deploy/stack.yaml": stack(policy_service="ill")}))
    assert outcome.state == "failure"
    assert outcome.text.startswith("policy-service ")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"deploy/stack.yaml": "services: ["}, "deploy/stack.yaml"),
        ({"deploy/stack.yaml": '{"message": "Not Found", "status": "404"}'}, "deploy/stack.yaml"),
        ({"deploy/stack.yaml": stack().replace("KEY", "PORT", 1)}, "user-service: PORT is for the deployer to say"),
    ],
)
def test_a_stack_that_cannot_be_read_is_a_failure_on_its_commit_and_nothing_is_touched(
    shop: Shop, files: dict[str, str | None], says: str
) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    before = shop.ids()
    bad = shop.commit(files)
    assert deployer.deploy(bad).state == "failure"
    ((state, text),) = shop.statuses(bad)
    assert state == "failure"
    assert text.startswith(f"not deployed: {says}")
    assert shop.anew_since(before) == set()


def test_a_commit_without_a_stack_is_none_to_deploy(shop: Shop) -> None:
    with pytest.raises(NoRelease):
        shop.deployer().deploy(shop.commit({"deploy/stack.yaml": None}))


def test_a_link_is_no_source(shop: Shop) -> None:
    link = shop.state.parent / "clone" / "protected_services" / "common" / "leak.py"
    link.symlink_to("/etc/passwd")
    with pytest.raises(BadRelease, match=r"leak.py is no ordinary file"):
        shop.releases().make(shop.commit({"README.md": "# x\n"}))


def test_killed_in_the_middle_it_is_finished_by_the_next_and_reported_whole(shop: Shop) -> None:
    shop.deployer().deploy(shop.first)
    before = shop.ids()
    sha = shop.commit({"protected_services/__init__.py": "# new\n"})
    with shop.command() as process:
        wait_for(lambda: len(shop.anew_since(before)) >= 2, 30, "two of five are made anew")
        os.kill(process.pid, signal.SIGKILL)
    assert shop.deployer().journal.finished is False
    outcome = shop.deployer().deploy(sha)
    assert (outcome.state, outcome.touched) == ("success", ALL)
    assert shop.anew_since(before) == set(ALL)
    assert [state for state, _ in shop.statuses(sha)][-1] == "success"
    assert shop.all_run()


def test_the_newest_of_several_commits_wins_and_those_before_it_are_told(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    older = [shop.commit({"deploy/stack.yaml": stack(frontend=str(n))}) for n in (2, 3)]
    newest = shop.commit({"deploy/stack.yaml": stack(frontend="4")})
    before = shop.ids()
    with shop.following(deployer):
        wait_for(lambda: shop.statuses(newest)[-1:] and shop.statuses(newest)[-1][0] == "success", 30, "deployed")
        wait_for(lambda: all(shop.statuses(sha) for sha in older), 10, "told")
    assert shop.anew_since(before) == {"frontend"}
    assert shop.says("frontend")["key"] == "4"
    for sha in older:
        ((state, text),) = shop.statuses(sha)
        assert state == "success"
        assert text.startswith(f"with {newest[:10]}: frontend healthy after ")


def test_what_an_overtaken_deploy_had_begun_is_answered_for_by_the_one_that_overtook_it(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    overtaken = shop.commit({"deploy/stack.yaml": stack(user_service="bad")})
    begun = replace(deployer.journal, sha=overtaken, finished=False, touched=("frontend",))
    begun.write(deployer.folder / "journal.json")
    shop.client.api.stop(shop.ids()["frontend"], timeout=1)
    newest = shop.commit({"deploy/stack.yaml": stack(policy_service="2")})
    outcome = deployer.deploy(newest)
    assert outcome.touched == ("frontend", "policy-service")
    assert outcome.state == "failure"
    assert outcome.text.startswith("frontend exited with 0")
    assert [state for state, _ in shop.statuses(overtaken)] == ["failure"]


def test_a_cure_does_not_wait_for_the_ill_one_to_be_given_up(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    with shop.following(deployer):
        ill = shop.commit({"deploy/stack.yaml": stack(frontend="ill")})
        wait_for(lambda: shop.statuses(ill), 20, "the ill one is being deployed")
        cure = shop.commit({"deploy/stack.yaml": stack(frontend="2")})
        wait_for(lambda: [s for s, _ in shop.statuses(cure)] == ["pending", "success"], 20, "the cure is deployed")
        wait_for(lambda: len(shop.statuses(ill)) == 2, 10, "the ill one is told")
    assert shop.statuses(ill)[-1][1].startswith(f"with {cure[:10]}: ")
    assert shop.says("frontend")["key"] == "2"


def test_following_asks_with_an_etag_and_nothing_changes_without_a_push(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    before = shop.ids()
    with shop.following(deployer):
        wait_for(lambda: sum(row["status"] == 304 for row in shop.forge.log()) >= 5, 10, "304s")
    asked = [row for row in shop.forge.log() if row["path"].endswith("/git/ref/heads/main")]
    assert [row["status"] for row in asked].count(200) == 1
    assert shop.anew_since(before) == set()


def test_what_github_does_not_take_now_is_said_later(shop: Shop) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    shop.forge.misbehave(rules=[{"kind": "fail_502", "method": "POST", "path": ".*/statuses/.*", "times": -1}])
    sha = shop.commit({"deploy/stack.yaml": stack(frontend="2")})
    assert deployer.deploy(sha).state == "success"
    assert shop.statuses(sha) == []
    shop.forge.misbehave()
    shop.deployer().pay()
    assert [state for state, _ in shop.statuses(sha)] == ["success"]
    shop.deployer().pay()
    assert len(shop.statuses(sha)) == 1


def test_rewritten_history_is_deployed_like_any_other(shop: Shop, tmp_path: Path) -> None:
    deployer = shop.deployer()
    deployer.deploy(shop.first)
    deployer.deploy(shop.commit({"deploy/stack.yaml": stack(frontend="2")}))
    answer = shop.forge.session().patch(
        f"{shop.forge.repo}/git/refs/heads/main", json={"sha": shop.first, "force": True}
    )
    assert answer.status_code == 200
    assert deployer.deploy(shop.head.now()).touched == ("frontend",)
    assert shop.says("frontend")["key"] == "1"
