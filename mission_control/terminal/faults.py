"""How a command ends: its result is the exit code; expected failures are plain lines on stderr, never a traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from mission_control.exits import Ended
from mission_control.terminal.pipe import ends_with_its_reader
from mission_control.terminal.printable import printable_lines


class Commands(TyperGroup):
    """The group of all commands. What is not expected stays a traceback: that is our bug."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Read the command line; `--help` is told here."""
        with ends_with_its_reader():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; always ends in typer.Exit or what typer itself knows to tell."""
        try:
            with ends_with_its_reader():
                code = super().invoke(ctx)
        except Ended as ended:
            sys.stderr.write(printable_lines(str(ended)))
            code = ended.code
        raise typer.Exit(int(code) if isinstance(code, int) else 0)
