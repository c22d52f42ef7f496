"""`escalate`: the escalation worker's step, once over issues labelled `jules-fix`; it asks who set that."""

from __future__ import annotations

from mission_control.settings import Settings
from mission_control.workflows.once import step_once
from shared.incident.labels import JULES_FIX
from shared.ports import Issues


def escalate(settings: Settings, numbers: tuple[int, ...]) -> int:
    """Of these issues, or of every open incident with the label when none is named; 0 when nothing was in the way.

    Raises BadSettings or GithubSaysNo.
    """
    return step_once("escalation", settings, lambda issues: numbers or labelled(issues))


def labelled(issues: Issues) -> tuple[int, ...]:
    """Every open incident with the label. Raises Transient or Permanent."""
    return tuple(thread.number for thread in issues.incidents(state="open") if JULES_FIX in thread.labels)
