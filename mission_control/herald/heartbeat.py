"""Keeps the label `sre:heartbeat` fresh: one write in ten minutes, in the lane that gives way to all others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from mission_control.fleet.pulse import Heard, spoken
from mission_control.fleet.roster import ROLES
from shared.adapters.github.client import GitHub
from shared.incident.labels import CATALOGUE, PULSE
from shared.ports import Clock, Permanent, Transient
from shared.stream import Event

log = logging.getLogger("mission_control.herald")

EVERY: Final = timedelta(minutes=10)
FIRST_AFTER: Final = timedelta(minutes=1)
"""By then every worker has beaten; also the pause after a failure."""


class Heartbeat:
    """`say` writes the description, `now` is GitHub's clock; with `deaf` there is no stream to hear workers on."""

    def __init__(self, say: Callable[[str], None], now: Callable[[], datetime], clock: Clock, *, deaf: bool) -> None:
        self._say, self._now, self._clock, self._deaf = say, now, clock, deaf
        self._due = clock.monotonic() + FIRST_AFTER.total_seconds()
        self._heard: set[str] = set()
        self._lock = threading.Lock()

    def on_event(self, event: Event) -> None:
        """Take a heartbeat from the stream: only the name of a role is believed of it."""
        role = event.data.get("agent")
        if role in ROLES:
            with self._lock:
                self._heard.add(str(role))

    def step(self) -> None:
        """Write, when it is time. Never raises for what GitHub does: the next time will do."""
        if self._clock.monotonic() < self._due:
            return
        with self._lock:
            roles = None if self._deaf else frozenset(self._heard)
        self._due = self._clock.monotonic() + FIRST_AFTER.total_seconds()
        try:
            self._say(spoken(Heard(self._now(), roles)))
        except (Transient, Permanent) as failure:
            log.warning("the heartbeat is not on GitHub: %s", failure)
            return
        with self._lock:
            self._heard.clear()
        self._due = self._clock.monotonic() + EVERY.total_seconds()


def describing(github: GitHub) -> Callable[[str], None]:
    """Writes the label's description, making the label where there is none."""
    path, color = f"/repos/{github.wire.address.repo}/labels", CATALOGUE[PULSE][0]

    def say(description: str) -> None:
        github.budget.acquire("cosmetic", creates=False, patience=0.0)
        one = f"{path}/{quote(PULSE, safe='')}"
        answer = github.wire.send("PATCH", one, body={"description": description}, accept={404})
        if answer.status == 404:
            github.wire.send("POST", path, body={"name": PULSE, "color": color, "description": description})

    return say
