"""A sandbox as a workshop: a command edits a copy of the repository, and what it changed becomes a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from agents.escalation.backends.command import Work
from shared.ports import Job, Limits, Outcome, Sandbox

Checkout = Callable[[str, str], AbstractContextManager[Path]]
"""`(repo, branch)` to a folder with the files of the branch, gone afterwards. Raises Transient or Permanent."""
ENOUGH: Final = Limits(wall_s=1_800.0, cpu_s=1_800, memory_mb=2_048, pids=256)
"""An agent thinks for minutes."""


class SandboxWorkshop:
    """Fulfils `agents.escalation.backends.command.Workshop`."""

    def __init__(self, sandbox: Sandbox, checkout: Checkout, limits: Limits = ENOUGH) -> None:
        self._sandbox, self._checkout, self._limits = sandbox, checkout, limits

    def edit(self, argv: tuple[str, ...], repo: str, branch: str) -> Work:
        """Links, modes and anything that is no text are refused: a patch cannot say them so that a person sees it."""
        with self._checkout(repo, branch) as tree:
            outcome = self._sandbox.run(Job(tree, argv, limits=self._limits, writable=True))
            if outcome.left_out:
                return Work(False, f"it also changed what no patch can say: {', '.join(outcome.left_out[:5])}", "")
            try:
                patch = "".join(_patches(tree, outcome))
            except ValueError as error:
                return Work(False, f"it changed what no patch can say: {error}", "")
        if outcome.ended != "exited":
            return Work(False, f"the command was ended: {outcome.ended}", "")
        return Work(outcome.exit_code == 0, outcome.output, patch)


def _patches(tree: Path, outcome: Outcome) -> Iterator[str]:
    for path in sorted(outcome.changed):
        file = tree / path
        before = file.read_bytes().decode() if file.is_file() and not file.is_symlink() else None
        new = outcome.changed[path]
        yield patch(path, before, None if new is None else new.decode())


def patch(path: str, before: str | None, after: str | None) -> str:
    """One file's change as `git apply` reads it; None is a file that is not there. Raises ValueError for odd paths."""
    if any(ord(char) < 0x21 or char in '"\\' or ord(char) > 0x7E for char in path):
        raise ValueError(f"{path!r:.80} cannot be written in a patch")
    if before == after:
        return ""
    head = f"diff --git a/{path} b/{path}\n"
    if before is None:
        head += "new file mode 100644\n"
    if after is None:
        head += "deleted file mode 100644\n"
    old, new = (f"a/{path}" if before is not None else "/dev/null"), (f"b/{path}" if after is not None else "/dev/null")
    lines = difflib.unified_diff(_lines(before), _lines(after), old, new)
    return head + "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str | None) -> list[str]:
    """Lines as git counts them: only a line feed ends one."""
    parts = (text or "").split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
