"""One round of Scout's patrol: telemetry in, issues opened or reopened, nothing opened twice or forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import structlog

from shared.agent import Open, Recount, Reopen, Sighting
from shared.incident.replay import Incident, replay
from shared.ports import Past, Permanent, Transient
from shared.runtime.scribe import Desk, Scribe

_log = structlog.get_logger()

REFUSED_PAUSE_S: Final = 30.0
"""How long a sighting waits that GitHub refused to take, before it is tried again."""
Look = Callable[[tuple[Incident, ...], tuple[Incident, ...]], Sequence[Sighting]]
"""(open incidents, all recently changed incidents) -> what to open."""


class PatrolRound:
    """Callable once per round. Opens nothing before the incidents of GitHub have been read once."""

    def __init__(self, look: Look, desk: Desk, scribe: Scribe, past: Past, window: timedelta) -> None:
        self._look = look
        self._desk = desk
        self._scribe = scribe
        self._past = past
        self._window = window
        self._refresh_every = timedelta(seconds=2).total_seconds()
        self._read_at: float | None = None
        self._known: tuple[Incident, ...] = ()
        self._unwritten: list[Open | Reopen] = []
        self._not_before = 0.0

    @property
    def informed(self) -> bool:
        """Whether the incidents of GitHub have been read at least once."""
        return self._read_at is not None

    def __call__(self) -> None:
        """Raises nothing that the world causes: what could not be written is kept for a later round."""
        now = self._desk.clock.monotonic()
        if self._read_at is None or now - self._read_at >= self._refresh_every:
            try:
                self._known = self._incidents()
                self._read_at = now
            except (Transient, Permanent) as failure:
                _log.warning("cannot read incidents", why=str(failure))
        still_open = tuple(i for i in self._known if not i.closed)
        for sighting in self._look(still_open, self._known):
            if isinstance(sighting, Recount):
                self._scribe.think(sighting.number, f"fires again: {sighting.fingerprint[:12]}")
            else:
                self._unwritten.append(sighting)
        if self._read_at is not None and now >= self._not_before:
            self._write_all(now)

    def _incidents(self) -> tuple[Incident, ...]:
        """What changed within the window, and what is open, however old. Raises Transient, Permanent."""
        recent = self._past.recent(self._window)
        numbers = {incident.number for incident in recent}
        older = (t.number for t in self._desk.issues.incidents(state="open") if t.number not in numbers)
        return (*(replay(self._desk.issues.thread(n), self._desk.keyring) for n in sorted(older)), *recent)

    def _write_all(self, now: float) -> None:
        waiting, self._unwritten = self._unwritten, []
        for sighting in waiting:
            open_now = {i.detected.fingerprint for i in self._known if i.is_incident and not i.closed}
            if sighting.fact.fingerprint in open_now:
                continue
            try:
                self._write(sighting)
            except Transient as failure:
                _log.warning("not opened yet", why=str(failure))
                self._unwritten.append(sighting)
                self._not_before = now + (failure.retry_after or 0.5)
            except Permanent as failure:
                _log.error("cannot open an incident: a person must mend this", why=str(failure))
                self._scribe.think(0, f"cannot open an incident for {sighting.fact.service}: {failure}")
                self._unwritten.append(sighting)
                self._not_before = now + REFUSED_PAUSE_S

    def _write(self, sighting: Open | Reopen) -> None:
        if isinstance(sighting, Open):
            self._known = (*self._known, self._scribe.open(sighting.fact))
            return
        self._desk.writer.reopen(sighting.number)  # first: a process that dies here leaves what the next one takes up
        self._scribe.say(replay(self._desk.issues.thread(sighting.number), self._desk.keyring), sighting.fact)
        self._known = tuple(
            replay(self._desk.issues.thread(i.number), self._desk.keyring) if i.number == sighting.number else i
            for i in self._known
        )
