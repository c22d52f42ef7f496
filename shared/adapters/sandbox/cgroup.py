"""A control group for one job: memory and processes counted together by the kernel, version 2 or 1.

Version 2 as in https://docs.kernel.org/admin-guide/cgroup-v2.html, version 1 as in its neighbours cgroup-v1/memory.html
and cgroup-v1/pids.html.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.ports import Limits

REMOVE_S: Final = 2.0
"""How long the kernel may need after the last process of a group is dead."""


@dataclass(frozen=True, slots=True)
class Group:
    """One job's group: a folder (version 2) or one for each of memory and pids (version 1)."""

    folders: tuple[Path, ...]

    def add(self, pid: int) -> None:
        """Count this process and all that it will start. Raises OSError."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed some of it because its memory was used up."""
        for name in ("memory.events", "memory.oom_control"):
            if (file := self.folders[0] / name).exists():
                return bool(re.search(r"^oom_kill [1-9]", file.read_text(), re.MULTILINE))
        return False

    def remove(self) -> None:
        """Raises OSError when something in it still lives."""
        for folder in self.folders:
            deadline = time.monotonic() + REMOVE_S
            while True:
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Groups:
    """Where groups may be made here."""

    version: int
    parents: tuple[Path, ...]

    def make(self, name: str, limits: Limits) -> Group:
        """An empty group with its limits set. Raises OSError when the kernel does not take them."""
        group = self.named(name)
        bytes_ = limits.memory_mb * 2**20
        try:
            for folder in group.folders:
                folder.mkdir()
            if self.version == 2:
                values = {"memory.max": bytes_, "memory.swap.max": 0, "memory.oom.group": 1, "pids.max": limits.pids}
                _set(group.folders[0], values)
            else:
                _set(group.folders[0], {"memory.limit_in_bytes": bytes_, "memory.memsw.limit_in_bytes": bytes_})
                _set(group.folders[1], {"pids.max": limits.pids})
        except OSError:
            group.remove()
            raise
        return group

    def named(self, name: str) -> Group:
        return Group(tuple(parent / name for parent in self.parents))


def find(name: str, proc: Path = Path("/proc/self")) -> Groups | str:
    """Where this process may make groups, tried out with one called `name`; or why it may not."""
    try:
        mounts, own = (proc / "mountinfo").read_text(), (proc / "cgroup").read_text()
    except OSError as error:
        return f"control groups cannot be looked at: {error.strerror}"
    found = _version_2(mounts, own) or _version_1(mounts, own)
    if found is None:
        return "this process may make no control group that counts memory and processes"
    try:
        found.make(name, Limits()).remove()
    except OSError as error:
        return f"no control group can be made: {error}"
    return found


def _set(folder: Path, values: Mapping[str, int]) -> None:
    """Write limits and read them back. Limits of swap are set where the kernel has them."""
    for name, value in values.items():
        file = folder / name
        if "sw" in name and not file.exists():
            continue
        file.write_text(str(value))
        if file.read_text().strip() != str(value):
            raise OSError(errno.EINVAL, "the kernel does not keep what it is told", str(file))


def _mounted(mounts: str, kind: str, controller: str = "") -> Path | None:
    """Where the hierarchy of this kind (and controller) is mounted: mountinfo's fifth field; see proc(5)."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = after.split()
        if fields[:1] == [kind] and (not controller or controller in fields[-1].split(",")):
            return Path(before.split()[4])
    return None


def _version_2(mounts: str, own: str) -> Groups | None:
    """The nearest group above this process whose children have both controllers, and that is ours to write."""
    root, match = _mounted(mounts, "cgroup2"), re.search(r"^0::/(.*)$", own, re.MULTILINE)
    if root is None or match is None:
        return None
    here = root / match[1]
    for folder in (here, *here.parents):
        if not folder.is_relative_to(root):
            return None
        control = folder / "cgroup.subtree_control"
        if not control.exists() or not {"memory", "pids"} <= set(control.read_text().split()):
            continue
        if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
            return Groups(2, (folder,))
    return None


def _version_1(mounts: str, own: str) -> Groups | None:
    parents = []
    for controller in ("memory", "pids"):
        root = _mounted(mounts, "cgroup", controller)
        match = re.search(rf"^\d+:(?:[^:]*,)?{controller}(?:,[^:]*)?:/(.*)$", own, re.MULTILINE)
        if root is None or match is None:
            return None
        here = root / match[1]
        parents.append(here if here.is_dir() else root)  # in a container only its own part may be mounted
    return Groups(1, tuple(parents)) if all(os.access(parent, os.W_OK) for parent in parents) else None
