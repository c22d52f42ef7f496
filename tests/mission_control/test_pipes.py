"""`… | head -1`: a reader that has gone ends a command as it ends every Unix tool, by SIGPIPE and without a word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT, clean_environment

COMMAND = ("-P", "-m", "mission_control")
CHAOS = (str(ROOT / "trigger_chaos.py"),)


def to_nobody(*argv: str) -> tuple[int, str]:
    """Exit status and stderr of a program whose stdout nobody reads any more."""
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([sys.executable, *argv], cwd=ROOT, env=clean_environment(), stdout=theirs,
                          stderr=subprocess.PIPE, text=True, timeout=50, check=False)  # fmt: skip
    os.close(theirs)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        (*COMMAND, "--help"),
        (*COMMAND, "status", "--help"),
        (*COMMAND, "completion", "bash"),
        (*COMMAND, "config", "show"),
        (*COMMAND, "config", "show", "--origin"),
        (*COMMAND, "config", "show", "--json"),
    ],
)
def test_a_command_whose_reader_has_gone_ends_by_sigpipe_and_says_nothing(argv: tuple[str, ...]) -> None:
    assert to_nobody(*argv) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize("words", [("--list",), ("--list", "--json"), ("oom",)])
def test_a_fault_told_to_nobody_is_told_to_nobody(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"processes": {}, "faults": str(tmp_path / "faults.json")}))
    assert to_nobody(*CHAOS, *words, "--state", str(tmp_path)) == (-signal.SIGPIPE, "")


def test_a_table_that_rich_draws_ends_the_same_way() -> None:
    code = (
        "from mission_control.terminal.console import console\n"
        "from mission_control.terminal.pipe import ends_with_its_reader\n"
        "with ends_with_its_reader():\n"
        "    console().print('a line')\n"
    )
    assert to_nobody("-c", code) == (-signal.SIGPIPE, "")


def test_a_broken_pipe_that_is_not_the_readers_stays_the_bug_that_it_is() -> None:
    code = (
        "from mission_control.terminal.pipe import ends_with_its_reader\n"
        "with ends_with_its_reader():\n"
        "    raise BrokenPipeError('of a socket')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert (done.returncode, "of a socket" in done.stderr) == (1, True)


def test_a_failure_keeps_its_exit_code_while_somebody_reads() -> None:
    done = subprocess.run([sys.executable, *COMMAND, "status", "--state", "/nonesuch"], cwd=ROOT,
                          env=clean_environment(), capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
