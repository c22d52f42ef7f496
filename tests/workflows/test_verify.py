"""`/verify` as a comment: what the workflow runs, on a forge, with the event file that GitHub would lay out."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mission_control.terminal.shapes import STABLE
from tests.shapes import faults
from tests.workflows.conftest import BOT, World

CODE = "protected_services/policy_service/rules.py"
BAD, GOOD = "KEPT = []\nBOUND = None\n", "KEPT = []\nBOUND = 100\n"
REPRODUCTION = f"""
import pathlib, sys
code = pathlib.Path({CODE!r})
sys.exit(1 if code.exists() and "BOUND = None" in code.read_text() else 0)
"""
bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap here")


def put(world: World, path: str, text: str, branch: str = "main") -> None:
    """A developer commits one file."""
    body: dict[str, Any] = {"content": base64.b64encode(text.encode()).decode(), "branch": branch}
    there = [f for f in world.call("olivia", "GET", f"/git/trees/{branch}?recursive=1")["tree"] if f["path"] == path]
    if there:
        body["sha"] = there[0]["sha"]
    world.call("olivia", "PUT", f"/contents/{path}", message=f"Write {path}", **body)


@pytest.fixture(scope="module")
def incident(world: World) -> int:
    """Of a repository that was well, and is not any more."""
    for path, text in (("deploy/reproduction.py", REPRODUCTION), (CODE, GOOD), (CODE, BAD)):
        put(world, path, text)
    return world.incident("oom")


@pytest.fixture
def pull(world: World, incident: int, request: pytest.FixtureRequest) -> int:
    """A pull request of a person that mends it; by its mark, one that changes something else."""
    path, text = getattr(request, "param", (CODE, GOOD))
    head = world.call("olivia", "GET", "/git/ref/heads/main")["object"]["sha"]
    branch = f"mend-{abs(hash(request.node.name))}"
    world.call("olivia", "POST", "/git/refs", ref=f"refs/heads/{branch}", sha=head)
    put(world, path, text, branch)
    body = f"Fixes #{incident}: the list of policies is bounded now."
    opened = world.call(
        "olivia", "POST", "/pulls", title="Bound the list of policies", head=branch, base="main", body=body
    )
    return int(opened["number"])


def said(world: World, login: str, pull: int, body: str) -> dict[str, Any]:
    """A comment, as the event tells of it."""
    comment = world.call(login, "POST", f"/issues/{pull}/comments", body=body)
    issue = world.call("olivia", "GET", f"/issues/{pull}")
    return {"action": "created", "issue": issue, "comment": comment}


def verify(world: World, tmp_path: Path, event: object) -> subprocess.CompletedProcess[str]:
    """As the workflow calls it, with the token that GitHub gives to workflows."""
    file = tmp_path / "event.json"
    file.write_text(event if isinstance(event, str) else json.dumps(event))
    return world.run(BOT, "verify-comment", str(file))


def statuses(world: World, pull: int) -> dict[str, str]:
    head = world.call("olivia", "GET", f"/pulls/{pull}")["head"]["sha"]
    return {s["context"]: s["state"] for s in world.call("olivia", "GET", f"/commits/{head}/statuses")}


@bwrap
def test_a_person_who_may_write_has_a_pull_request_proved_and_its_statuses_said(
    world: World, pull: int, tmp_path: Path
) -> None:
    done = verify(world, tmp_path, said(world, "olivia", pull, "Looks right.\n\n/verify"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("PROVED\n")
    assert statuses(world, pull) == {
        f"sre-space/{name}": "success" for name in ("sound", "base-is-red", "head-is-green", "control-is-quiet")
    }


@pytest.mark.parametrize("pull", [(".github/workflows/ci.yml", "on: push\njobs: {}\n")], indirect=True)
def test_what_is_not_sound_is_refuted_and_nothing_of_it_runs(world: World, pull: int, tmp_path: Path) -> None:
    done = verify(world, tmp_path, said(world, "olivia", pull, "/verify"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "REFUTED"), done.stdout + done.stderr
    assert statuses(world, pull) == {"sre-space/sound": "failure"}


@pytest.mark.parametrize("pull", [(".github/workflows/ci.yml", "name: as no other test\n")], indirect=True)
def test_what_a_program_reads_of_a_proof_has_its_stable_shape(world: World, pull: int) -> None:
    done = world.run(BOT, "verify-jules-pr", str(pull), "--no-status", "--json")
    told = json.loads(done.stdout)
    assert list(faults(told, STABLE["verify-jules-pr"])) == []
    assert (done.returncode, told["pull"], told["verdict"]) == (1, pull, "refuted")
    assert [(one["name"], one["ok"]) for one in told["checks"]] == [("sound", False)]
    assert statuses(world, pull) == {}


@pytest.mark.parametrize(
    ("login", "body", "why"),
    [
        ("rita", "/verify", "/verify needs write permission, its author has triage"),
        ("olivia", "Did anybody say `/verify` here?", "does not say /verify"),
        ("olivia", "> /verify", "does not say /verify"),
        ("olivia", "```\n/verify\n```", "does not say /verify"),
        ("olivia", "/approve", "does not say /verify"),
    ],
)
def test_who_may_not_or_does_not_ask_starts_nothing(
    world: World, pull: int, tmp_path: Path, login: str, body: str, why: str
) -> None:
    done = verify(world, tmp_path, said(world, login, pull, body))
    assert (done.returncode, done.stderr) == (0, "")
    assert why in done.stdout
    assert statuses(world, pull) == {}


def test_what_counts_is_the_comment_as_it_stands_and_not_the_event(world: World, pull: int, tmp_path: Path) -> None:
    event = said(world, "rita", pull, "/verify")
    event["comment"] |= {"user": {"login": "olivia"}, "author_association": "OWNER"}
    assert "its author has triage" in verify(world, tmp_path, event).stdout
    harmless = said(world, "olivia", pull, "thank you")
    harmless["comment"]["body"] = "/verify"
    assert "does not say /verify" in verify(world, tmp_path, harmless).stdout
    assert statuses(world, pull) == {}


def test_a_comment_on_another_pull_request_is_not_taken_for_this_one(
    world: World, pull: int, incident: int, tmp_path: Path
) -> None:
    event = said(world, "olivia", pull, "/verify")
    event["issue"]["number"] = incident
    done = verify(world, tmp_path, event)
    assert done.returncode == 1
    assert f"is not on pull request {incident}" in done.stderr


def test_a_comment_on_an_issue_is_not_verified(world: World, incident: int, tmp_path: Path) -> None:
    done = verify(world, tmp_path, said(world, "olivia", incident, "/verify"))
    assert (done.returncode, done.stdout) == (0, "nothing to verify: the event is no comment on a pull request\n")


@pytest.mark.parametrize(
    "event", ["", "[]", "{}", '{"action": "created", "issue": {"pull_request": {}, "number": "x"}}']
)
def test_a_file_that_is_no_event_is_one_plain_line(world: World, tmp_path: Path, event: str) -> None:
    done = verify(world, tmp_path, event)
    assert len((done.stderr or done.stdout).splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
