"""A sandbox as a workshop: a command edits a copy of one commit, and the files it changed are what it made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.escalation.backends.command import Work
from shared.ports import Job, Limits, Sandbox


@dataclass(frozen=True, slots=True)
class Copy:
    """The files of one commit in a folder."""

    sha: str
    folder: Path


Checkout = Callable[[str, str], AbstractContextManager[Copy]]
"""`(repo, branch)` to the branch's newest commit as files, gone afterwards. Raises Transient or Permanent."""
ENOUGH: Final = Limits(wall_s=1_800.0, cpu_s=1_800, memory_mb=2_048, pids=256)
"""An agent thinks for minutes."""


class SandboxWorkshop:
    """Fulfils `agents.escalation.backends.command.Workshop`."""

    def __init__(self, sandbox: Sandbox, checkout: Checkout, limits: Limits = ENOUGH) -> None:
        self._sandbox, self._checkout, self._limits = sandbox, checkout, limits

    def edit(self, argv: tuple[str, ...], repo: str, branch: str) -> Work:
        """Links, modes and what is no ordinary file are refused: nothing but the bytes of files is taken over."""
        with self._checkout(repo, branch) as copy:
            outcome = self._sandbox.run(Job(copy.folder, argv, limits=self._limits, writable=True))
        if outcome.ended != "exited":
            return Work(False, f"the command was ended: {outcome.ended}")
        if outcome.left_out:
            return Work(False, f"it also changed what is no file's content: {', '.join(outcome.left_out[:5])}")
        return Work(outcome.exit_code == 0, outcome.output, copy.sha, outcome.changed)
