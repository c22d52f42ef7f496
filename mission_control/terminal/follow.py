"""Follows issues on GitHub: asks for changes only (a 304 is free), and replays what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from mission_control.github import Repository
from mission_control.running import Target
from mission_control.settings import BadSettings
from mission_control.terminal.incidents import IncidentRow, rows_of
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring
from shared.incident.thread import Comment


def keyring_of(at: Target) -> Keyring:
    """The fleet's public keys. Raises BadSettings."""
    try:
        return at.keyring()
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING {error}",)) from error


@dataclass(frozen=True, slots=True)
class Board:
    """Incidents that are followed, newest first, each with what its log says."""

    rows: tuple[IncidentRow, ...] = ()
    """What their issues say; empty where one issue is followed by its number."""
    logs: tuple[tuple[int, Incident], ...] = ()


class OneIssue:
    """One issue. Its ETag changes with every comment, label and state, so one request says whether to read it."""

    def __init__(self, repository: Repository, keyring: Keyring, number: int) -> None:
        self._repository, self._keyring, self._number = repository, keyring, number
        self._etag = ""
        self.own_words: tuple[Comment, ...] = ()
        """Every comment by an account of the fleet, as last read."""

    def look(self) -> Incident | None:
        """The incident; None while it is as it was. Raises GithubSaysNo."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = self._repository.call("GET", f"/issues/{self._number}", headers=headers)
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            return None
        thread = self._repository.thread(self._number)
        incident = replay(thread, self._keyring)
        self.own_words = tuple(c for c in thread.comments if c.author in self._keyring.accounts)
        self._etag = answer.headers.get("ETag") or ""
        return incident

    def board(self) -> Board | None:
        """The same as a board of one."""
        incident = self.look()
        return Board(logs=((self._number, incident),)) if incident is not None else None


class AllOpen:
    """Every open incident (the newest 100); a log is read again when its issue has changed."""

    def __init__(self, repository: Repository, keyring: Keyring) -> None:
        self._repository, self._keyring = repository, keyring
        self._etag = ""
        self._logs: dict[int, tuple[str, Incident]] = {}

    def look(self) -> Board | None:
        """What is open now; None while that is as it was. Raises GithubSaysNo."""
        listed, etag = self._repository.changed("/issues", self._etag, labels="incident", state="open")
        if listed is None:
            return None
        rows = rows_of(listed)
        known, self._logs = self._logs, {}
        for row in rows:
            stamp, log = known.get(row.number, ("", None))
            if log is None or stamp != row.stamp:
                log = replay(self._repository.thread(row.number), self._keyring)
            self._logs[row.number] = (row.stamp, log)
        self._etag = etag
        return Board(rows, tuple((number, log) for number, (_, log) in self._logs.items()))
