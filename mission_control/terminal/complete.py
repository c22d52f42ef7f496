"""What a shell may complete: names from files of this repository, numbers of open incidents from the running world.

Completion is never an error: what cannot be found within a moment is not offered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import typer

PATIENCE: Final = 1.0
"""Seconds that a person pressing Tab waits."""


def open_numbers(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Open incidents with what they are, of the control plane that the environment names."""
    from datetime import UTC, datetime

    from mission_control.exits import Ended
    from mission_control.running import target
    from mission_control.settings import read_settings
    from mission_control.terminal.incidents import Wanted, read_rows
    from mission_control.terminal.printable import shortened

    state = ctx.params.get("state")
    try:
        repository = target(read_settings(**({"state_dir": state} if state else {}))).repository
        repository.timeout = PATIENCE
        rows = read_rows(repository, Wanted(), datetime.now(UTC))
    except Ended:
        return
    yield from ((str(row.number), shortened(row.title, 60)) for row in rows if str(row.number).startswith(incomplete))


def services(incomplete: str) -> Iterator[str]:
    """Services that faults know: protected_services/faults.json."""
    from mission_control.settings import REPOSITORY_ROOT

    try:
        faults = json.loads((REPOSITORY_ROOT / "protected_services" / "faults.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    names = {str(name) for fault in faults.values() for name in fault["services"]}
    yield from (name for name in sorted(names) if name.startswith(incomplete))


def agents(incomplete: str) -> Iterator[str]:
    from mission_control.fleet.roster import AGENTS

    yield from (name for name in AGENTS if name.startswith(incomplete))
