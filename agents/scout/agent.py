"""Scout, the agent: certifies that a symptom is gone, after an action or by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.scout.verify import Patience, Waiting, after_action, by_itself
from agents.scout.watch import View, Watch
from shared.agent import Effect, Later, Say
from shared.incident.facts import Deployed, Detected
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.incident.status import Status

MAY_RECOVER: Final = frozenset(
    (Status.DETECTED, Status.DIAGNOSED, Status.NEEDS_APPROVAL, Status.NEEDS_HUMAN, Status.ESCALATED)
)
"""Where a symptom that went away by itself ends the incident."""
FIRST_LOOK: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What Scout knows of the service, and GitHub's time for the next look."""

    view: View | None
    now: datetime


class Scout:
    """`now` is GitHub's clock (`Issues.now`); everything else comes from the watch's rolling memory."""

    role: Role = "scout"

    def __init__(self, watch: Watch, now: Callable[[], datetime], patience: Patience | None = None) -> None:
        self._watch, self._now = watch, now
        self._patience = patience or Patience()

    def concerns(self, incident: Incident) -> bool:
        return incident.status is Status.VERIFYING or incident.status in MAY_RECOVER

    def look(self, incident: Incident) -> Seen:
        return Seen(self._watch.view(incident), self._now())

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        """Say(Verified) or Later. Pure."""
        if not self.concerns(incident):
            return None
        if seen.view is None:
            return Later(seen.now + FIRST_LOOK, "the first look has not been taken")
        if incident.status is Status.VERIFYING:
            changed = incident.standing is not None and any(isinstance(e.fact, Deployed) for e in incident.way)
            verdict = after_action(incident.detected, seen.view, self._patience, changed=changed)
        else:
            entry = incident.last_entry(Detected)
            at = entry.at if entry is not None else seen.view.since
            verdict = by_itself(incident.detected, at, seen.view, self._patience)
        if isinstance(verdict, Waiting):
            return Later(seen.now + verdict.again, verdict.why)
        return Say(verdict)
