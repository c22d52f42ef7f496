"""What is new between two looks at the open incidents: facts, closings, trouble; lines for people or programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mission_control.terminal.explain import fact_shape, told
from mission_control.terminal.follow import Board
from mission_control.terminal.printable import printable
from mission_control.terminal.shapes import WatchShape
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.incident.story import headline


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to say. `entry` goes with `fact`, `text` with the others; `began` is when the incident did."""

    event: Literal["fact", "closed", "trouble", "well"]
    number: int | None = None
    status: str | None = None
    entry: Entry | None = None
    began: datetime | None = None
    text: str | None = None

    def lines(self, details: bool) -> list[str]:
        """For people: one line, and a fact's details where they are wanted."""
        if self.entry is None:
            which = f"#{self.number} " if self.number is not None else ""
            return [f"{which}{printable(self.text or '')}"]
        if details:
            return told(self.entry, self.began or self.entry.posted_at)
        said = printable(headline(self.entry.fact))
        return [f"{self.entry.posted_at:%H:%M:%S}  #{self.number:<4} {self.entry.by:10} {said}"]

    def json_line(self) -> str:
        """For programs: one document."""
        document: WatchShape = {
            "event": self.event,
            "number": self.number,
            "status": self.status,
            "fact": fact_shape(self.entry) if self.entry is not None else None,
            "text": self.text,
        }
        return json.dumps(document)


class Tape:
    """Remembers how far each incident has been told."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self._trouble: str | None = None

    def of(self, board: Board) -> Iterator[Event]:
        """What is new on `board`. A log that a person cut short is told again from where it was cut."""
        for number, incident in sorted(board.logs):
            yield from self._facts(number, incident)
        for number, incident in board.logs:
            if is_over(incident) and self._told.pop(number, None) is not None:
                yield Event("closed", number, status_of(incident), text="is closed")
        there = {number for number, _ in board.logs}
        for number in [n for n in self._told if n not in there]:
            del self._told[number]
            yield Event("closed", number, "Closed", text="is closed")

    def about(self, trouble: str | None) -> Iterator[Event]:
        """What is wrong with the looking, when that has changed."""
        if trouble != self._trouble:
            yield Event("trouble", text=f"{trouble}; trying again") if trouble else Event("well", text="there again")
        self._trouble = trouble

    def _facts(self, number: int, incident: Incident) -> Iterator[Event]:
        seen = min(self._told.get(number, 0), len(incident.entries))
        for entry in incident.entries[seen:]:
            yield Event("fact", number, status_of(incident), entry, incident.entries[0].posted_at)
        self._told[number] = len(incident.entries)


def is_over(incident: Incident) -> bool:
    """Whether nothing more is to come: its log says so, or a person closed the issue."""
    return incident.closed or incident.status is Status.CLOSED


def status_of(incident: Incident) -> str:
    """The status as people say it."""
    return incident.status.value.removeprefix("Status: ")
