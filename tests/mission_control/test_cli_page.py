"""docs/cli.md says what the code says."""

from __future__ import annotations

import subprocess
import sys

from mission_control.terminal.shapes import STABLE
from tests.machine import ROOT


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/cli.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_stable_shape_is_of_a_command_that_is_there() -> None:
    told = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` | " in told for name in STABLE)
