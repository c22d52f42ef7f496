"""The commands that workflows call, run against a forge: labels, watchdog, escalate, and the fetching of a commit."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mission_control.pulse import Heard, spoken
from mission_control.roster import ROLES
from shared.incident.labels import CATALOGUE, PULSE, SILENT
from shared.runtime.clock import SystemClock
from tests.workflows.conftest import BOT, REPO, World
from tests.workflows.files import steps

pytestmark = pytest.mark.scenario


def test_labels_says_what_differs_and_changes_nothing_until_it_is_told_to(world: World) -> None:
    before = world.call("olivia", "GET", "/labels?per_page=100")
    dry = world.run(BOT, "labels", "--json")
    assert dry.returncode == 0, dry.stderr
    assert {c["name"] for c in json.loads(dry.stdout)["changes"]} == {str(name) for name in CATALOGUE}
    assert world.call("olivia", "GET", "/labels?per_page=100") == before
    done = world.run(BOT, "labels", "--sync")
    assert done.returncode == 0, done.stderr
    assert "make   sre:freeze: #000000" in done.stdout
    again = world.run(BOT, "labels")
    assert again.stdout == f"{len(CATALOGUE)} labels are as they should be, 0 differ\n"


def test_labels_mends_a_changed_one_and_leaves_what_people_and_the_herald_wrote(world: World) -> None:
    world.run(BOT, "labels", "--sync")
    world.call("olivia", "POST", "/labels", name="kind/bug", color="ffffff")
    world.call("olivia", "PATCH", "/labels/sre%3Ahold", new_name="SRE:Hold", color="123456")
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description="2026-01-01T00:00:00Z herald alone")
    done = world.run(BOT, "labels", "--sync")
    assert "change sre:hold (now SRE:Hold): #000000" in done.stdout, done.stdout + done.stderr
    assert "1 differ (done)" in done.stdout
    there = {row["name"]: row for row in world.call("olivia", "GET", "/labels?per_page=100")}
    assert "kind/bug" in there
    assert "SRE:Hold" not in there
    assert there[PULSE]["description"] == "2026-01-01T00:00:00Z herald alone"


def silent_issues(world: World, state: str = "open") -> list[int]:
    return [row["number"] for row in world.call("olivia", "GET", f"/issues?labels={SILENT}&state={state}")]


def test_the_watchdog_opens_one_issue_for_a_silent_fleet_and_closes_it_when_it_is_heard(world: World) -> None:
    world.run(BOT, "labels", "--sync")
    mine = world.call("olivia", "POST", "/issues", title="mine", body="keep", labels=[SILENT])["number"]
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description="")
    first, second = world.run(BOT, "watchdog"), world.run(BOT, "watchdog")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "The fleet was never heard. Opened http" in first.stdout
    assert "says so already" in second.stdout
    [silent] = [number for number in silent_issues(world) if number != mine]
    issue = world.call("olivia", "GET", f"/issues/{silent}")
    assert (issue["title"], issue["user"]["login"]) == ("Fleet silent", BOT)
    heard = spoken(Heard(datetime.now(UTC), frozenset(ROLES)))
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description=heard)
    third = world.run(BOT, "watchdog")
    assert f"the fleet is heard: {heard}; closed" in third.stdout, third.stdout + third.stderr
    assert silent_issues(world) == [mine], "what a person labelled is theirs to close"
    assert world.comments(silent) == ["The fleet is heard again."]


def test_what_the_herald_writes_is_what_the_watchdog_hears(world: World, tmp_path: Path) -> None:
    from mission_control.herald.heartbeat import describing
    from shared.adapters.github import Address, connect

    github = connect(Address(api_url=world.api, repo=REPO, token="sre-fleet-token"), tmp_path, SystemClock())
    try:
        requests_path = "/labels/sre%3Aheartbeat"
        if any(row["name"] == PULSE for row in world.call("olivia", "GET", "/labels?per_page=100")):
            github.wire.send("DELETE", f"/repos/{REPO}{requests_path}")
        for age in (timedelta(hours=2), timedelta(0)):  # the first makes the label, the second finds it
            describing(github)(spoken(Heard(github.reads.now() - age, frozenset(ROLES))))
            told = world.run(BOT, "watchdog").stdout
            assert ("last heard at" in told) == bool(age), told
    finally:
        github.close()


def escalate(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return world.run("sre-fleet", "escalate", *arguments, SRE_TIER3="human")


def test_a_label_by_someone_who_may_not_write_escalates_nothing(world: World) -> None:
    number = world.incident("crash")
    world.label("rita", number)
    done = escalate(world, "--issue", str(number))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"#{number} ok: nothing to do\n"
    assert world.comments(number) == []
    world.call("olivia", "PATCH", f"/issues/{number}", state="closed")


def test_a_permitted_label_is_escalated_by_the_sweep_and_a_second_sweep_adds_nothing(world: World) -> None:
    number, other = world.incident("oom"), world.incident("latency")
    world.label("olivia", number)
    first = escalate(world, "--sweep")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.startswith(f"#{number} ok: said escalated"), first.stdout
    assert f"#{other} " not in first.stdout
    after = world.comments(number)
    assert any('"kind":"escalated"' in comment for comment in after)
    second = escalate(world, "--sweep")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "said" not in second.stdout
    assert world.comments(number) == after


def test_an_issue_of_a_person_is_looked_at_and_left_alone(world: World) -> None:
    number = world.call("olivia", "POST", "/issues", title="hello", body="please change the code")["number"]
    world.label("olivia", number)
    done = escalate(world, "--issue", str(number))
    assert (done.returncode, done.stdout) == (0, f"#{number} ok: nothing to do\n"), done.stderr


def test_an_issue_that_is_not_there_is_a_line_and_exit_1_and_the_others_are_still_done(world: World) -> None:
    number = world.call("olivia", "POST", "/issues", title="hello", body="")["number"]
    done = escalate(world, "--issue", "1000000", "--issue", str(number))
    assert done.returncode == 1
    assert "#1000000 FAILED: cannot go on: " in done.stdout
    assert f"#{number} ok: " in done.stdout


def test_neither_issue_nor_sweep_and_a_missing_key_are_said_before_anything_is_done(world: World) -> None:
    neither = world.run("sre-fleet", "escalate")
    assert (neither.returncode, "either --issue N or --sweep" in neither.stderr) == (2, True)
    keyless = world.run("sre-fleet", "escalate", "--sweep", SRE_KEY="/nowhere/escalation.key")
    assert keyless.returncode == 2
    assert keyless.stderr.startswith("SRE_KEY: /nowhere/escalation.key")


def test_the_first_step_of_every_job_fetches_its_commit_and_leaves_no_credential(world: World, tmp_path: Path) -> None:
    head = world.call("olivia", "PUT", "/contents/one.txt", message="one", content="b25l")["commit"]["sha"]
    world.call("olivia", "PUT", "/contents/two.txt", message="two", content="dHdv")
    fetch = next(steps()).body["run"]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "TOKEN": f"{BOT}-token",
        "GITHUB_SERVER_URL": world.site,
        "GITHUB_REPOSITORY": REPO,
        "GITHUB_SHA": head,
    }
    folder = tmp_path / "work"
    (folder / ".venv").mkdir(parents=True)
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", fetch]  # as GitHub runs `shell: bash`
    for _ in range(2):  # a runner of one's own keeps the folder
        done = subprocess.run(bash, cwd=folder, env=env, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        (folder / "left-over").write_text("of the run before")
    assert subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip() == head
    assert (folder / "one.txt").read_text() == "one"
    assert not (folder / "two.txt").exists()
    kept = "".join(file.read_text(errors="replace") for file in (folder / ".git").rglob("*") if file.is_file())
    assert "-token" not in kept
    assert "xtraheader" not in kept.lower()
