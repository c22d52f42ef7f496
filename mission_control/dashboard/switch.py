"""The freeze switch as the dashboard shows it: who froze the fleet, why, and whether it was frozen then."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from dashboard.shapes import Switch
from mission_control.terminal.freeze import is_more
from shared.adapters.github import GitHub
from shared.incident.labels import FREEZE

OFF: Final = Switch(frozen=False, why="", url=None, readable=True)


class FreezeSwitch:
    """Fulfils `dashboard.doors.Switches`. For one reading thread; `at` reads by itself."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        self._watch = github.watch("/issues", {"labels": FREEZE, "state": "open"})
        self._switch = OFF

    def now(self) -> Switch:
        """Raises Transient or Permanent."""
        rows = self._watch.changed()
        if rows is not None:
            self._switch = _on(rows[-1]) if rows else OFF
        return self._switch

    def at(self, moment: datetime) -> Switch:
        """By the times of the newest 100 issues with the label. Raises Transient or Permanent."""
        rows = self._github.watch("/issues", {"labels": FREEZE, "state": "all"}).changed() or []
        held = [row for row in rows if self._held(row, moment)]
        return _on(held[-1]) if held else OFF

    def _held(self, row: dict[str, Any], moment: datetime) -> bool:
        closed = row.get("closed_at")
        return self._since(row) <= moment and (closed is None or moment < datetime.fromisoformat(str(closed)))

    def _since(self, row: dict[str, Any]) -> datetime:
        """An issue that is more than a switch has been one since it was labelled so last."""
        opened = datetime.fromisoformat(str(row["created_at"]))
        if not is_more(row):
            return opened
        return max((e.at for e in self._github.reads.labelled(row["number"]) if e.label == FREEZE), default=opened)


def _on(row: dict[str, Any]) -> Switch:
    """`row`: an issue of GitHub's REST API."""
    why = f"#{row['number']} is labelled {FREEZE}"
    if not is_more(row):
        why = str(row.get("body") or row.get("title") or "").strip().split("\n", 1)[0][:300]
    return Switch(frozen=True, why=why, url=str(row.get("html_url") or "") or None, readable=True)
