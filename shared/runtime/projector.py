"""Labels and the status card follow the log: read it again, change only what differs, one label at a time, later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from shared.incident import labels
from shared.incident.card import with_card
from shared.incident.replay import replay
from shared.incident.signing import Keyring
from shared.incident.statuscard import card
from shared.ports import Issues, IssueWriter, Lane

_log = structlog.get_logger()


class Later(Protocol):
    """A queue of writes that may lag; the newest of a key wins."""

    def submit(self, lane: Lane, key: str, work: Callable[[], None]) -> None: ...


class Projector:
    """Fulfils `scribe.Projects`."""

    def __init__(self, issues: Issues, writer: IssueWriter, keyring: Keyring, queue: Later) -> None:
        self._issues = issues
        self._writer = writer
        self._keyring = keyring
        self._queue = queue

    def project(self, number: int) -> None:
        self._queue.submit("status", f"labels-{number}", lambda: self.project_now(number))

    def project_now(self, number: int) -> None:
        """Read the log and bring labels, then the card, in line. Raises Transient, Permanent."""
        thread = self._issues.thread(number)
        incident = replay(thread, self._keyring)
        plan = labels.plan(incident)
        for label in plan.add:
            self._writer.add_label(number, label)
        for label in plan.remove:
            self._writer.remove_label(number, label)
        body = with_card(thread.body, card(incident)) if incident.is_incident else thread.body
        if body != thread.body:
            self._queue.submit("cosmetic", f"card-{number}", lambda: self._writer.edit_body(number, body))
