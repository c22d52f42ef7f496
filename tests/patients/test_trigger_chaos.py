"""trigger_chaos.py as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from protected_services.common.faultfile import parse_faults, read_catalogue
from tests.patients.shop import ROOT, Shop
from tests.waiting import wait_for

RUN: dict[str, Any] = {
    "github": {"url": "http://127.0.0.1:3000", "repo": "acme/shop"},
    "marketplace": "http://127.0.0.1:8001",
    "docker": "unix:///run/engine.sock",
    "traces": {"query": "http://127.0.0.1:16686"},
    "processes": {"self": os.getpid()},
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    return tmp_path


def chaos(*arguments: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments]
    return subprocess.run(
        command, env=os.environ | {"SRE_STATE_DIR": str(state)}, capture_output=True, text=True, check=False, timeout=20
    )


def listed(state: Path) -> list[tuple[str, str, str]]:
    entries = json.loads(chaos("--list", "--json", state=state).stdout)["faults"]
    return [(entry["service"], entry["fault"], entry["grade"]) for entry in entries]


def test_it_says_what_to_expect_and_where_to_watch(state: Path) -> None:
    told = chaos("oom", state=state)
    assert told.returncode == 0
    assert "within about 2 s an issue for policy-service opens at http://127.0.0.1:3000/acme/shop/issues" in told.stdout
    assert "http://127.0.0.1:8001" in told.stdout
    assert listed(state) == [("policy-service", "oom", "medium")]
    (fault,) = parse_faults((state / "faults.json").read_text(), read_catalogue())
    assert not fault.sticky


def test_a_fault_is_replaced_not_doubled_and_undone_alone_or_with_all(state: Path) -> None:
    for arguments in (["errors"], ["errors", "--grade", "severe"], ["oom", "--service", "user-service"], ["oom"]):
        assert chaos(*arguments, state=state).returncode == 0
    assert listed(state) == [
        ("policy-service", "errors", "severe"),
        ("user-service", "oom", "medium"),
        ("policy-service", "oom", "medium"),
    ]
    chaos("oom", "--service", "user-service", "--undo", state=state)
    assert len(listed(state)) == 2
    chaos("--undo", state=state)
    assert listed(state) == []
    assert "Nothing to undo" in chaos("--undo", state=state).stdout


def test_the_state_folders_own_fault_file_wins(state: Path) -> None:
    elsewhere = state / "mounted" / "faults.json"
    (state / "run.json").write_text(json.dumps(RUN | {"faults": str(elsewhere)}))
    assert chaos("latency", "--for", "30", state=state).returncode == 0
    (fault,) = parse_faults(elsewhere.read_text(), read_catalogue())
    assert fault.until == pytest.approx(fault.since + 30)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a fault"),
        (["flood"], "invalid choice"),
        (["oom", "--service", "billing"], "no service 'billing'"),
        (["conversion", "--service", "frontend"], "conversion works on policy-service"),
        (["oom", "--for", "-1"], "above 0"),
        (["oom", "--herring"], "--herring goes with conversion"),
        (["conversion", "--for", "9"], "does not run out"),
        (["conversion"], "no repository is known"),
        (["--herring"], "no repository is known"),
    ],
)
def test_a_senseless_request_is_one_line_and_status_2(arguments: list[str], says: str, state: Path) -> None:
    told = chaos(*arguments, state=state)
    assert told.returncode == 2
    assert says in told.stderr
    assert told.stderr.count("\n") == 1
    assert not (state / "faults.json").exists()


def test_no_stack_and_a_stopped_stack_are_one_line_and_status_2(tmp_path: Path) -> None:
    told = chaos("oom", state=tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "no stack is running" in told.stderr
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "run.json").write_text(json.dumps(RUN | {"processes": {"scout": gone.pid}}))
    told = chaos("oom", state=tmp_path)
    assert told.returncode == 2
    assert "has stopped" in told.stderr
    (tmp_path / "run.json").write_text("[")
    assert chaos("oom", state=tmp_path).returncode == 2


def test_it_reaches_the_running_services(shop: Shop) -> None:
    folder = shop.faults_file.parent
    (folder / "run.json").write_text(json.dumps(RUN))
    assert chaos("errors", "--grade", "severe", state=folder).returncode == 0
    wait_for(lambda: shop.purchase().status_code == 502)
    assert chaos("--undo", state=folder).returncode == 0
    wait_for(lambda: shop.purchase().status_code == 201)


@pytest.fixture
def fake_docker(tmp_path: Path) -> Path:
    """A folder for PATH with a `docker` that knows one container and writes down what it is asked to run there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker"
    asked = tmp_path / "asked"
    program.write_text(f'#!/bin/sh\nif [ "$1" = ps ]; then echo the-load; else echo "$@" > {asked}; fi\n')
    program.chmod(0o755)
    return folder


def in_containers(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder}:{os.defpath}"}
    argv = [sys.executable, str(ROOT / "trigger_chaos.py"), *arguments]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=20)


def test_a_stack_in_containers_gets_the_same_command_where_it_is(fake_docker: Path, tmp_path: Path) -> None:
    assert in_containers(fake_docker, "oom", "--compose", "--service", "frontend").returncode == 0
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["exec", "the-load", "python", "-P", "/app/trigger_chaos.py", "oom", "--service", "frontend"]


def test_a_state_folder_that_is_named_is_never_left_for_containers(fake_docker: Path, tmp_path: Path) -> None:
    done = in_containers(fake_docker, "oom", "--state", str(tmp_path))
    assert done.returncode == 2
    assert not (tmp_path / "asked").exists()
