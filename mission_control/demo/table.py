"""The closing table of `demo`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mission_control.terminal.printable import printable

if TYPE_CHECKING:
    from mission_control.demo.acts import Result


def table(results: Iterable[Result]) -> Table:
    """One row an act; seconds after the fault."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("fault")
    shown.add_column("service")
    for name in ("issue", "detect", "act", "healthy", "verified", "closed", "restarts", "pulls", "facts", "writes"):
        shown.add_column(name, justify="right")
    shown.add_column("outcome")
    for column in shown.columns:
        column.no_wrap = True
    for one in results:
        outcome = Text("wrong, see above", style="red") if one.wrong else Text("as it should be", style="green")
        shown.add_row(
            Text(printable(one.fault)),
            Text(printable(one.service)),
            _count(one.issue),
            *(_seconds(value) for value in (one.detected, one.acted, one.healthy, one.verified, one.closed)),
            str(sum(one.restarts.values())),
            _count(one.pulls),
            _count(None if one.comments is None else one.comments + 1),
            _count(one.writes),
            outcome,
        )
    return shown


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)
