"""One command as a person types it into the page. Pure; Guardrail decides what it answers."""

from __future__ import annotations

from typing import Final

from dashboard.shapes import Spoken
from shared.incident.commands import COMMANDS, TABLE, nearest

LONGEST: Final = 200
SPOKEN: Final = {f"/{row.name}": Spoken(permission=row.permission, syntax=row.syntax, does=row.does) for row in TABLE}
"""What the page is told of each command."""


class NotACommand(ValueError):
    """What was typed is not one command of the fleet."""


def read_command(text: str) -> tuple[str, str]:
    """Its name, and the line to write. Raises NotACommand, with the nearest one."""
    line = text.strip(" ")
    if not line.startswith("/") or not line.isprintable() or len(line) > LONGEST:
        raise NotACommand(f"a command is one line of at most {LONGEST} characters that begins with /")
    name = line[1:].split(" ", 1)[0]
    if name in COMMANDS:
        return name, line
    near = nearest(name)
    raise NotACommand(f"there is no /{name}" + (f"; did you mean /{near}?" if near else "; /help lists them"))
