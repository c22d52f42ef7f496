"""One thing that was looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mission_control.doctor.table import TABLE
from mission_control.terminal.shapes import FindingShape


@dataclass(frozen=True, slots=True)
class Finding:
    """Made by `well` or `wrong`, so that its words are those of the table."""

    id: str
    severity: Literal["ok", "note", "bad"]
    said: str
    """What was seen."""
    about: str = ""
    """Which one, where there may be several."""
    why: str = ""
    fix: str = ""

    @property
    def ok(self) -> bool:
        return self.severity == "ok"

    def shape(self) -> FindingShape:
        return {
            "id": self.id,
            "about": self.about,
            "ok": self.ok,
            "severity": self.severity,
            "said": self.said,
            "why": self.why,
            "fix": self.fix,
        }


def well(id: str, said: str, about: str = "") -> Finding:
    """It is as it should be."""
    if id not in TABLE:
        raise KeyError(id)
    return Finding(id, "ok", said, about)


def wrong(id: str, said: str, about: str = "", **values: object) -> Finding:
    """It is not. `values` fill the placeholders of the table's words."""
    entry = TABLE[id]
    return Finding(id, entry.severity, said, about, entry.why.format(**values), entry.fix.format(**values))
