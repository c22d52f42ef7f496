"""Polls GitHub conditionally and publishes a wake-up for each incident that somebody or something changed."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from mission_control.herald.changes import EVERY_INCIDENT, Hint, Row, Seen, of_comments, of_events, once
from shared import stream
from shared.ports import Clock, Permanent, Publisher, Transient

log = logging.getLogger("mission_control.herald")
LONGEST_PAUSE: Final = 60.0
PAGE: Final = 100
"""Rows of a list: more changes than that between two polls are treated as "anything may have changed"."""


class Changing(Protocol):
    """A list that is cheap to ask again."""

    def changed(self) -> list[dict[str, Any]] | None:
        """The rows, newest first, None when unchanged. Raises Transient or Permanent."""
        ...


class Herald:
    """`events`, `comments` and `incidents` (the open ones) are lists of the repository `repo`; `fleet` its logins."""

    def __init__(
        self,
        repo: str,
        events: Changing,
        comments: Changing,
        incidents: Changing,
        *,
        publisher: Publisher,
        clock: Clock,
        fleet: frozenset[str],
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        """`heartbeat` is called after each poll, and does not raise."""
        self._heartbeat = heartbeat
        self._repo = repo
        self._events, self._comments, self._incidents = events, comments, incidents
        self._publisher = publisher
        self._clock = clock
        self._fleet = fleet
        self._seen_events, self._seen_comments = Seen(), Seen()
        self._open: tuple[int, ...] = ()
        self._nudge = threading.Event()
        self._stopping = threading.Event()
        self._polled_at = clock.monotonic()

    def run(self, every: timedelta) -> None:
        """Poll every `every` (at once when nudged) until stopped; after a failure wait as GitHub asks, or ever longer.

        Raises Permanent: a missing repository or a refused token is for a person to mend.
        """
        pause = every.total_seconds()
        self.announce([Hint(EVERY_INCIDENT, "resync")])
        while not self._stopping.is_set():
            self._polled_at = self._clock.monotonic()
            try:
                self.announce(self.poll())
                self._heartbeat()
                pause = every.total_seconds()
                self._nudge.wait(pause)
            except Transient as trouble:
                pause = min(pause * 2, LONGEST_PAUSE)
                log.warning("%s; next poll in %.1f s", trouble, trouble.retry_after or pause)
                self._stopping.wait(trouble.retry_after or pause)
            self._nudge.clear()

    def state(self) -> tuple[bool, dict[str, float]]:
        """Whether the polling goes on, for `/healthz`."""
        idle = self._clock.monotonic() - self._polled_at
        return idle < 2 * LONGEST_PAUSE, {"last_poll_s": round(idle, 3)}

    def stop(self) -> None:
        self._stopping.set()
        self._nudge.set()

    def nudge(self) -> None:
        """Poll now."""
        self._nudge.set()

    def poll(self) -> list[Hint]:
        """What is new since the last poll. Raises Transient or Permanent."""
        events, missed_events = self._new(self._events, self._seen_events, _event_key)
        comments, missed_comments = self._new(self._comments, self._seen_comments, _comment_key)
        hints = of_events(events, self._fleet) + of_comments(comments, self._fleet)
        if missed_events or missed_comments:
            hints.append(Hint(EVERY_INCIDENT, "more changes than a page"))
        return once(hints)

    def announce(self, hints: Sequence[Hint]) -> None:
        """Publish the hints; one that concerns every incident becomes one for each that is open."""
        for hint in hints:
            for number in self._numbers(hint):
                self._publish(Hint(number, hint.why))

    def _new(self, changing: Changing, seen: Seen, key: Any) -> tuple[list[Row], bool]:
        rows = changing.changed()
        if rows is None:
            return [], False
        fresh, missed = seen.new([(key(row), row) for row in rows])
        return fresh, missed and len(rows) >= PAGE

    def _numbers(self, hint: Hint) -> tuple[int, ...]:
        if hint.issue != EVERY_INCIDENT:
            return (hint.issue,)
        try:
            rows = self._incidents.changed()
        except (Transient, Permanent) as trouble:
            log.warning("the open incidents cannot be listed: %s", trouble)
            rows = None
        if rows is not None:
            self._open = tuple(row["number"] for row in rows if type(row.get("number")) is int)
        return self._open

    def _publish(self, hint: Hint) -> None:
        event = stream.Event(
            id=str(uuid.uuid4()),
            source="/sre-space/herald",
            type="io.sre-space.wakeup",
            subject=f"{self._repo}#{hint.issue}",
            time=self._clock.now(),
            data={"issue": hint.issue, "why": hint.why},
        )
        self._publisher.publish(stream.WAKEUPS, str(hint.issue), event)
        log.info("woke for %d: %s", hint.issue, hint.why)


def _event_key(row: Row) -> object:
    return row.get("id")


def _comment_key(row: Row) -> object:
    return (row.get("id"), row.get("updated_at"))
