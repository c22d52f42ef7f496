"""What takes long is seen to go on, on a terminal's stderr alone: pipes and files get what was printed, and no more."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping

from mission_control.rca import live
from tests.machine import ROOT, clean_environment
from tests.mission_control.test_rca_live import NOW, Store

SAYS = """
import sys
from mission_control.terminal.console import progress
with progress("working") as tell:
    tell(1, 3)
    sys.stdout.write("a line\\n")
    tell(2, 3)
"""


def on_terminals(code: str, stdout: bool, variables: Mapping[str, str]) -> tuple[str, str]:
    """What a program writes to stdout and stderr, where stderr is a terminal, and stdout one too or a pipe."""
    ours, theirs = pty.openpty()
    pipe_out, pipe_in = os.pipe()
    environment = clean_environment(**{"TERM": "xterm", **variables})
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=theirs if stdout else pipe_in, stderr=theirs
    ) as process:
        os.close(theirs)
        os.close(pipe_in)
        said = _all(ours)
        printed = _all(pipe_out)
    assert process.returncode == 0
    return printed, said


def _all(descriptor: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux: nobody has the terminal any more
            part = b""
        if not part:
            os.close(descriptor)
            return b"".join(parts).decode()
        parts.append(part)


def test_on_a_terminal_progress_is_on_stderr_and_a_pipe_gets_its_lines_untouched() -> None:
    printed, said = on_terminals(SAYS, stdout=False, variables={})
    assert printed == "a line\n"
    assert "working" in said
    assert "a line" not in said


def test_lines_that_are_said_meanwhile_stand_on_lines_of_their_own_on_the_same_terminal() -> None:
    _, said = on_terminals(SAYS, stdout=True, variables={"NO_COLOR": "1"})
    assert "a line\r\n" in said
    assert "working" in said


def test_a_dumb_terminal_gets_nothing() -> None:
    assert on_terminals(SAYS, stdout=False, variables={"TERM": "dumb"}) == ("a line\n", "")


def test_no_colour_is_used_where_none_is_wanted() -> None:
    _, said = on_terminals(SAYS, stdout=False, variables={"NO_COLOR": "1"})
    assert "working" in said
    assert "\x1b[3" not in said.replace("\x1b[3J", "")


def test_without_a_terminal_nothing_is_said() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], cwd=ROOT, env=clean_environment(), capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert (done.stdout, done.stderr) == ("a line\n", "")


def test_reading_spans_tells_how_many_questions_to_jaeger_are_answered() -> None:
    told: list[tuple[int, int]] = []
    window = live.Window(NOW, NOW, ("a", "b"))
    live.read(Store(), window, lambda done, of: told.append((done, of)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
