"""The live table of `up` in a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mission_control.terminal.glance import ProcessRow, age, memory
from mission_control.terminal.incidents import IncidentRow
from mission_control.terminal.printable import printable, shortened
from mission_control.world.engine_view import ContainerRow

if TYPE_CHECKING:
    from mission_control.world.processes import Supervisor

STATUS_COLOURS = {
    "Detected": "yellow",
    "Diagnosed": "yellow",
    "Needs-Approval": "bold magenta",
    "Approved": "cyan",
    "Fixing": "cyan",
    "Verifying": "cyan",
    "Undoing": "cyan",
    "Fixed": "green",
    "Escalated": "bold red",
    "Needs-Human": "bold red",
    "Closed": "dim",
}
_SEVERITY_COLOURS = {"critical": "bold red", "major": "red", "minor": "yellow"}
_HEALTH_COLOURS = {"healthy": "green", "starting": "yellow", "none": "dim"}
_BESIDES_TITLE = 46
"""Columns that a row of incidents takes besides the title, in the widest case (a held one that waits for approval)."""
_COLOURS = {"up": "green", "starting": "yellow", "waiting": "red", "stopped": "dim", "gone": "red"}


def process_rows(supervisor: Supervisor) -> tuple[ProcessRow, ...]:
    """The supervisor's processes as they are now."""
    now = time.monotonic()
    return tuple(
        ProcessRow(
            name=name,
            pid=child.pid,
            state=child.state.value,
            rss=memory(child.pid),
            restarts=child.restarts,
            up_for=now - child.started_at if child.pid else None,
        )
        for name, child in supervisor.children.items()
    )


def process_table(rows: Iterable[ProcessRow], history: bool = True) -> Table:
    """Processes with pid, state and memory; with `history` also how long they are up, and how often restarted."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("process", "pid", "state", "MB", *(("up for", "restarts") if history else ())):
        table.add_column(name, justify="left" if name in ("process", "state") else "right")
    for row in rows:
        cells: list[RenderableType] = [
            row.name,
            str(row.pid or "–"),
            Text(row.state, style=_COLOURS.get(row.state, "")),
            f"{row.rss:.0f}" if row.rss is not None else "–",
        ]
        if history:
            cells.append(age(row.up_for) if row.up_for is not None else "–")
            cells.append(Text(str(row.restarts), style="yellow" if row.restarts else "dim"))
        table.add_row(*cells)
    return table


def container_table(rows: Iterable[ContainerRow]) -> Table:
    """Containers with what the engine says of them."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("container", "state", "health"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(printable(row.name)),
            Text(printable(row.status), style="green" if row.status == "running" else "red"),
            Text(printable(row.health), style=_HEALTH_COLOURS.get(row.health, "red")),
        )
    return table


def incident_table(
    incidents: Iterable[IncidentRow], now: datetime, width: int, nothing: str = "no open incident"
) -> RenderableType:
    """Incidents, one a line of at most `width` columns; titles come from the world and are text, never markup."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("#", "severity", "incident", "status", "age"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("#", "age") else "left")
    for row in incidents:
        link = f"link {row.url}" if row.url.isprintable() and " " not in row.url else ""
        status = Text(printable(row.status), style=STATUS_COLOURS.get(row.status, "bold"))
        if row.held:
            status.append(" held", style="bold red")
        table.add_row(
            Text(str(row.number), style=link),
            Text(printable(row.severity or "–"), style=_SEVERITY_COLOURS.get(row.severity or "", "")),
            Text(shortened(row.title, max(width - _BESIDES_TITLE, 20))),
            status,
            age(row.age(now)),
        )
    return table if table.row_count else Text(nothing, style="green")


def screen(
    rows: Iterable[ProcessRow],
    addresses: dict[str, str],
    incidents: Iterable[IncidentRow],
    trouble: str | None,
    said: deque[str],
    width: int,
) -> RenderableType:
    """The whole screen."""
    where = Table.grid(padding=(0, 2))
    for what, address in addresses.items():
        where.add_row(Text(what, style="dim"), Text(address, style="cyan"))
    parts: list[RenderableType] = [
        Text("SRE-Space is up. Ctrl-C stops all of it.", style="bold"),
        Text(),
        where,
        Text(),
        process_table(rows),
        Text(),
        incident_table(incidents, datetime.now(UTC), width),
    ]
    if trouble:
        parts.append(Text(f"incidents may be old: {printable(trouble)}", style="yellow"))
    if said:
        parts += [Text(), *(Text(printable(line), style="dim", overflow="ellipsis", no_wrap=True) for line in said)]
    return Group(*parts)
