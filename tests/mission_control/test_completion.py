"""What a shell is offered."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mission_control.terminal.completion import SCRIPTS, VARIABLE
from tests.machine import ROOT, clean_environment
from tests.mission_control.conftest import RunCommand


def offered(command: RunCommand, *typed: str, **variables: str) -> list[str]:
    words = "\n".join(("mission-control.sh", *typed))
    told = {VARIABLE: "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(typed))}
    return command(**told, **variables).stdout.split()


def test_commands_words_of_people_agents_and_services_are_offered(command: RunCommand) -> None:
    assert {"approve", "deny", "watch"} <= set(offered(command, ""))
    assert offered(command, "appr") == ["approve"]
    assert offered(command, "run", "gu") == ["guardrail"]
    assert "policy-service" in offered(command, "incidents", "--service", "")


def test_where_nothing_runs_no_number_is_offered_and_nothing_is_said(command: RunCommand, tmp_path: Path) -> None:
    assert offered(command, "explain", "", SRE_STATE_DIR=str(tmp_path)) == []


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_the_lines_for_a_shell_are_lines_that_it_reads(command: RunCommand, shell: str, tmp_path: Path) -> None:
    script = command("completion", shell)
    assert script.returncode == 0
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    file = tmp_path / "lines"
    file.write_text(script.stdout)
    assert subprocess.run([shell, "-n", str(file)], capture_output=True, check=False).stderr == b""


def test_bash_completes_the_command_where_it_is_called(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not here")
    fake = tmp_path / "mission-control.sh"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m mission_control "$@"\n')
    fake.chmod(0o755)
    lines = f"""
eval "$({fake} completion bash)"
COMP_WORDS=({fake} una); COMP_CWORD=1; _mission_control {fake}; echo "${{COMPREPLY[@]}}"
COMP_WORDS=({fake} unf); COMP_CWORD=1; _mission_control {fake}; echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        [bash, "-c", lines], env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["unfreeze"], done.stderr
