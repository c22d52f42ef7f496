"""What `watch` draws, from values alone. Texts from the world are text, never markup, and nothing in them is obeyed."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mission_control.terminal.follow import Board
from mission_control.terminal.glance import age
from mission_control.terminal.printable import printable
from mission_control.terminal.table import STATUS_COLOURS
from mission_control.terminal.tape import status_of
from shared.incident.details import details
from shared.incident.fitting import fits
from shared.incident.outlook import outlook
from shared.incident.replay import Entry, Incident
from shared.incident.stages import stages
from shared.incident.status import Status
from shared.incident.story import headline

_MARKS: Final = {
    "done": ("●", "green"),
    "now": ("◐", "bold cyan"),
    "waits": ("?", "bold magenta"),
    "failed": ("×", "bold red"),
    "skipped": ("–", "dim"),
    "todo": ("○", "dim"),
}
"""Sign and style of a stage; `waits`: it is a person's turn."""
_ROLES: Final = {
    "scout": "yellow",
    "brain": "blue",
    "guardrail": "magenta",
    "fixer": "cyan",
    "memory": "green",
    "escalation": "red",
}
_DETAILS: Final = 4
"""Lines of detail below the newest facts."""


def stage_line(incident: Incident, wide: bool = True) -> Text:
    """The stages in one line; `wide` with their names and how long each took."""
    line = Text(no_wrap=True, overflow="ellipsis")
    asks = incident.status is Status.NEEDS_APPROVAL
    for n, stage in enumerate(stages(incident)):
        sign, style = _MARKS["waits" if asks and stage.state == "now" else stage.state]
        line.append("  " if n and wide else "")
        line.append(sign, style=style)
        if wide:
            line.append(f" {stage.name}", style=style)
            line.append(f" {age(stage.took_s)}" if stage.took_s is not None else "", style="dim")
    return line


def one_screen(incident: Incident, now: datetime, trouble: str, height: int) -> RenderableType:
    """One incident: what and since when, how far it is, what is next, and as many facts as fit, newest last."""
    detected = incident.detected
    status = status_of(incident)
    head = Table.grid(expand=True, padding=(0, 1))
    head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    head.add_column(justify="right", no_wrap=True)
    what = Text(f"#{incident.number} ", style="bold")
    what.append(printable(f"{detected.symptom} on {detected.service}"), style="bold")
    what.append(printable(f"  {detected.severity}"), style="red" if detected.severity != "minor" else "yellow")
    stands = Text(status + (" held" if incident.held else ""), style=STATUS_COLOURS.get(status, "bold"))
    head.add_row(what, stands)
    since = age((now - detected.since).total_seconds())
    head.add_row(Text(printable(detected.summary)), Text(f"since {detected.since:%H:%M:%S} UTC, {since}", style="dim"))
    following = Text(printable(outlook(incident) or "nothing: it is closed"), no_wrap=True, overflow="ellipsis")
    can = " ".join(fits(incident))
    upper: list[RenderableType] = [
        head,
        Text(printable(incident.url), style="dim cyan", no_wrap=True, overflow="ellipsis"),
        Text(),
        stage_line(incident),
        Text.assemble(("next  ", "dim"), following, no_wrap=True, overflow="ellipsis"),
        Text.assemble(("say   ", "dim"), can, no_wrap=True, overflow="ellipsis"),
        Text(),
    ]
    lower: list[RenderableType] = [Text(), _foot(trouble)]
    room = max(height - len(upper) - len(lower) - 2, 3)
    return Group(*upper, *_facts(incident.entries, room), *lower)


def all_screen(board: Board, now: datetime, trouble: str, height: int) -> RenderableType:
    """Every open incident with how far it is and its newest fact."""
    logs = dict(board.logs)
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("incident", no_wrap=True, overflow="ellipsis", ratio=2)
    table.add_column("status", no_wrap=True)
    table.add_column("newest", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("age", justify="right", no_wrap=True)
    room = max(height - 6, 3)
    for row in board.rows[:room]:
        incident = logs[row.number]
        status = status_of(incident) if incident.is_incident else row.status
        newest = incident.entries[-1] if incident.is_incident else None
        table.add_row(
            Text(str(row.number), style="bold"),
            stage_line(incident, wide=False),
            Text(printable(row.title)),
            Text(status + (" held" if row.held else ""), style=STATUS_COLOURS.get(status, "bold")),
            Text(printable(f"{newest.by}: {headline(newest.fact)}") if newest else "–", style="dim"),
            age(row.age(now)),
        )
    waiting = sum(row.waits for row in board.rows)
    count = Text(
        f"{len(board.rows)} open" if board.rows else "no open incident", style="bold" if board.rows else "green"
    )
    if waiting:
        count.append(f", {waiting} waits for a person", style="bold magenta")
    left_out = [Text(f"… and {len(board.rows) - room} more", style="dim")] if len(board.rows) > room else []
    body: list[RenderableType] = [table] if board.rows else []
    return Group(count, Text(), *body, *left_out, Text(), _foot(trouble))


def _facts(entries: tuple[Entry, ...], room: int) -> list[RenderableType]:
    """The newest facts that fit into `room` lines, the newest with details."""
    shown: list[list[RenderableType]] = []
    for n, entry in enumerate(reversed(entries)):
        lines: list[RenderableType] = [_fact_line(entry)]
        if n < 2:
            found = [printable(line) for line in details(entry.fact)]
            lines += [Padding(_cut(line, "dim"), (0, 0, 0, 22)) for line in found[:_DETAILS]]
            if len(found) > _DETAILS:
                lines.append(Padding(_cut(f"… {len(found) - _DETAILS} more: explain", "dim"), (0, 0, 0, 22)))
        if sum(map(len, shown)) + len(lines) > room - (n + 1 < len(entries)):
            shown.append([_cut(f"… {len(entries) - n} earlier facts: explain", "dim")])
            break
        shown.append(lines)
    return [line for lines in reversed(shown) for line in lines]


def _fact_line(entry: Entry) -> Text:
    line = _cut(f"{entry.posted_at:%H:%M:%S}  ", "dim")
    line.append(f"{entry.by:10}  ", style=_ROLES.get(entry.by, ""))
    return line.append(printable(headline(entry.fact)))


def _cut(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _foot(trouble: str) -> Text:
    if trouble:
        return _cut(f"old: {printable(trouble)}; trying again", "yellow")
    return _cut("Ctrl-C ends this; the fleet goes on.", "dim")
