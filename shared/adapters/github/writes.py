"""Issues, comments and labels, written to GitHub once each. Fulfils `shared.ports.IssueWriter`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlencode

import structlog

from shared.adapters.github import parse
from shared.adapters.github.body import FLEET_BLOCK, rebased, same_text, same_write
from shared.adapters.github.budget import WriteBudget
from shared.adapters.github.lanes import turn
from shared.adapters.github.own_writes import OwnWrites
from shared.adapters.github.reads import GitHubReads
from shared.adapters.github.wire import Refused, Unsure, Wire
from shared.incident.thread import Comment, Thread
from shared.ports import Lane, Transient

_log = structlog.get_logger()
T = TypeVar("T")
MAX_BODY: Final = 60_000
MAX_TITLE: Final = 256
TRIES: Final = 4
READ_BACK_AFTER: Final = (0.0, 0.3, 0.7, 1.0, 2.0, 3.0)
"""Pauses (s) before each look for a write nobody confirmed: 7 s in all, because lists may show new things late."""
AGAIN_AFTER: Final = (0.3, 1.0, 2.0)
"""Pauses (s) before an idempotent write is tried again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the writer waits, and with what."""

    sleep: Callable[[float], None] = time.sleep
    read_back_after: Sequence[float] = READ_BACK_AFTER
    again_after: Sequence[float] = AGAIN_AFTER


class GitHubWrites:
    """Thread-safe. Every method raises Transient (nothing is known to have been done twice), Permanent, ValueError."""

    def __init__(
        self,
        wire: Wire,
        reads: GitHubReads,
        own: OwnWrites,
        budget: WriteBudget,
        login: Callable[[], str],
        patience: Patience | None = None,
    ) -> None:
        """`login` says which account the token belongs to: only its own words can be what it wrote."""
        self._wire = wire
        self._reads = reads
        self._own = own
        self._budget = budget
        self._login = login
        self._patience = patience or Patience()
        self._repo = wire.address.repo
        self._path = f"/repos/{self._repo}"

    def open_issue(self, title: str, body: str, labels: tuple[str, ...]) -> Thread:
        """Open an issue, with every label (GitHub drops those of accounts without push access in silence)."""
        _check(body)
        if len(title) > MAX_TITLE:
            raise ValueError(f"a title of {len(title)} characters is longer than {MAX_TITLE}")
        new = {"title": title, "body": body, "labels": list(labels)}
        to_thread = lambda found: parse.listed(self._repo, found).thread  # noqa: E731
        thread: Thread = self._create(
            f"{self._path}/issues", new, "result", to_thread, partial(self._opened, title, body)
        )
        self._own.opened(thread)
        for label in labels:
            if label not in thread.labels:
                self.add_label(thread.number, label)
        return thread

    def comment(self, number: int, body: str, lane: Lane = "result") -> Comment:
        """Say `body` on an issue."""
        _check(body)
        path = f"{self._path}/issues/{number}/comments"
        comment = self._create(path, {"body": body}, lane, parse.comment, partial(self._said, number, body))
        self._own.said(number, comment)
        return comment

    def edit_body(self, number: int, body: str) -> None:
        """Bring the fleet's part of an issue's body to that of `body`; what people changed meanwhile stays."""
        _check(body)
        for pause in (0.0, *self._patience.again_after):
            self._pause(pause)
            now = self._reads.issue(number).body
            wanted = rebased(now, body)
            if same_text(now, wanted):
                return
            try:
                answer = self._send("PATCH", f"/issues/{number}", {"body": wanted}, "cosmetic")
            except Unsure as failure:
                _log.warning("was the body edited?", incident=number, why=str(failure))
                continue
            if same_text(str(answer.json().get("body") or ""), wanted):
                return
            _log.warning("GitHub kept another body than it was given", incident=number)
        raise Transient(f"the body of issue {number} could not be edited")

    def add_label(self, number: int, label: str) -> None:
        """Put one label on an issue; there already is fine."""
        self._repeat("POST", f"/issues/{number}/labels", [label], "result")

    def remove_label(self, number: int, label: str) -> None:
        """Take one label off an issue; absent is fine."""
        path = f"/issues/{number}/labels/{quote(label, safe='')}"
        try:
            self._repeat("DELETE", path, None, "result")
        except Refused as refusal:
            if refusal.status != 404:
                raise

    def close(self, number: int) -> None:
        """Close an issue as completed; closed already is fine."""
        self._turn(number, "closed", "completed")

    def reopen(self, number: int) -> None:
        """Open an issue again; open already is fine."""
        self._turn(number, "open", "reopened")

    def react(self, comment_id: int, content: Literal["eyes", "rocket", "confused"]) -> None:
        """React to a comment; GitHub keeps one reaction of a kind per account."""
        self._repeat("POST", f"/issues/comments/{comment_id}/reactions", {"content": content}, "status")

    # once, though the answer may be lost

    def _create(
        self,
        path: str,
        new: object,
        lane: Lane,
        parsed: Callable[[Any], T],
        find: Callable[[datetime], T | None],
    ) -> T:
        asked = turn(lane)
        for attempt in range(TRIES):
            self._budget.acquire(asked.lane, True, asked.patience)
            since = self._reads.now()
            try:
                return parsed(self._wire.send("POST", path, body=new).json())
            except Unsure as failure:
                _log.warning("was it written?", path=path, attempt=attempt, why=str(failure))
            found = self._read_back(find, since)
            if found is not None:
                return found
        raise Transient(f"POST {path}: {TRIES} tries, none of which can be found")

    def _read_back(self, find: Callable[[datetime], T | None], since: datetime) -> T | None:
        """What was written since, or None when it cannot be found. Raises Transient when nobody can say."""
        answered = False
        last: Transient | None = None
        for pause in self._patience.read_back_after:
            self._pause(pause)
            try:
                found = find(since)
            except Unsure as failure:
                last = failure
                answered = False
                continue
            answered = True
            if found is not None:
                return found
        if not answered:
            raise Transient("it is unknown whether the write was done", retry_after=5.0) from last
        return None

    def _said(self, number: int, body: str, since: datetime) -> Comment | None:
        """The own comment with this text (its signed first line, if it has one)."""
        cutoff = since - _slack(body)
        params = {"since": parse.stamp(cutoff), "per_page": 100}
        for found in self._all(f"{self._path}/issues/{number}/comments", params):
            comment = parse.comment(found)
            if comment.created_at >= cutoff and self._mine(comment.author) and same_write(comment.body, body):
                return comment
        return None

    def _opened(self, title: str, body: str, since: datetime) -> Thread | None:
        cutoff = since - _slack(body)
        params = {"state": "all", "sort": "created", "direction": "desc", "per_page": 100}
        for found in self._all(f"{self._path}/issues", params | {"creator": self._login()}):
            thread = parse.listed(self._repo, found).thread
            if thread.created_at < cutoff:
                return None
            if self._mine(thread.author) and thread.title == title and same_write(thread.body, body):
                return thread
        return None

    def _all(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The items of all pages, asked for afresh."""
        for page in range(1, 51):
            query = urlencode(sorted({**params, "page": page}.items()))
            items = self._wire.send("GET", f"{path}?{query}").json()
            yield from items
            if len(items) < params["per_page"]:
                return

    # idempotent

    def _turn(self, number: int, state: str, reason: str) -> None:
        for pause in (0.0, *self._patience.again_after):
            self._pause(pause)
            if pause and self._reads.issue(number).closed is (state == "closed"):
                break
            try:
                self._send("PATCH", f"/issues/{number}", {"state": state, "state_reason": reason}, "result")
                break
            except Unsure as failure:
                _log.warning("did the issue turn?", incident=number, state=state, why=str(failure))
        else:
            raise Transient(f"issue {number} could not be turned {state}")
        self._own.turned(number, closed=state == "closed")

    def _repeat(self, method: str, path: str, body: object, lane: Lane) -> None:
        for pause in self._patience.again_after:
            try:
                self._send(method, path, body, lane)
                return
            except Unsure as failure:
                _log.warning("again", method=method, path=path, why=str(failure))
            self._pause(pause)
        self._send(method, path, body, lane)

    def _send(self, method: str, path: str, body: object, lane: Lane) -> Any:
        asked = turn(lane)
        self._budget.acquire(asked.lane, False, asked.patience)
        return self._wire.send(method, self._path + path, body=body)

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._patience.sleep(seconds)

    def _mine(self, author: str) -> bool:
        return author.lower() == self._login().lower()


def _check(body: str) -> None:
    if len(body) > MAX_BODY:
        raise ValueError(f"a body of {len(body)} characters is longer than {MAX_BODY}: GitHub would drop it")


def _slack(body: str) -> timedelta:
    """How long before the request a write may seem to have been: a signed block is unique, other text is not."""
    return timedelta(minutes=2) if body.startswith(FLEET_BLOCK) else timedelta(seconds=2)
