"""How a command ends: its result is the exit code; expected failures are plain lines on stderr, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup


class Commands(TyperGroup):
    """The group of all commands. What is not expected stays a traceback: that is our bug."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; always ends in typer.Exit or what typer itself knows to tell."""
        try:
            code = super().invoke(ctx)
        except Exception as error:
            known = _exit_code(error)
            if known is None:
                raise
            sys.stderr.write("".join(f"{line}\n" for line in str(error).splitlines()))
            code = known
        raise typer.Exit(code if isinstance(code, int) else 0)


def _exit_code(error: Exception) -> int | None:
    """1 for what the world refused, 2 for settings, None for what should not happen."""
    from mission_control.containers import NotMade
    from mission_control.deployer.command import NotDeployed
    from mission_control.github import GithubSaysNo
    from mission_control.knowledge import NoKnowledge
    from mission_control.record import NotRunning
    from mission_control.replay import BadCase
    from mission_control.settings import BadSettings
    from mission_control.verify_pull import NotVerifiable

    if isinstance(error, BadSettings):
        return 2
    known = GithubSaysNo | NotRunning | NotMade | NotDeployed | NotVerifiable | BadCase | NoKnowledge
    return 1 if isinstance(error, known) else None
