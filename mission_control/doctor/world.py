"""The running world: is there one, are its processes there, is its record closed to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from mission_control.doctor.finding import Finding, well, wrong
from mission_control.world import record


@dataclass(frozen=True, slots=True)
class World:
    """What was read of `state`. `processes`: name, pid and whether it lives."""

    state: Path
    real_github: bool
    supervisor: int | None = None
    """As run.json has it; None: nothing runs."""
    owner: int | None = None
    """Who holds the state folder now."""
    mode: int = 0
    processes: tuple[tuple[str, int, bool], ...] = ()


def read(state: Path, running: record.Record | None, real_github: bool) -> World:
    """Look."""
    if running is None:
        return World(state, real_github)
    return World(
        state,
        real_github,
        running.supervisor,
        record.owner(state),
        (state / record.FILE).stat().st_mode & 0o777,
        tuple((name, pid, psutil.pid_exists(pid)) for name, pid in running.processes.items()),
    )


def judge(seen: World) -> Iterator[Finding]:
    """The findings."""
    if seen.supervisor is None:
        if seen.real_github:
            yield well("world", "the real GitHub is configured")
        else:
            yield wrong("world", f"nothing runs on {seen.state}", how="./mission-control.sh up")
        return
    what = f"supervisor {seen.supervisor} on {seen.state}"
    if seen.owner is None:
        yield wrong("world", f"{what} is gone", how="./mission-control.sh down")
    else:
        yield well("world", what)
    file = seen.state / record.FILE
    if seen.mode & 0o077:
        yield wrong("run-json", f"others can read it: mode {seen.mode:04o}", where=file)
    else:
        yield well("run-json", "readable by its owner only")
    for name, pid, lives in seen.processes:
        if lives:
            yield well("process", f"pid {pid}", name)
        else:
            yield wrong("process", f"pid {pid} is gone", name, log=seen.state / "logs" / f"{name}.log")


def mend(seen: World) -> Iterator[str]:
    """Close run.json to others; says what was done. Raises OSError."""
    if seen.supervisor is not None and seen.mode & 0o077:
        (seen.state / record.FILE).chmod(0o600)
        yield f"chmod 600 {seen.state / record.FILE}"
