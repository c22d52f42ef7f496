"""A patch committed the way a developer does it: applied to the files as they are now, all of it in one commit.

Standard library and git. The patch is applied in a scratch folder; no clone is needed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mission_control.world.as_developer import CannotCommit, Developer, Overtaken

TRIES: Final = 5
TIMEOUT: Final = 20.0


class DoesNotApply(CannotCommit):
    """The files are not as the patch expects them."""


@dataclass(frozen=True, slots=True)
class Patched:
    """The commit that was made and the files that it changes."""

    sha: str
    files: tuple[str, ...]


def commit_patch(developer: Developer, patch: Path, message: str, *, reverse: bool = False) -> Patched:
    """Commit the patch, or what takes it back, to the default branch; again when somebody else was faster.

    Raises DoesNotApply, CannotCommit.
    """
    for last in (False,) * (TRIES - 1) + (True,):
        branch, head = developer.head()
        paths = touched(patch)
        there = {path: developer.read(path, head) for path in paths}
        made = applied(patch, {path: content for path, content in there.items() if content is not None}, reverse)
        files = {path: content for path, content in made.items() if content != there[path]}
        try:
            return Patched(developer.commit(branch, head, files, message), tuple(sorted(files)))
        except Overtaken:
            if last:
                raise
    raise AssertionError


def touched(patch: Path) -> tuple[str, ...]:
    """The files that a patch names. Raises CannotCommit where there is no such patch, or it is none."""
    if not patch.is_file():
        raise CannotCommit(f"there is no patch {patch}")
    with tempfile.TemporaryDirectory(prefix="sre-space-patch-") as folder:
        rows = _git_apply(Path(folder), patch, "--numstat", "-z").split("\0")
    return tuple(row.split("\t", 2)[2] for row in rows if row)


def applied(patch: Path, files: Mapping[str, bytes], reverse: bool) -> dict[str, bytes | None]:
    """The patch's files after it, None for one that is gone. `files`: those there are now. Raises DoesNotApply."""
    with tempfile.TemporaryDirectory(prefix="sre-space-patch-") as scratch:
        folder = Path(scratch)
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        _git_apply(folder, patch, *(("--reverse",) if reverse else ()))
        return {path: file.read_bytes() if (file := folder / path).exists() else None for path in touched(patch)}


def _git_apply(folder: Path, patch: Path, *options: str) -> str:
    """What it prints. git is told of no repository: a scratch folder may lie inside one."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment = own | {"GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    command = ["git", "apply", "--whitespace=nowarn", *options, str(patch.resolve())]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except FileNotFoundError as missing:
        raise CannotCommit("git is not installed, and a patch is applied with it") from missing
    if done.returncode != 0:
        why = "; ".join(line.removeprefix("error: ") for line in done.stderr.strip().splitlines())
        raise DoesNotApply(f"{patch.name} does not apply: {why}")
    return done.stdout
