"""What a person wants to see of a running world: its processes, containers and open incidents, as plain values."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final

import psutil

from mission_control.github import GithubSaysNo, Repository
from mission_control.terminal.incidents import IncidentRow, rows_of

EVERY: Final = 1.0
"""Seconds between two looks at the open incidents."""


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process. `rss` in MB, None when it is gone."""

    name: str
    pid: int | None
    state: str
    rss: float | None
    restarts: int = 0
    up_for: float | None = None


def memory(pid: int | None) -> float | None:
    """Resident memory in MB (of 2**20 bytes), None when there is no such process."""
    if pid is None:
        return None
    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.Error:
        return None


def own_memory(pid: int) -> float | None:
    """Memory in MB with shared pages divided among those who share them (PSS, Linux), elsewhere resident memory."""
    try:
        full = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return None
    return float(getattr(full, "pss", full.rss)) / 2**20


def age(seconds: float) -> str:
    """A time span as people say it."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class IncidentWatch:
    """Looks at the open incidents (the newest 100) from a thread of its own, so that a slow forge stops nobody.

    Asked for are changes only: an unchanged list is a 304, which GitHub does not count.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._stop = threading.Event()
        self._etag = ""
        self.incidents: tuple[IncidentRow, ...] = ()
        self.trouble: str | None = None
        """Why the list is old, when it is."""

    def start(self) -> None:
        threading.Thread(target=self._run, name="incidents", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                rows, self._etag = self._repository.changed("/issues", self._etag, labels="incident", state="open")
                if rows is not None:
                    self.incidents = rows_of(rows)
                self.trouble = None
            except GithubSaysNo as no:
                self.trouble = str(no)
            self._stop.wait(max(EVERY - (time.monotonic() - started), 0.1))
