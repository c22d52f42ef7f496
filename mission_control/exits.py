"""How a command ends: every exit code, and the exception that carries one to the shell. docs/cli.md has the table."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Final


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    ERROR = 1
    USAGE = 2
    DEGRADED = 3
    DENIED = 4
    PRECONDITION = 5
    APPROVAL = 6


MEANING: Final[dict[Exit, str]] = {
    Exit.OK: "done, and all is as it should be",
    Exit.ERROR: "not done: the world refused or did not answer, or a check failed (`verify`, `replay`, `demo`)",
    Exit.USAGE: "the command line or a setting is wrong; nothing was tried",
    Exit.DEGRADED: "done, but something is missing or unwell (`status`, `doctor`), or the fleet did not answer in time",
    Exit.DENIED: "this account may not: its permission is too low, or it is an account of the fleet",
    Exit.PRECONDITION: "it does not fit now: nothing waits for it, it has expired, or the issue is no incident",
    Exit.APPROVAL: "a person's approval is needed (`incidents --check`, `init` without `--yes`)",
}


class Ended(Exception):
    """An expected end of a command: its message is for people, one line or more, never a traceback."""

    code: ClassVar[Exit] = Exit.ERROR
