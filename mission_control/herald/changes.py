"""What of two lists (issue events, comments) is new, and which incidents that concerns. Pure; rows are untrusted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.incident.codec import NotAFact, decode, starts_like_a_block
from shared.incident.labels import FREEZE, INCIDENT

EVERY_INCIDENT: Final = 0
"""The issue number of a hint that concerns every open incident."""
_REMEMBERED: Final = 1000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at issue `issue`, because `why`: a move of the status table, or words for the log."""

    issue: int
    why: str


@dataclass(slots=True)
class Seen:
    """What was there before, by key; bounded. The first list is all old."""

    keys: OrderedDict[Hashable, None] = field(default_factory=OrderedDict)
    begun: bool = False

    def new(self, rows: Sequence[tuple[Hashable, Row]]) -> tuple[list[Row], bool]:
        """The rows not seen before, and whether there may be more of them than the list holds."""
        fresh = [row for key, row in rows if key not in self.keys]
        missed = self.begun and bool(rows) and len(fresh) == len(rows)
        first, self.begun = not self.begun, True
        for key, _ in rows:
            self.keys[key] = None
            self.keys.move_to_end(key)
        while len(self.keys) > _REMEMBERED:
            self.keys.popitem(last=False)
        return ([] if first else fresh), missed


def of_events(rows: Sequence[Row], fleet: frozenset[str]) -> list[Hint]:
    """Hints from rows of `/issues/events`. What the fleet does to labels is its own projection and wakes nobody."""
    hints = []
    for row in rows:
        issue = row.get("issue") or {}
        number, name = issue.get("number"), str(row.get("event"))
        label = str((row.get("label") or {}).get("name", ""))
        if type(number) is not int:
            continue
        if FREEZE in {label, *(str(one.get("name")) for one in issue.get("labels") or ())}:
            hints.append(Hint(EVERY_INCIDENT, "freeze"))
        elif _login(row, "actor") not in fleet:
            hints.append(Hint(number, f"{name} {label}".strip()))
        elif name == "labeled" and label == INCIDENT:
            hints.append(Hint(number, "detected"))
    return hints


def of_comments(rows: Sequence[Row], fleet: frozenset[str]) -> list[Hint]:
    """Hints from rows of `/issues/comments`. Of the fleet's own comments only facts count, named by their move."""
    hints = []
    for row in rows:
        tail = str(row.get("issue_url", "")).rpartition("/")[2]
        body = str(row.get("body") or "")
        if not tail.isdigit():
            continue
        if _login(row, "user") not in fleet:
            edited = row.get("created_at") != row.get("updated_at")
            hints.append(Hint(int(tail), "comment edited" if edited else "comment"))
        elif starts_like_a_block(body):
            try:
                hints.append(Hint(int(tail), decode(body).fact.move))
            except NotAFact:
                hints.append(Hint(int(tail), "unreadable block"))
    return hints


def once(hints: Sequence[Hint]) -> list[Hint]:
    """Each hint once, in order."""
    return list(dict.fromkeys(hints))


def _login(row: Row, who: str) -> str:
    return str((row.get(who) or {}).get("login", ""))
