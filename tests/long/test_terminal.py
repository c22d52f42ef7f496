"""A person at a terminal, on a whole running world: what waits is seen and decided there; every end has its code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import pytest

from mission_control.exits import Exit
from mission_control.terminal import shapes
from tests.machine import ROOT, clean_environment
from tests.scenario.stack import Stack, running
from tests.shapes import faults
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]
SERVICE = "quote-service"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A world in which a person decides about every restart."""
    with tempfile.TemporaryDirectory(prefix="mc-policy-") as folder:
        policy = Path(folder, "policy.yaml")
        shipped = (ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8")
        asking = shipped.replace("restart:\n    approval: false", "restart:\n    approval: true")
        assert asking != shipped
        policy.write_text(asking, encoding="utf-8")
        with running(SRE_POLICY=str(policy)) as world:
            yield world


def run(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "mission_control", *arguments, "--state", str(stack.state)],
        env=clean_environment(**variables), cwd=ROOT, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def shaped(command: str, text: str) -> Any:
    """The JSON of a command, which has exactly the fields of its shape."""
    document = json.loads(text)
    assert list(faults(document, shapes.STABLE[command])) == []
    return document


def said(stack: Stack, *words: str, **variables: str) -> tuple[Exit, dict[str, Any]]:
    done = run(stack, *words, "--json", **variables)
    assert done.returncode != 1, done.stderr
    return Exit(done.returncode), shaped("approve", done.stdout) if done.stdout else {}


def test_a_person_sees_what_waits_decides_and_is_told_how_it_ended(stack: Stack) -> None:
    assert run(stack, "incidents", "--check").returncode == Exit.OK
    stack.inject("crash", SERVICE)
    wait_for(lambda: run(stack, "incidents", "--check").returncode == Exit.APPROVAL, 60, "one waits for a person")
    listed = shaped("incidents", run(stack, "incidents", "--service", SERVICE, "--json").stdout)["incidents"]
    (row,) = listed
    assert (row["service"], row["status"], row["open"]) == (SERVICE, "Needs-Approval", True)
    n = str(row["number"])
    assert f"approve {n}" in run(stack, "incidents").stdout

    tokens = stack.run.github["tokens"]
    code, told = said(stack, "approve", n, SRE_OPERATOR_TOKEN=tokens["outsider"])
    assert (code, told["login"], told["answered"]) == (Exit.DENIED, "mallory", "words")
    done = run(stack, "approve", n, SRE_OPERATOR_TOKEN=tokens["fleet"])
    assert (done.returncode, "account of the fleet" in done.stderr) == (Exit.DENIED, True)

    code, told = said(stack, "hold", n)
    assert (code, told["answered"]) == (Exit.OK, "words")
    wait_for(lambda: shaped("incidents", run(stack, "incidents", "--json").stdout)["incidents"][0]["held"], 20, "held")
    assert said(stack, "unhold", n)[0] is Exit.OK

    following = subprocess.Popen(
        [sys.executable, "-P", "-m", "mission_control", "watch", n, "--json", "--state", str(stack.state)],
        env=clean_environment(), cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    code, told = said(stack, "approve", n)
    assert (code, told["login"], told["answered"]) == (Exit.OK, "olivia", "fact")
    out, _ = following.communicate(timeout=90)
    assert following.returncode == Exit.OK
    lines = [shaped("watch", line) for line in out.splitlines()]
    kinds = [line["fact"]["kind"] for line in lines if line["event"] == "fact"]
    assert kinds[:3] == ["detected", "diagnosed", "ruled"]
    assert kinds[-4:] == ["began", "applied", "verified", "learned"]
    assert lines[-1]["event"] == "closed"

    code, told = said(stack, "approve", n)
    assert (code, told["answered"], told["code"]) == (Exit.PRECONDITION, "words", 5)
    assert run(stack, "watch", n, "--plain").stdout.endswith(f"#{n} is closed\n")


def test_the_word_no_ends_it_and_a_word_of_an_issue_that_is_no_incident_is_not_said(stack: Stack) -> None:
    stack.inject("crash", SERVICE)
    wait_for(lambda: run(stack, "incidents", "--check").returncode == Exit.APPROVAL, 60, "one waits for a person")
    (row,) = shaped("incidents", run(stack, "incidents", "--json").stdout)["incidents"]
    assert said(stack, "deny", str(row["number"]))[0] is Exit.OK
    assert stack.incident(row["number"]).status.value == "Status: Needs-Human"
    body = {"title": "A question", "body": "Is anybody there?"}
    number = stack.repository().call("POST", "/issues", json=body).json()["number"]
    assert run(stack, "approve", str(number)).returncode == Exit.PRECONDITION
    assert stack.comments(number) == []
    assert run(stack, "approve", "99999").returncode == Exit.ERROR
    assert run(stack, "approve", "x").returncode == Exit.USAGE


ELSEWHERE = frozenset(("approve", "watch", "explain", "verify", "replay", "init", "deploy", "verify-jules-pr", "demo"))
"""Held to their shapes by other tests: `init` and `verify-jules-pr` in tests/workflows, `deploy` in tests/deployer,
`demo` in tests/mission_control/test_demo.py."""


@pytest.mark.parametrize("command", sorted(set(shapes.STABLE) - ELSEWHERE))
def test_what_a_command_prints_as_json_has_its_stable_shape(stack: Stack, command: str) -> None:
    needed = {"memory similar": ["a service is down"], "rca": ["--since", "1m"]}
    done = run(stack, *command.split(), *needed.get(command, []), "--json")
    assert done.returncode in (Exit.OK, Exit.DEGRADED), done.stderr
    document = shaped(command, done.stdout)
    assert isinstance(document, get_origin(shapes.STABLE[command]) or dict)
    for token in stack.run.github["tokens"].values():
        assert token not in done.stdout


@pytest.mark.parametrize("command", ["explain", "verify", "replay"])
def test_a_log_as_json_has_its_stable_shape(stack: Stack, command: str) -> None:
    (row, *_) = shaped("incidents", run(stack, "incidents", "--all", "--json").stdout)["incidents"]
    document = shaped(command, run(stack, command, str(row["number"]), "--json").stdout)
    assert document["number"] == row["number"]


def test_ctrl_c_ends_watching_with_0_and_says_nothing_more(stack: Stack) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-P", "-m", "mission_control", "watch", "--plain", "--state", str(stack.state)],
        env=clean_environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - behind & it is ignored
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stdout.readline()
    os.kill(watching.pid, signal.SIGINT)
    _, trouble = watching.communicate(timeout=20)
    assert (watching.returncode, trouble) == (Exit.OK, "")
