"""Processes of an earlier run that are still there: found by the mark every process of a state folder carries."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil

MARK: Final = "SRE_SPACE_UP"
_GRACE: Final = 3.0


def find(state: Path) -> Iterator[psutil.Process]:
    """Every process of this user, other than this one, that was started for `state`."""
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.environ().get(MARK) == str(state) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):  # gone meanwhile, or not ours to look at
            continue


def clear(state: Path, say: Callable[[str], None]) -> None:
    """End what is left: SIGTERM, then SIGKILL after three seconds. Says what it found."""
    found = list(find(state))
    if not found:
        return
    say(f"ending {len(found)} process(es) left from before: {', '.join(str(process.pid) for process in found)}")
    for process in found:
        _try(process.terminate)
    _, alive = psutil.wait_procs(found, timeout=_GRACE)
    for process in alive:
        _try(process.kill)
    psutil.wait_procs(alive, timeout=_GRACE)


def _try(end: Callable[[], None]) -> None:
    try:
        end()
    except psutil.NoSuchProcess:
        return
