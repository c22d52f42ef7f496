"""`init` on a repository that knows nothing of the fleet: one pull request, private keys stay here, nothing acts."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path

import pytest
import yaml

from mission_control.init.files import FORM, KEYRING, LABELS, MEANS, SYNC, WATCHDOG, Program, files
from mission_control.terminal import shapes
from shared.incident.signing import parse_keyring
from shared.policy.model import parse_policy
from shared.recall.grants import POLICY
from tests.shapes import faults
from tests.workflows.checkers import schema, zizmor
from tests.workflows.conftest import World

pytestmark = pytest.mark.scenario
SERVICES = ("web", "api-1")
GIVEN = [argument for name in SERVICES for argument in ("--service", name)]
PROGRAM = Program("platform/sre-space", "0" * 40)


def folder(world: World) -> Path:
    return world.state / "fleets" / "sre-space--marketplace"


def read(world: World, path: str, ref: str) -> str:
    return base64.b64decode(world.call("olivia", "GET", f"/contents/{path}?ref={ref}")["content"]).decode()


def test_nothing_is_opened_until_somebody_says_yes(world: World) -> None:
    shown = world.run("sre-fleet", "init", *GIVEN, "--dry-run")
    assert (shown.returncode, POLICY in shown.stdout) == (0, True)
    told = json.loads(world.run("sre-fleet", "init", *GIVEN, "--dry-run", "--json").stdout)
    assert list(faults(told, shapes.STABLE["init"])) == []
    assert (POLICY in told["new"], told["pull"], told["env"]) == (True, None, None)
    assert not folder(world).exists(), "a dry run makes no key"
    unasked = world.run("sre-fleet", "init", *GIVEN)
    assert (unasked.returncode, "nothing was changed" in unasked.stderr) == (6, True)
    assert world.call("olivia", "GET", "/pulls?state=all") == []


def test_one_pull_request_brings_everything_and_a_second_time_finds_it(world: World) -> None:
    told = [
        json.loads(world.run("sre-fleet", "init", *GIVEN, "--source", PROGRAM.repo, "--yes", "--json").stdout)
        for _ in range(2)
    ]
    assert told[0] == told[1]
    assert list(faults(told[0], shapes.STABLE["init"])) == []
    (pull,) = world.call("olivia", "GET", "/pulls?state=all")
    branch = told[0]["pull"]["branch"]
    assert (pull["number"], pull["head"]["ref"]) == (told[0]["pull"]["number"], branch)
    assert told[0]["new"] == sorted(MEANS)
    assert all(f"`{path}`" in pull["body"] for path in MEANS)
    policy = parse_policy(read(world, POLICY, branch))
    assert set(policy.services) == set(SERVICES)
    assert all(policy.asks(name, "oom", "restart") for name in SERVICES)
    keyring = parse_keyring(read(world, KEYRING, branch))
    assert keyring.accounts == {"sre-fleet"}
    own = sorted((folder(world) / "keys").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in own} == {0o600}
    sent = "".join(read(world, path, branch) for path in MEANS)
    assert "PRIVATE KEY" not in sent
    assert "sre-fleet-token" not in sent + (folder(world) / "fleet.env").read_text()


def test_the_fleet_can_be_started_with_what_it_leaves(world: World) -> None:
    env = dict(
        line.split("=", 1)
        for line in (folder(world) / "fleet.env").read_text().splitlines()
        if not line.startswith("#")
    )
    assert env["SRE_MERGE"] == "propose"
    assert parse_policy(Path(env["SRE_POLICY"]).read_text()).services.keys() == set(SERVICES)
    checked = world.run("sre-fleet", "doctor", "--json", **env)
    found = {row["id"]: row["ok"] for row in json.loads(checked.stdout)}
    assert found["policy"]
    assert found["keyring"]


def test_what_is_there_is_left_and_other_keys_stop_it(world: World) -> None:
    (pull,) = world.call("olivia", "GET", "/pulls")
    world.call("olivia", "PUT", f"/pulls/{pull['number']}/merge", sha=pull["head"]["sha"])
    again = world.run("sre-fleet", "init", "--service", "other", "--source", PROGRAM.repo, "--yes")
    assert (again.returncode, "nothing is missing" in again.stdout) == (0, True)
    env = folder(world) / "fleet.env"
    env.unlink()
    dry = world.run("sre-fleet", "init", *GIVEN, "--source", PROGRAM.repo, "--dry-run")
    assert (dry.returncode, "  new " in dry.stdout, env.exists()) == (0, False, False), dry.stdout
    stranger = world.run("sre-fleet", "init", *GIVEN, "--yes", "--state", str(world.state / "elsewhere"))
    assert (stranger.returncode, "with other keys" in stranger.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--yes",), "at least one container must be named"),
        (("--service", "a b", "--yes"), "a b must be named exactly"),
        ((*GIVEN, "--source", "nowhere", "--yes"), "must be owner/name"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(world: World, arguments: tuple[str, ...], why: str) -> None:
    done = world.run("sre-fleet", "init", *arguments, DOCKER_HOST="unix:///nowhere.sock")
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr


def test_an_empty_repository_is_told_apart(tmp_path: Path, world: World) -> None:
    done = world.run("sre-fleet", "init", *GIVEN, "--repo", "sre-space/nothing-here", "--yes")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_its_workflows_and_form_are_as_sound_as_ours(tmp_path: Path) -> None:
    made = files(SERVICES, "", PROGRAM)
    for path in (WATCHDOG, SYNC, FORM):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(made[path])
    done = zizmor(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = schema("vendor.github-workflows", tmp_path / WATCHDOG, tmp_path / SYNC)
    assert told.returncode == 0, told.stdout
    assert schema("vendor.github-issue-forms", tmp_path / FORM).returncode == 0
    for path in (WATCHDOG, SYNC):
        fetched = re.search(r'git fetch .*"(\S+)" "(\w{40})"', made[path])
        assert fetched is not None
        assert fetched[1].endswith("/platform/sre-space.git")
        assert "SRE_SPACE ==" not in made[path], "the owner would have to switch it on"
    choices = yaml.safe_load(made[FORM])["body"][1]["attributes"]["options"]
    assert choices == [*SERVICES, "the fleet itself", "I do not know"]


def test_without_a_copy_of_the_program_there_are_no_workflows() -> None:
    assert files(SERVICES, "", None).keys() == MEANS.keys() - {WATCHDOG, SYNC}
    assert LABELS in files(SERVICES, "", None)


@pytest.mark.parametrize("name", ["", "a: b", "../x", "{{ x }}"])
def test_a_name_that_cannot_stand_in_a_policy_makes_none(name: str) -> None:
    with pytest.raises(ValueError, match="policy"):
        files((name,), "", None)
