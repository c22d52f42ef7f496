"""This machine: Python, git, room on the disk, the state folder."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.doctor.finding import Finding, well, wrong

LEAST_ROOM: Final = 512 * 2**20
"""Bytes that must be free: what a busy day of logs and cases takes, with room to spare."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was read. `git` is what `git --version` says, None where there is none; `free` in bytes; `mode` of `state`,
    None while there is no such folder."""

    python: tuple[int, ...]
    git: str | None
    state: Path
    free: int | None
    mode: int | None


def read(state: Path) -> Machine:
    """Look. Raises nothing: what cannot be read is None."""
    git = shutil.which("git")
    said = subprocess.run([git, "--version"], capture_output=True, text=True, check=False).stdout.strip() if git else ""
    there = next((folder for folder in (state, *state.parents) if folder.exists()), None)
    return Machine(
        python=tuple(sys.version_info[:3]),
        git=said or None,
        state=state,
        free=shutil.disk_usage(there).free if there else None,
        mode=state.stat().st_mode & 0o777 if state.is_dir() else None,
    )


def judge(seen: Machine) -> Iterator[Finding]:
    """The findings."""
    version = platform.python_version() if seen.python == sys.version_info[:3] else ".".join(map(str, seen.python))
    yield well("python", version) if seen.python >= (3, 11) else wrong("python", version)
    yield well("git", seen.git) if seen.git else wrong("git", "not found on PATH, or it does not run")
    if seen.free is not None:
        room = f"{seen.free / 2**30:.1f} GiB free for {seen.state}"
        yield well("disk", room) if seen.free >= LEAST_ROOM else wrong("disk", room, where=seen.state)
    if seen.mode is not None:
        said = f"{seen.state} has mode {seen.mode:04o}"
        others_write = seen.mode & 0o022
        yield wrong("state-folder", said, where=seen.state) if others_write else well("state-folder", said)


def mend(seen: Machine) -> Iterator[str]:
    """Close the state folder to others; says what was done. Raises OSError."""
    if seen.mode is not None and seen.mode & 0o022:
        seen.state.chmod(0o700)
        yield f"chmod 700 {seen.state}"
