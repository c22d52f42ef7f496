"""The words of people as commands: `approve N` writes the comment `/approve` on issue N. One pen for all of them.

Which words there are stands in COMMANDS of shared/incident/commands.py; each of them that is no command of its own here
becomes one when it is asked for.
"""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.main

from mission_control.terminal.faults import Commands
from mission_control.terminal.options import AsJson, Number, State, settings_of

ELSEWHERE: Final = frozenset(("help", "explain", "escalate"))
"""Words that are commands of another kind here: `--help`, `explain N`, and `escalate N`, a pen with more options."""

Arguments = Annotated[list[str] | None, typer.Argument(metavar="[WORDS]...", help="What follows the word.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for Guardrail's answer.")]
Within = Annotated[float, typer.Option("--within", metavar="SECONDS", min=1, help="How long to wait.")]


class WithWords(Commands):
    """The group of all commands, and of the words of people besides."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *words()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        return found if found is not None or cmd_name not in words() else _word(cmd_name)


def words() -> tuple[str, ...]:
    """Every word of people that is a command only as a pen."""
    from shared.incident.commands import COMMANDS

    return tuple(name for name in COMMANDS if name not in ELSEWHERE)


def speak(number: int, name: str, arguments: list[str] | None, wait: bool, within: float, as_json: bool,
          state: Path | None) -> int:  # fmt: skip
    """Say `/name arguments` on issue `number`; the exit code."""
    from mission_control.terminal.say import Word, say

    return say(settings_of(state), Word(number, name, tuple(arguments or ()), within if wait else 0.0), as_json)


@functools.cache
def _pen() -> Any:
    """The one command that all words are made of: its name is the word."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command()
    def pen(
        context: typer.Context,
        number: Number,
        arguments: Arguments = None,
        wait: Wait = True,
        within: Within = 60.0,
        as_json: AsJson = False,
        state: State = None,
    ) -> int:
        return speak(number, str(context.info_name), arguments, wait, within, as_json, state)

    return typer.main.get_command(app)


def _word(name: str) -> Any:
    """The command of one word."""
    from shared.incident.commands import TABLE

    row = next(row for row in TABLE if row.name == name)
    made = copy.copy(_pen())
    made.name, made.help = name, f"Say {row.syntax} on issue N, as you: {row.does}."
    return made
