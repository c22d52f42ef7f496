"""docs/protocol.md is drawn from the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shared.incident.card import BEGIN, END
from shared.incident.codec import MAX_BODY
from shared.incident.commands import COMMANDS
from shared.incident.status import TRANSITIONS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocol.md"


def test_the_diagram_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/diagram.py", "--check"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_page_shows_every_move_and_command_and_the_literal_markers() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for row in TRANSITIONS.values():
        for move, target in row.items():
            assert move.replace(":", " ") in text or f"`{move}`" in text
            assert target.value in text
    assert all(f"`/{name}`" in text for name in COMMANDS)
    assert BEGIN in text
    assert END in text
    assert f"{MAX_BODY:,}" in text
