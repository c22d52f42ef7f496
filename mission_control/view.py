"""The live table of `up` in a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mission_control.processes import Supervisor
from mission_control.watch import OpenIncident, ProcessRow, age, memory

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


def incident_table(incidents: Iterable[OpenIncident]) -> RenderableType:
    """Open incidents; titles come from the world and are shown as text, never as markup."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("#", "incident", "status", "age"):
        table.add_column(name, overflow="ellipsis", no_wrap=name != "incident")
    for incident in incidents:
        number = Text(str(incident.number), style=f"link {incident.url}" if " " not in incident.url else "")
        table.add_row(number, Text(incident.title), Text(incident.status, style="bold"), incident.age)
    return table if table.row_count else Text("no open incident", style="green")


def screen(
    rows: Iterable[ProcessRow],
    addresses: dict[str, str],
    incidents: Iterable[OpenIncident],
    trouble: str | None,
    said: deque[str],
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
        incident_table(incidents),
    ]
    if trouble:
        parts.append(Text(f"incidents may be old: {trouble}", style="yellow"))
    if said:
        parts += [Text(), *(Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in said)]
    return Group(*parts)
