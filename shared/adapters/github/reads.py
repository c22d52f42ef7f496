"""Incidents, people and history, read from GitHub. Fulfils Issues, People and History of `shared.ports`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import structlog

from shared.adapters.github import parse
from shared.adapters.github.conditional import Conditional
from shared.adapters.github.own_writes import OwnWrites
from shared.adapters.github.wire import Refused, Wire
from shared.incident.labels import FREEZE, INCIDENT
from shared.incident.thread import Comment, Thread
from shared.ports import Clock, Commit, Labelled, Permanent, Transient

_log = structlog.get_logger()
T = TypeVar("T")
ROLES: Final = frozenset({"none", "read", "triage", "write", "maintain", "admin"})
APPEARS_WITHIN: Final = 8.0
"""Seconds in which a new issue may still be 404 to some readers (prow retries for the same reason)."""
WITH_PATHS: Final = 10
"""Commits of a history that are asked for their files."""


class GitHubReads:
    """Thread-safe. What belongs together is asked for at the same time: a snapshot costs one round trip."""

    def __init__(self, wire: Wire, pages: Conditional, own: OwnWrites, clock: Clock, parallel: int = 8) -> None:
        self._wire = wire
        self._pages = pages
        self._own = own
        self._clock = clock
        self._repo = wire.address.repo
        self._path = f"/repos/{self._repo}"
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="github")
        self._highest = 0
        self._missing_since: dict[int, float] = {}
        self._lock = threading.Lock()
        self._commits: dict[str, tuple[str, ...]] = {}

    # Issues

    def thread(self, number: int) -> Thread:
        """One issue with all its comments. Raises Permanent when there is none, Transient while it may yet appear."""
        comments = self._soon(self._comments, number)
        return replace(self.issue(number), comments=self._own.with_comments(number, self._settled(number, comments)))

    def snapshot(self, number: int) -> tuple[Thread, bool]:
        """`thread(number)` and `frozen()` at once; frozen is True when the switch could not be read."""
        switch = self._soon(self.frozen)
        thread = self.thread(number)
        try:
            return thread, switch.result()
        except (Transient, Permanent) as failure:
            _log.warning("the freeze switch is unreadable: frozen", why=str(failure))
            return thread, True

    def incidents(self, *, state: Literal["open", "all"] = "open", since: datetime | None = None) -> tuple[Thread, ...]:
        """Issues labelled `incident` without their comments, lowest number first; `since` bounds `updated_at`."""
        params: dict[str, str | int] = {"labels": INCIDENT, "state": state, "sort": "created", "direction": "asc"}
        if since is not None:  # by the hour: the same URL, so the same ETag
            params["since"] = parse.stamp(since.replace(minute=0, second=0, microsecond=0))
        found = self._pages.every(f"{self._path}/issues", params, partial(parse.listed, self._repo))
        by_number = {item.thread.number: item.thread for item in found if not item.pull}
        self._exists(max(by_number, default=0))
        shown = self._own.with_issues(tuple(by_number.values()), open_only=state == "open")
        return tuple(
            t for t in sorted(shown, key=lambda t: t.number) if since is None or t.updated_at >= _second(since)
        )

    def frozen(self) -> bool:
        """Whether an open issue is labelled `sre:freeze`. Raises Transient or Permanent: treat as frozen."""
        params: dict[str, str | int] = {"labels": FREEZE, "state": "open", "per_page": 1}
        return bool(self._pages.first(f"{self._path}/issues", params, _number))

    def now(self) -> datetime:
        """GitHub's clock. Before the first answer it asks for one (and may raise Transient)."""
        if not self._wire.server_clock.known:
            self._wire.send("GET", "/rate_limit", accept={401, 403, 404})
        return self._wire.server_clock.now()

    def issue(self, number: int) -> Thread:
        """One issue without its comments."""
        path = f"{self._path}/issues/{number}"
        try:
            item: parse.Listed = self._pages.one(path, partial(parse.listed, self._repo))
        except Refused as refusal:
            if refusal.status == 404:
                mine = self._own.unseen(number)
                if mine is not None:
                    return mine
                self._may_yet_appear(number, refusal)
            raise
        if item.thread.number != number or not _is_in(self._repo, item.thread.url):
            raise Permanent(f"issue {number} of {self._repo} is now {item.thread.url}: it was transferred or renamed")
        self._exists(number)
        self._own.shown(item.thread)
        return item.thread

    # People

    def permission(self, login: str) -> str:
        """The role of `login` at this moment: none, read, triage, write, maintain or admin; never from a cache."""
        path = f"{self._path}/collaborators/{quote(login, safe='')}/permission"
        answer = self._wire.send("GET", path, accept={404})
        if answer.status == 404:
            return "none"
        body = answer.json()
        role = str(body.get("role_name") or "")
        return role if role in ROLES else str(body.get("permission") or "none")

    def labelled(self, number: int) -> tuple[Labelled, ...]:
        """The `labeled` events of one issue, oldest first."""
        found = self._pages.every(f"{self._path}/issues/{number}/events", {}, parse.labelled)
        return tuple(sorted({e.event_id: e for e in found if e is not None}.values(), key=lambda e: e.event_id))

    # History

    def commits(self, since: datetime) -> tuple[Commit, ...]:
        """At most 30 commits of the default branch, newest first, the first WITH_PATHS of them with their paths."""
        params: dict[str, str | int] = {
            "since": parse.stamp(since.replace(minute=0, second=0, microsecond=0)),
            "per_page": 30,
        }
        try:
            found = self._pages.first(f"{self._path}/commits", params, parse.commit)
        except Refused as refusal:
            if refusal.status == 409:  # the repository is empty
                return ()
            raise
        recent = [commit for commit in found if commit.at >= _second(since)]
        paths = [self._soon(self._paths, commit.sha) for commit in recent[:WITH_PATHS]]
        known = [replace(commit, paths=asked.result()) for commit, asked in zip(recent, paths, strict=False)]
        return (*known, *recent[WITH_PATHS:])

    def close(self) -> None:
        """End the threads that read ahead."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    # inside

    def _soon(self, read: Callable[..., T], *args: Any) -> Future[T]:
        try:
            return self._pool.submit(read, *args)
        except RuntimeError as error:
            raise Transient("this process is stopping and reads no more") from error

    def _comments(self, number: int) -> tuple[Comment, ...]:
        found = self._pages.every(f"{self._path}/issues/{number}/comments", {}, parse.comment)
        return tuple({comment.id: comment for comment in found}.values())

    def _settled(self, number: int, comments: Future[tuple[Comment, ...]]) -> tuple[Comment, ...]:
        """The comments; none where GitHub does not show the issue yet that this process just opened."""
        try:
            return comments.result()
        except Permanent:
            if self._own.unseen(number) is None:
                raise
            return ()

    def _paths(self, sha: str) -> tuple[str, ...]:
        with self._lock:
            known = self._commits.get(sha)
        if known is not None:
            return known
        commit = parse.commit(self._wire.send("GET", f"{self._path}/commits/{sha}").json())
        with self._lock:
            if len(self._commits) >= 500:
                self._commits.pop(next(iter(self._commits)))
            self._commits[sha] = commit.paths
        return commit.paths

    def _exists(self, number: int) -> None:
        with self._lock:
            self._highest = max(self._highest, number)
            self._missing_since.pop(number, None)

    def _may_yet_appear(self, number: int, refusal: Permanent) -> None:
        """Raise Transient for an issue newer than any seen, as long as it may only be late."""
        now = self._clock.monotonic()
        with self._lock:
            if number <= self._highest or number > self._highest + 1000:
                return
            if len(self._missing_since) > 100:
                self._missing_since.clear()
            since = self._missing_since.setdefault(number, now)
        if now - since < APPEARS_WITHIN:
            raise Transient(f"{refusal} It may be too new to be seen.", retry_after=0.5) from refusal


def _number(issue: dict[str, Any]) -> int:
    return int(issue["number"])


def _second(at: datetime) -> datetime:
    """GitHub's times have whole seconds: 12:00:00.9 is told as 12:00:00 and is still not before 12:00:00.5."""
    return at.replace(microsecond=0)


def _is_in(repo: str, url: str) -> bool:
    return not url or f"/{repo}/".lower() in url.lower()
