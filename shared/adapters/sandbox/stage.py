"""What a job needs, in one folder that becomes `/sandbox`: a copy of its tree, its files, the keeper and the job."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from shared.ports import Job, Permanent

TREE_BYTES: Final = 256 * 2**20
TREE_ENTRIES: Final = 50_000
KEEPER: Final = Path(__file__).with_name("keeper.py")
START: Final = ("python3", "-I", "-S", "-B", "/sandbox/keeper.py")


def stage(job: Job, folder: Path, rlimits: Mapping[str, int]) -> None:
    """Fill `folder`, which is empty. Everything in it may be read by everybody who may come to it.

    `rlimits`: name without RLIMIT_ -> value. Raises Permanent when the job is malformed, OSError when the disk is full.
    """
    if not job.argv or any("\0" in word for word in (*job.argv, *job.env, *job.env.values())):
        raise Permanent("a job has an argv, and no zero bytes in its words")
    if any(not name or "=" in name for name in job.env):
        raise Permanent("a variable of a job has no name, or one with = in it")
    if min(job.limits.wall_s, job.limits.cpu_s, job.limits.memory_mb, job.limits.pids, job.limits.disk_mb) <= 0:
        raise Permanent("a limit of a job is not positive")
    for name in ("tree", "input", *(("source",) if job.writable else ())):
        (folder / name).mkdir()
    _copy(job.tree, folder / ("source" if job.writable else "tree"))
    for name, data in job.files.items():
        path = PurePosixPath(name)
        if "\0" in name or path.is_absolute() or ".." in path.parts or not path.parts:
            raise Permanent(f"{name!r} is no path below the job's input")
        file = folder / "input" / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise Permanent(f"{name!r} of the job's input is both a file and a folder") from error
    shutil.copyfile(KEEPER, folder / "keeper.py")
    told = {
        "argv": job.argv, "env": dict(job.env), "writable": job.writable, "wall_s": job.limits.wall_s,
        "changed_bytes": job.limits.changed_bytes, "rlimits": dict(rlimits),
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(told), encoding="ascii")
    for place, _, files in os.walk(folder):
        Path(place).chmod(0o755)
        for name in files:
            if not (file := Path(place, name)).is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def rlimits(job: Job) -> dict[str, int]:
    """The limits that the kernel keeps for each process, wherever it runs."""
    return {"CPU": job.limits.cpu_s, "FSIZE": job.limits.disk_mb * 2**20, "NOFILE": 256, "CORE": 0}


def _copy(tree: Path, into: Path) -> None:
    """Files, folders and links within the tree as they are, owners and modes but x aside; all else is left behind."""
    room, entries = TREE_BYTES, 0
    folders = [(tree, into)]
    while folders:
        source, target = folders.pop()
        try:
            listed = sorted(os.scandir(source), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise Permanent(f"the tree cannot be read: {error}") from error
        for entry in listed:
            entries += 1
            place = target / entry.name
            if source == tree and entry.name == ".git":
                continue
            if entry.is_symlink():
                _copy_link(Path(entry.path).readlink(), place, into)
            elif entry.is_dir(follow_symlinks=False):
                place.mkdir()
                folders.append((Path(entry.path), place))
            elif entry.is_file(follow_symlinks=False):
                room -= entry.stat(follow_symlinks=False).st_size
                if room >= 0:
                    _copy_file(entry.path, place)
            if room < 0 or entries > TREE_ENTRIES:
                raise Permanent(f"the tree has more than {TREE_BYTES >> 20} MB or {TREE_ENTRIES} entries")


def _copy_link(target: Path, place: Path, tree: Path) -> None:
    """Unless it leads out of the tree; by its words alone, nothing is followed."""
    within = Path(os.path.normpath(place.parent.relative_to(tree) / target))
    if not target.is_absolute() and within.parts[:1] != (os.pardir,):
        place.symlink_to(target)


def _copy_file(source: str, place: Path) -> None:
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError as error:
        raise Permanent(f"the tree cannot be read: {error}") from error
    with os.fdopen(descriptor, "rb") as file, place.open("xb") as copy:
        told = os.fstat(descriptor)
        if stat.S_ISREG(told.st_mode):
            shutil.copyfileobj(file, copy)
            os.fchmod(copy.fileno(), 0o755 if told.st_mode & 0o111 else 0o644)
