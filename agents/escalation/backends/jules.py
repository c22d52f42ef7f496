"""Google Jules over its REST API. Privilege: the key of a Jules account, whose app is installed on the repository."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from agents.escalation.backends import jules_wire as wire
from agents.escalation.backends.intents import Intent, Intents
from agents.escalation.backends.rest import Answered, Rest, Secret, TooMany
from shared.ports import Brief, Clock, Permanent, Queued, Session, Transient

URL: Final = "https://jules.googleapis.com/v1alpha"
PAGE: Final = 30
"""Entries of one page: a listed session carries its prompt and its outcome."""
MOST_PAGES: Final = 200
LONGEST_MESSAGE: Final = 10_000
"""Characters."""
_SAYS_QUOTA: Final = re.compile(r"quota|concurrent|daily|per day", re.IGNORECASE)
_ADVICE: Final = "Make a new key at jules.google.com/settings, and set JULES_API_KEY"
_NO_SOURCE: Final = "install the Jules app on it at jules.google.com, and check that JULES_API_KEY is of that account"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the plan allows. The defaults are those of the free plan (a secondary source: facts page of Tier 3)."""

    a_day: int = 15
    at_once: int = 3
    settles: timedelta = timedelta(minutes=1)
    """How long after a lost answer a session may be missing from the list."""
    again: timedelta = timedelta(minutes=1)
    """How long to wait for a place, where nothing says when one is free."""


class Jules:
    """Fulfils `shared.ports.Backend`. Thread-safe."""

    def __init__(
        self, key: str, repo: str, intents: Intents, clock: Clock, url: str = URL, limits: Limits | None = None
    ) -> None:
        """`repo`: the one that sessions are about. Raises Permanent for an address that the key must not travel to."""
        self._rest = Rest("Jules", url, Secret("X-Goog-Api-Key", key, _ADVICE))
        self._repo = repo
        self._intents = intents
        self._clock = clock
        self._limits = limits or Limits()

    @property
    def name(self) -> str:
        return "jules"

    def open(self, brief: Brief) -> Session | Queued:
        """On disk before it is asked for; then listed and matched; only then made."""
        self._about(brief)
        with self._intents.alone(brief.key):
            known = self._intents.read(brief.key)
            if known and known.session:
                return self.look(known.session)
            listed = self._sessions()
            if found := self._matching(listed, brief):
                self._intents.write(brief.key, Intent(self._clock.now(), found[0].id))
                return self._found(found)
            return self._queued(listed, known) or self._made(brief)

    def find(self, brief: Brief) -> Session | None:
        self._about(brief)
        known = self._intents.read(brief.key)
        if known and known.session:
            return self.look(known.session)
        found = self._matching(self._sessions(), brief)
        return self._found(found) if found else None

    def look(self, session_id: str) -> Session:
        value = self._session(session_id)
        activities = self._activities(session_id) if wire.state(value) in wire.EXPLAINED else []
        return wire.session(value, activities, self._repo)

    def approve_plan(self, session_id: str) -> None:
        if not self._waits_for_approval(session_id):
            return
        try:
            self._rest.post(f"/sessions/{session_id}:approvePlan")
        except Answered:
            if self._waits_for_approval(session_id):  # it did not go on meanwhile: the refusal is one
                raise

    def tell(self, session_id: str, text: str) -> bool:
        """Jules may refuse messages with 401 while the key is good for everything else; that is the False."""
        path = f"/sessions/{_checked(session_id)}:sendMessage"
        try:
            self._rest.post(path, {"prompt": text[:LONGEST_MESSAGE]})
        except Answered as refused:
            if refused.status not in (401, 403):
                raise
            self._session(session_id)  # a key that is no good at all raises here
            return False
        return True

    def close(self) -> None:
        self._rest.close()

    def _about(self, brief: Brief) -> None:
        if brief.repo.lower() != self._repo.lower():
            raise Permanent(f"Jules was set up for {self._repo}, not for {brief.repo}")

    def _queued(self, listed: tuple[wire.Row, ...], known: Intent | None) -> Queued | None:
        """Why no session is asked for now."""
        now, limits = self._clock.now(), self._limits
        if known and now < known.asked_at + limits.settles:
            reason = "a session was asked for and the answer was lost; it may still show up"
            return Queued(reason, known.asked_at + limits.settles)
        active = sum(1 for row in listed if row.state not in wire.ENDED)
        if active >= limits.at_once:
            return Queued(f"{active} Jules sessions are open, and {limits.at_once} may be at once", now + limits.again)
        day = timedelta(days=1)
        recent = sorted(at for row in listed if (at := row.created_at or now) > now - day)
        if len(recent) >= limits.a_day:
            return Queued(
                f"{len(recent)} Jules sessions were begun within a day, and {limits.a_day} may be",
                recent[-limits.a_day] + day,
            )
        return None

    def _made(self, brief: Brief) -> Session | Queued:
        source = self._source()
        wish = {
            "prompt": brief.text,
            "title": brief.title,
            "sourceContext": {"source": source, "githubRepoContext": {"startingBranch": brief.branch}},
            "requirePlanApproval": True,
            "automationMode": "AUTO_CREATE_PR",
        }
        now = self._clock.now()
        self._intents.write(brief.key, Intent(now))
        try:
            value = self._rest.post("/sessions", wish)
        except TooMany as full:
            self._intents.forget(brief.key)
            if not _SAYS_QUOTA.search(str(full)):
                raise
            wait = max(self._limits.again, timedelta(seconds=full.retry_after or 0))
            return Queued(str(full), now + wait)
        except Answered:
            self._intents.forget(brief.key)
            raise
        made = wire.row(value)
        if made is None:
            raise Transient("Jules: the answer to a new session names none; it is looked for", 1.0)
        self._intents.write(brief.key, Intent(now, made.id))
        return wire.session(value, [], self._repo)

    def _source(self) -> str:
        """The name of the repository as a source. It is listed and never composed: its form is not settled."""
        for value in self._all("/sources", "sources"):
            repo = value.get("githubRepo")
            if isinstance(repo, dict) and f"{repo.get('owner')}/{repo.get('repo')}".lower() == self._repo.lower():
                return str(value["name"])
        raise Permanent(f"Jules does not know {self._repo}: {_NO_SOURCE}")

    def _sessions(self) -> tuple[wire.Row, ...]:
        """All sessions of the account, each once."""
        rows = (wire.row(value) for value in self._all("/sessions", "sessions"))
        return tuple({row.id: row for row in rows if row}.values())

    def _matching(self, listed: tuple[wire.Row, ...], brief: Brief) -> tuple[wire.Row, ...]:
        """Those of the brief's title, oldest first."""
        now = self._clock.now()
        found = (row for row in listed if row.title == brief.title.strip())
        return tuple(sorted(found, key=lambda row: (row.created_at or now, len(row.id), row.id)))

    def _found(self, rows: tuple[wire.Row, ...]) -> Session:
        session = self.look(rows[0].id)
        if len(rows) == 1:
            return session
        others = f"{len(rows)} sessions have this title; the oldest counts"
        return replace(session, detail=f"{session.detail}; {others}" if session.detail else others)

    def _session(self, session_id: str) -> dict[str, Any]:
        value = self._rest.get(f"/sessions/{_checked(session_id)}")
        if not isinstance(value, dict) or value.get("id") != session_id:
            raise Permanent(f"Jules: session {session_id} answers as something else")
        return value

    def _waits_for_approval(self, session_id: str) -> bool:
        return wire.state(self._session(session_id)) == "awaiting-approval"

    def _activities(self, session_id: str) -> list[dict[str, Any]]:
        """Oldest first."""
        found = self._all(f"/sessions/{session_id}/activities", "activities")
        begun = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda activity: wire.moment(activity.get("createTime")) or begun)

    def _all(self, path: str, name: str) -> list[dict[str, Any]]:
        """The objects of every page. Raises Permanent when there are more than can be read: half a list is none."""
        found: list[dict[str, Any]] = []
        token = ""
        for _ in range(MOST_PAGES):
            page = self._rest.get(path, {"pageSize": str(PAGE)} | ({"pageToken": token} if token else {}))
            if not isinstance(page, dict) or not isinstance(page.get(name, []), list):
                raise Transient(f"Jules: {path} is no list of {name}", 1.0)
            found += [value for value in page.get(name, []) if isinstance(value, dict)]
            following = page.get("nextPageToken")
            if not isinstance(following, str) or not following:
                return found
            if following == token:
                raise Transient(f"Jules: {path} repeats a page", 1.0)
            token = following
        raise Permanent(f"Jules lists more than {MOST_PAGES * PAGE} {name}: delete old ones")


def _checked(session_id: str) -> str:
    try:
        return wire.session_id(session_id)
    except ValueError as error:
        raise Permanent(f"Jules: {error}") from error
