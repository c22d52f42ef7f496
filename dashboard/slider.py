"""Any past moment of an incident, rebuilt from its log: the facts posted by then, folded by the same table. Pure.

Labels are what the log says they were; what people put on or took off is not in the log and not claimed. A text that
was edited since stands as it is now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.incident.labels import wanted
from shared.incident.replay import Incident
from shared.incident.status import TRANSITIONS, Status


def as_of(incident: Incident, at: datetime) -> Incident:
    """`incident` as its log stood at `at` (GitHub's clock). One that was not open yet has no entries."""
    entries = []
    for entry in incident.entries:  # a prefix: what came after the first later fact rests on it
        if entry.posted_at > at:
            break
        entries.append(entry)
    status = Status.NEW
    for entry in entries:
        status = TRANSITIONS[status][entry.fact.move]
    last = max((e.comment_id for e in entries), default=-1)
    then = replace(
        incident,
        status=status,
        entries=tuple(entries),
        rejected=tuple(r for r in incident.rejected if r.comment_id <= last),
        gaps=incident.gaps if len(entries) == len(incident.entries) else (),
        labels=frozenset(),
        closed=status is Status.CLOSED,
        words=tuple(w for w in incident.words if w.created_at <= at),
        answered=frozenset(),
    )
    return replace(then, labels=wanted(then))
