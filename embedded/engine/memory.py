"""Memory limits that really kill: the resident memory of each limited container is looked at every 20 ms."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger("engine.memory")
EVERY = 0.02
TREE_EVERY = 0.2
"""Seconds between looks for new children of a container's main process."""
PAGE = os.sysconf("SC_PAGE_SIZE")
HAS_PROC = Path("/proc/self/statm").exists()


@dataclass(eq=False, slots=True)
class Watched:
    """A running container: its main pid, its limit in bytes, and what to call with the usage when it is exceeded."""

    pid: int
    limit: int
    exceeded: Callable[[int], None]
    members: dict[int, int] = field(default_factory=dict)
    """pid -> open descriptor of its statm file; a descriptor stays with its process, so a reused pid cannot deceive."""


class MemoryWatch:
    """One thread over all limited containers. Usage is private pages of all processes + the largest shared part."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[Watched] = []
        self._some = threading.Event()
        threading.Thread(target=self._run, name="memory", daemon=True).start()

    def watch(self, pid: int, limit: int, exceeded: Callable[[int], None]) -> Watched:
        """Watch a process tree until `forget`; `exceeded` is called once, on the watching thread."""
        watched = Watched(pid, limit, exceeded)
        with self._lock:
            _open_members(watched, [pid])
            self._watched.append(watched)
            self._some.set()
        return watched

    def forget(self, watched: Watched) -> None:
        """Stop watching; harmless when it was forgotten before."""
        with self._lock:
            self._forget(watched)

    def _forget(self, watched: Watched) -> None:
        if watched in self._watched:
            self._watched.remove(watched)
        for fd in watched.members.values():
            os.close(fd)
        watched.members.clear()
        if not self._watched:
            self._some.clear()

    def _run(self) -> None:
        tree_due = 0.0
        while True:
            self._some.wait()
            over: list[tuple[Watched, int]] = []
            with self._lock:
                now = time.monotonic()
                if now >= tree_due:
                    trees = process_trees([watched.pid for watched in self._watched])
                    for watched in self._watched:
                        _open_members(watched, trees[watched.pid])
                    tree_due = now + TREE_EVERY
                for watched in list(self._watched):
                    used = _usage(watched)
                    if used > watched.limit:
                        over.append((watched, used))
                        self._forget(watched)
            for watched, used in over:
                watched.exceeded(used)
            time.sleep(EVERY)


def usage_of(pid: int) -> int:
    """Bytes a process and its descendants use now, by the measure of the limit; 0 when it is gone."""
    watched = Watched(pid, 0, lambda _: None)
    _open_members(watched, process_trees([pid])[pid])
    try:
        return _usage(watched)
    finally:
        for fd in watched.members.values():
            os.close(fd)


def process_trees(mains: list[int]) -> dict[int, list[int]]:
    """For each main pid: itself, its descendants, and whatever else lives in its session."""
    trees = {main: [main] for main in mains}
    if not HAS_PROC:
        return trees | {main: [main, *_psutil_children(main)] for main in mains}
    owner = {main: main for main in mains}
    processes = sorted(_parents_and_sessions())
    for _ in range(2):  # a second round finds children whose pid wrapped below their parent's
        for pid, parent, session in processes:
            main = owner.get(parent) or (session if session in trees else None)
            if pid not in owner and main is not None:
                owner[pid] = main
                trees[main].append(pid)
    return trees


def _parents_and_sessions() -> list[tuple[int, int, int]]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
                found.append((int(entry.name), int(fields[1]), int(fields[3])))
    return found


def _psutil_children(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _open_members(watched: Watched, pids: list[int]) -> None:
    for pid in pids:
        if pid not in watched.members:
            path = f"/proc/{pid}/statm" if HAS_PROC else os.devnull
            with contextlib.suppress(OSError):
                watched.members[pid] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _usage(watched: Watched) -> int:
    private = shared = 0
    for pid, fd in list(watched.members.items()):
        try:
            resident, file_backed = _resident(pid, fd)
        except OSError:
            os.close(watched.members.pop(pid))
            continue
        private += resident - file_backed
        shared = max(shared, file_backed)
    if len(watched.members) > 1 and private + shared > watched.limit > 0 and HAS_PROC:
        return sum(_proportional(pid) for pid in watched.members)
    return private + shared


def _resident(pid: int, fd: int) -> tuple[int, int]:
    """Bytes resident, and of these file-backed or shared."""
    if HAS_PROC:
        fields = os.pread(fd, 128, 0).split()
        return int(fields[1]) * PAGE, int(fields[2]) * PAGE
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss), 0
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(pid) from error


def _proportional(pid: int) -> int:
    """Exact but dear, so only asked at the limit: pages shared by a fork count once over its sharers."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
