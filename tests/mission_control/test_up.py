"""`up` brings the embedded world to life, keeps it alive, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from shared.incident.labels import CATALOGUE
from tests.machine import clean_environment, free_ports, kill_marked, marked, port_is_free
from tests.mission_control.conftest import RunCommand
from tests.waiting import wait_for

pytestmark = pytest.mark.scenario


class Up:
    """One `up --no-fleet` as its own process."""

    def __init__(self, state: Path, base: int) -> None:
        self.state = state
        options = ["--plain", "--no-fleet", "--state", str(state), "--port-base", str(base)]
        with (state / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mission_control", "up", *options],
                env=clean_environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return (self.state / "said").read_text()

    @property
    def run(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.state / "run.json").read_text())
        return loaded

    def ready(self) -> None:
        wait_for(lambda: " up after " in self.said or self.process.poll() is not None, 40)
        assert self.process.poll() is None, self.said

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(15) == 0, self.said


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.ConnectionError:
        return False


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A world that the tests of this module share; its path is too long for a socket on purpose."""
    state = tmp_path_factory.mktemp("a-state-folder-" + "with-a-very-long-name-" * 4)
    base = free_ports(13)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 3))
        taken.listen()
        one = Up(state, base)
        one.ready()
        yield one
    if one.process.poll() is None:
        one.stop()
    kill_marked(state)


def test_run_json_names_everything_and_is_for_its_owner_only(up: Up) -> None:
    run = up.run
    assert set(run) == {
        "github", "kafka", "traces", "docker", "docker_readonly", "marketplace", "faults", "processes", "containers",
        "supervisor", "state", "workers", "knowledge", "dashboard",
    }  # fmt: skip
    assert set(run["github"]) == {"url", "api", "repo", "tokens"}
    assert set(run["github"]["tokens"]) == {"fleet", "operator", "outsider"}
    assert set(run["processes"]) == {"broker", "forge", "traces", "engine", "chroma", "jules", "deployer"}
    assert set(run["containers"]) == {"user-service", "policy-service", "quote-service", "frontend", "load"}
    assert run["supervisor"] == up.process.pid
    assert stat.S_IMODE((up.state / "run.json").stat().st_mode) == 0o600


def test_every_part_answers_where_run_json_says(up: Up) -> None:
    run = up.run
    assert all(requests.get(url, timeout=5).status_code == 200 for url in run["containers"].values())
    assert requests.get(f"{run['traces']['query']}/api/v3/services", timeout=5).status_code == 200
    assert requests.get(run["github"]["url"], timeout=5).status_code == 200
    wait_for(lambda: answers(f"{run['knowledge']}/api/v2/heartbeat"), 20, "Chroma, which nobody waits for, answers")
    host, _, port = run["kafka"].partition(":")
    socket.create_connection((host, int(port)), timeout=5).close()


def test_a_taken_port_is_replaced_and_said(up: Up) -> None:
    assert "is taken: query is at" in up.said


def test_the_repository_begins_with_the_patients_the_policy_and_the_keys(up: Up) -> None:
    github = up.run["github"]
    for path in (
        "protected_services/quote_service/app.py",
        "deploy/stack.yaml",
        "deploy/policy.yaml",
        "deploy/keys.toml",
    ):
        answer = requests.get(
            f"{github['api']}/repos/{github['repo']}/contents/{path}",
            headers={"Authorization": f"token {github['tokens']['outsider']}"},
            timeout=5,
        )
        assert answer.status_code == 200, path


def test_the_labels_of_the_fleet_are_there(up: Up) -> None:
    github = up.run["github"]
    answer = requests.get(
        f"{github['api']}/repos/{github['repo']}/labels?per_page=100",
        headers={"Authorization": f"token {github['tokens']['operator']}"},
        timeout=5,
    )
    assert {str(name) for name in CATALOGUE} <= {row["name"] for row in answer.json()}


def test_private_keys_are_readable_by_their_owner_only(up: Up) -> None:
    keys = list((up.state / "keys").iterdir())
    assert len(keys) == 7
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys)


def test_a_killed_server_comes_back_at_its_address_and_run_json_names_its_new_pid(up: Up) -> None:
    before = up.run
    os.kill(before["processes"]["forge"], signal.SIGKILL)
    wait_for(lambda: up.run["processes"].get("forge") not in (None, before["processes"]["forge"]))
    assert up.run["github"] == before["github"]
    wait_for(lambda: answers(f"{before['github']['api']}/meta"))


def test_the_freeze_switch_opens_one_issue_and_closes_it(up: Up, command: RunCommand) -> None:
    state = str(up.state)
    first = command("freeze", "--why", "a storm", "--state", state)
    assert first.returncode == 0, first.stderr
    assert command("freeze", "--state", state).stdout == first.stdout
    assert command("unfreeze", "--state", state).stdout.startswith("no longer frozen by: ")
    assert command("unfreeze", "--state", state).stdout == "was not frozen\n"


def test_status_and_doctor_find_nothing_wrong(up: Up, command: RunCommand) -> None:
    status = command("status", "--json", "--state", str(up.state))
    assert (status.returncode, json.loads(status.stdout)["troubles"]) == (0, [])
    doctor = command("doctor", "--json", "--state", str(up.state))
    assert [row for row in json.loads(doctor.stdout) if not row["ok"]] == []


def test_a_second_up_on_the_same_state_says_so(up: Up, command: RunCommand) -> None:
    second = command("up", "--plain", "--state", str(up.state))
    assert second.returncode == 1
    assert f"already up on {up.state} (pid {up.process.pid})" in second.stderr


def test_down_stops_all_of_it_and_leaves_no_process_no_port_and_no_run_json(up: Up, command: RunCommand) -> None:
    ports = [int(url.split(":")[2].split("/")[0]) for url in up.run["containers"].values()]
    assert marked(up.state)
    done = command("down", "--state", str(up.state))
    assert done.returncode == 0, done.stdout
    assert up.process.wait(5) == 0
    assert marked(up.state) == []
    assert all(port_is_free(port) for port in ports)
    assert not (up.state / "run.json").exists()
    assert command("status", "--state", str(up.state)).returncode == 1


def test_after_kill_9_of_the_supervisor_nothing_is_left_and_up_starts_again(state: Path) -> None:
    base = free_ports(12)
    first = Up(state, base)
    first.ready()
    first.process.kill()
    first.process.wait()
    wait_for(lambda: not marked(state))
    second = Up(state, base)
    second.ready()
    assert all(requests.get(url, timeout=5).status_code == 200 for url in second.run["containers"].values())
    second.stop()
    assert [process.pid for process in marked(state) if psutil.pid_exists(process.pid)] == []
