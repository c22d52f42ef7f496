"""Named places at which a test may kill this process: the registry that promise 01 is tested against.

Production never arms it. Armed by wiring from `SRE_CRASH_AT=POINT:MARKER`: the process kills itself with SIGKILL the
first time it reaches POINT, and leaves the file MARKER so that its successor lives.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

PULL_POINTS: Final = (
    "change-made",  # fixer, escalation: the new files are known, nothing is written
    "branch-made",  # fixer, escalation: the branch is there, no pull request
    "pull-open",  # fixer, escalation: the pull request is open, not on the issue
    "proved",  # fixer: the proof is made, nothing said of it
    "merged",  # fixer: the default branch has the change, the issue does not say so
    "undo-branch-made",  # the same for what takes a change back
    "undo-open",
    "undo-merged",
)
POINTS: Final = (
    *PULL_POINTS,
    "closed",  # fixer: a pull request that will not be merged is closed, the issue does not say why
    "read",  # the thread is read, nothing judged
    "judged",  # an effect is chosen, nothing written
    "written",  # the fact is on the issue, nobody woken, nothing projected
    "woken",  # the next worker is woken, labels not yet projected
    "intent-written",  # fixer: the intent is on disk, the world untouched
    "acted",  # fixer: the world has changed, nothing recorded
    "outcome-written",  # fixer: the outcome is on disk, not on the issue
    "opened",  # scout: the issue exists, nobody woken
)

_armed: tuple[str, Path] | None = None


def arm(setting: str) -> None:
    """Arm from `POINT:MARKER`. Raises ValueError for an unknown point."""
    global _armed  # noqa: PLW0603 - one per process, set once at start
    point, _, marker = setting.partition(":")
    if point not in POINTS or not marker:
        raise ValueError(f"SRE_CRASH_AT must be POINT:MARKER with POINT one of {', '.join(POINTS)}")
    _armed = (point, Path(marker))


def reach(point: str) -> None:
    """Die here if armed for `point` and not dead here before."""
    if _armed is None or _armed[0] != point:
        return
    try:
        os.close(os.open(_armed[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
