"""The commands that workflows call, run against a forge: labels, watchdog, escalate, and the fetching of a commit."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mission_control.cli import app
from mission_control.fleet.pulse import Heard, spoken
from mission_control.fleet.roster import ROLES
from mission_control.github import GithubSaysNo, Repository
from mission_control.herald.heartbeat import describing
from mission_control.workflows.escalate import labelled
from mission_control.workflows.labels import labels
from mission_control.workflows.once import Told, stepped
from mission_control.workflows.watchdog import watchdog
from shared.adapters.github import Address, connect
from shared.incident.labels import CATALOGUE, LEARNED, PULSE, SILENT
from shared.runtime.clock import SystemClock
from tests.workflows.conftest import BOT, REPO, World
from tests.workflows.files import steps

pytestmark = pytest.mark.scenario


def told_by_labels(world: World, capsys: pytest.CaptureFixture[str], *, sync: bool, as_json: bool = False) -> str:
    assert labels(world.settings(BOT), sync, as_json) == 0
    return capsys.readouterr().out


def listen(world: World, capsys: pytest.CaptureFixture[str]) -> str:
    assert watchdog(world.settings(BOT), timedelta(minutes=30)) == 0
    return capsys.readouterr().out


def test_labels_says_what_differs_and_changes_nothing_until_it_is_told_to(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = world.call("olivia", "GET", "/labels?per_page=100")
    dry = json.loads(told_by_labels(world, capsys, sync=False, as_json=True))
    assert {c["name"] for c in dry["changes"]} == {str(name) for name in CATALOGUE}
    assert world.call("olivia", "GET", "/labels?per_page=100") == before
    assert "make   sre:freeze: #000000" in told_by_labels(world, capsys, sync=True)
    again = told_by_labels(world, capsys, sync=False)
    assert again == f"{len(CATALOGUE)} labels are as they should be, 0 differ\n"


def test_labels_mends_a_changed_one_and_leaves_what_people_and_the_herald_wrote(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    told_by_labels(world, capsys, sync=True)
    world.call("olivia", "POST", "/labels", name="kind/bug", color="ffffff")
    world.call("olivia", "PATCH", "/labels/sre%3Ahold", new_name="SRE:Hold", color="123456")
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description="2026-01-01T00:00:00Z herald alone")
    told = told_by_labels(world, capsys, sync=True)
    assert "change sre:hold (now SRE:Hold): #000000" in told
    assert "1 differ (done)" in told
    there = {row["name"]: row for row in world.call("olivia", "GET", "/labels?per_page=100")}
    assert "kind/bug" in there
    assert "SRE:Hold" not in there
    assert there[PULSE]["description"] == "2026-01-01T00:00:00Z herald alone"


def silent_issues(world: World, state: str = "open") -> list[int]:
    return [row["number"] for row in world.call("olivia", "GET", f"/issues?labels={SILENT}&state={state}")]


def test_the_watchdog_opens_one_issue_for_a_silent_fleet_and_closes_it_when_it_is_heard(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    told_by_labels(world, capsys, sync=True)
    mine = world.call("olivia", "POST", "/issues", title="mine", body="keep", labels=[SILENT])["number"]
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description="")
    assert "The fleet was never heard. Opened http" in listen(world, capsys)
    assert "says so already" in listen(world, capsys)
    [silent] = [number for number in silent_issues(world) if number != mine]
    issue = world.call("olivia", "GET", f"/issues/{silent}")
    assert (issue["title"], issue["user"]["login"]) == ("Fleet silent", BOT)
    heard = spoken(Heard(datetime.now(UTC), frozenset(ROLES)))
    world.call("sre-fleet", "PATCH", "/labels/sre%3Aheartbeat", description=heard)
    assert f"the fleet is heard: {heard}; closed" in listen(world, capsys)
    assert silent_issues(world) == [mine], "what a person labelled is theirs to close"
    assert world.comments(silent) == ["The fleet is heard again."]


def test_what_the_herald_writes_is_what_the_watchdog_hears(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github = connect(Address(api_url=world.api, repo=REPO, token="sre-fleet-token"), tmp_path, SystemClock())
    try:
        if any(row["name"] == PULSE for row in world.call("olivia", "GET", "/labels?per_page=100")):
            github.wire.send("DELETE", f"/repos/{REPO}/labels/sre%3Aheartbeat")
        for age in (timedelta(hours=2), timedelta(0)):  # the first makes the label, the second finds it
            describing(github)(spoken(Heard(github.reads.now() - age, frozenset(ROLES))))
            assert ("last heard at" in listen(world, capsys)) == bool(age)
    finally:
        github.close()


def escalated(world: World, *numbers: int) -> dict[int, Told]:
    settings = world.settings("sre-fleet", tier3=("human",))
    return {told.number: told for told in stepped("escalation", settings, lambda i: numbers or labelled(i))}


def test_a_label_by_someone_who_may_not_write_escalates_nothing(world: World) -> None:
    number = world.incident("crash")
    world.label("rita", number)
    assert escalated(world, number) == {number: Told(number, True, "nothing to do")}
    assert world.comments(number) == []
    world.call("olivia", "PATCH", f"/issues/{number}", state="closed")


def test_a_permitted_label_is_escalated_by_the_sweep_and_a_second_sweep_adds_nothing(world: World) -> None:
    number, other = world.incident("oom"), world.incident("latency")
    world.label("olivia", number)
    first = escalated(world)
    assert first[number].ok
    assert first[number].text.startswith("said escalated"), first
    assert other not in first
    after = world.comments(number)
    assert any('"kind":"escalated"' in comment for comment in after)
    second = escalated(world)
    assert second[number].ok
    assert "said" not in second[number].text
    assert world.comments(number) == after


def test_an_issue_of_a_person_is_looked_at_and_left_alone(world: World) -> None:
    number = world.call("olivia", "POST", "/issues", title="hello", body="please change the code")["number"]
    world.label("olivia", number)
    assert escalated(world, number) == {number: Told(number, True, "nothing to do")}


def test_an_issue_that_is_not_there_fails_and_the_others_are_still_done(world: World) -> None:
    number = world.call("olivia", "POST", "/issues", title="hello", body="")["number"]
    told = escalated(world, 1_000_000, number)
    assert not told[1_000_000].ok
    assert told[1_000_000].text.startswith("cannot go on: ")
    assert told[number].ok


def test_a_sweep_is_one_line_an_issue_and_without_the_key_one_line_and_exit_2(world: World) -> None:
    number = world.call("olivia", "POST", "/issues", title="hello", body="")["number"]
    done = world.run("sre-fleet", "escalate", "--issue", str(number), SRE_TIER3="human")
    assert (done.returncode, done.stdout) == (0, f"#{number} ok: nothing to do\n"), done.stderr
    keyless = world.run("sre-fleet", "escalate", "--sweep", SRE_KEY="/nowhere/escalation.key")
    assert keyless.returncode == 2
    assert keyless.stderr.startswith("SRE_KEY: /nowhere/escalation.key")


@pytest.mark.parametrize("words", [["escalate"], ["escalate", "--sweep", "--issue", "1"]])
def test_an_escalation_is_of_named_issues_or_of_all(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


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


def test_a_label_that_somebody_else_took_off_first_is_off_and_any_other_refusal_is_told(world: World) -> None:
    number = world.incident("crash")
    world.label("olivia", number, LEARNED)
    olivia = Repository(world.api, REPO, "olivia-token")
    for _ in range(2):
        olivia.take_label(number, LEARNED)
    named = {row["name"] for row in world.call("olivia", "GET", f"/issues/{number}/labels")}
    assert LEARNED not in named
    with pytest.raises(GithubSaysNo, match="401"):
        Repository(world.api, REPO, "nobody").take_label(number, LEARNED)
