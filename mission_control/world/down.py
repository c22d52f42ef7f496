"""`down`: stop a running `up`, and whatever a dead one has left."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Final

from mission_control.exits import Exit
from mission_control.settings import Settings
from mission_control.world import leftovers, record

WITHIN: Final = 30.0
"""Seconds a supervisor may take; it needs about one, and at most what a worker may take for its step."""


def down(settings: Settings) -> int:
    """Stop everything of the state folder; 0 also when nothing ran, 1 when it does not stop."""
    state = settings.state_dir.resolve()
    supervisor = record.owner(state)
    if supervisor is None:
        leftovers.clear(state, _say)
        (state / record.FILE).unlink(missing_ok=True)
        _say(f"nothing runs on {state}")
        return 0
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + WITHIN
    while record.owner(state) is not None:
        if time.monotonic() > deadline:
            _say(f"pid {supervisor} has not stopped within {WITHIN:.0f} s; kill -9 it and run down again")
            return Exit.ERROR
        time.sleep(0.05)
    leftovers.clear(state, _say)
    _say("stopped")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
