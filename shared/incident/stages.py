"""Where an incident stands on its way, detect to learn: a fold over the facts of its present firing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from shared.incident.facts import Commanded, Detected, Merged
from shared.incident.replay import Entry, Incident
from shared.incident.status import TRANSITIONS, Status
from shared.incident.story import headline

State = Literal["done", "now", "failed", "todo", "skipped"]
ORDER: Final = ("detect", "diagnose", "rule", "act", "verify", "learn")
AT_WORK: Final[dict[Status, str]] = {
    Status.NEW: "detect",
    Status.DETECTED: "diagnose",
    Status.DIAGNOSED: "rule",
    Status.NEEDS_APPROVAL: "rule",
    Status.APPROVED: "act",
    Status.FIXING: "act",
    Status.UNDOING: "act",
    Status.VERIFYING: "verify",
    Status.FIXED: "learn",
}
"""Which stage is at work while an incident has this status. Handed on, waiting for a person or closed: none."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. `took_s`: seconds since the stage before it, by GitHub's clock (whole seconds). `by`: the role, or the
    login of a person; `note`: the fact in one line."""

    name: str
    state: State
    at: datetime | None = None
    took_s: float | None = None
    by: str | None = None
    note: str = ""


def stages(incident: Incident) -> tuple[Stage, ...]:
    """The six stages in order, of the newest firing. A stage that is done again after a failure begins anew."""
    marks, current = _walked(incident.firing)
    if incident.session is not None and incident.status is Status.ESCALATED:
        marks["act"] = Stage("act", "now", note=f"with {incident.session.backend}")
        current = "act"
    over = incident.status is Status.CLOSED
    reached = ORDER.index(current)
    return tuple(
        marks.get(name) or Stage(name, "skipped" if over or n < reached else "todo") for n, name in enumerate(ORDER)
    )


def _walked(entries: tuple[Entry, ...]) -> tuple[dict[str, Stage], str]:
    """A mark for each stage that was reached, and the stage that was reached last."""
    marks: dict[str, Stage] = {}
    status, current = Status.NEW, "detect"
    since: datetime | None = None
    for entry in entries:
        before, status = status, TRANSITIONS[status][entry.fact.move]
        working, then = AT_WORK.get(before, current), AT_WORK.get(status)
        told = _told(working, entry, since or _began(entry))
        since = entry.posted_at if then != working else since or entry.posted_at
        current = then or working
        if then is None:
            if before in AT_WORK or entry.fact.kind == "stuck":
                marks[working] = told if status is Status.CLOSED else replace(told, state="failed")
            continue
        order = ORDER.index(then) - ORDER.index(working)
        if order > 0:
            marks.pop(working, None)
            name = "verify" if entry.fact.kind == "verified" else working
            marks[name] = replace(told, name=name)
        elif order < 0:
            marks = {stage: mark for stage, mark in marks.items() if ORDER.index(stage) < ORDER.index(then)}
        marks[then] = Stage(then, "now", note="" if order > 0 else told.note)
    return marks, current


def _began(first: Entry) -> datetime:
    return first.fact.since if isinstance(first.fact, Detected) else first.posted_at


def _told(name: str, entry: Entry, began: datetime) -> Stage:
    by = entry.fact.login if isinstance(entry.fact, Commanded) else entry.by
    by = entry.fact.by if isinstance(entry.fact, Merged) else by
    took = max((entry.posted_at - began).total_seconds(), 0.0)
    return Stage(name, "done", entry.posted_at, round(took, 3), by, headline(entry.fact))
