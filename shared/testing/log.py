"""Incident logs without GitHub: a builder of threads whose facts are signed as the fleet would sign them.

    log = LogBuilder().to(Status.APPROVED)
    incident = replay(log.thread(), log.keyring)

`say` writes whatever it is told, also what replay must refuse; `to` walks the shortest lawful way to a status.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.incident.codec import Place, decode, encode
from shared.incident.facts import (
    AnyFact,
    Detected,
)
from shared.incident.labels import opening
from shared.incident.record import Role
from shared.incident.render import render, title
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring, KeySigner, PublicKey
from shared.incident.status import OWNERS, TRANSITIONS, Status, may_say
from shared.incident.thread import Comment, Thread
from shared.testing.samples import FLEET, REPO, START, sample


def signer(role: Role, salt: str = "") -> KeySigner:
    """The test key of `role`: the same in every run. Another `salt` is another key."""
    seed = hashlib.sha256(f"test key {role} {salt}".encode()).digest()
    return KeySigner(role, Ed25519PrivateKey.from_private_bytes(seed))


def public_key(key: KeySigner, not_before: datetime | None = None, not_after: datetime | None = None) -> PublicKey:
    """The public half of `key`, valid for a year around START unless told otherwise."""
    raw = key.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    year = timedelta(days=365)
    return PublicKey(key.role, raw, not_before or START - year, not_after or START + year)


def keyring(accounts: frozenset[str] = frozenset({FLEET})) -> Keyring:
    """One valid test key for each role."""
    return Keyring(tuple(public_key(signer(role)) for role in get_args(Role)), accounts)


_MERGED: Final = ("proposed", "proved:policy", "merged")
PREPARED: Final[dict[Status, dict[str, tuple[str, ...]]]] = {
    Status.FIXING: {
        "proposed": (),
        "proved:policy": ("proposed",),
        "proved:person": ("proposed",),
        "proved:nobody": ("proposed",),
        "merged": ("proposed", "proved:policy"),
        "deployed:running": _MERGED,
        "deployed:failed": _MERGED,
    },
    Status.ESCALATED: {
        "planned": ("dispatched",),
        "commanded:approve": ("dispatched", "planned"),
        "proposed": ("dispatched",),
        "proved:others": ("dispatched", "proposed"),
        "proved:nobody": ("dispatched", "proposed"),
        "returned": ("dispatched",),
    },
}
"""What must have been said at a status before a move is lawful there."""


class LogBuilder:
    """One issue being written. Time moves one second with each fact."""

    def __init__(self, repo: str = REPO, number: int = 7, start: datetime = START) -> None:
        self.repo = repo
        self.number = number
        self.now = start
        self.keyring = keyring()
        self.body = ""
        self.comments: list[Comment] = []
        self.labels: frozenset[str] = frozenset()
        self.change = False
        """Whether diagnoses propose a change of the repository."""
        self._title = ""
        self._opened_at = start
        self._next_id = 100

    @property
    def incident(self) -> Incident:
        """What the log says so far."""
        return _replayed(self.thread(), self.keyring)

    def thread(self) -> Thread:
        """The issue as GitHub would give it."""
        return Thread(
            repo=self.repo,
            number=self.number,
            title=self._title,
            author=FLEET,
            body=self.body,
            created_at=self._opened_at,
            updated_at=self.now,
            closed=False,
            labels=self.labels,
            comments=tuple(self.comments),
            url=f"https://github.com/{self.repo}/issues/{self.number}",
        )

    def text(
        self, fact: AnyFact, by: Role | None = None, place: Place | None = None, key: KeySigner | None = None
    ) -> str:
        """The body of the comment that says `fact` next, signed by its owner unless told otherwise."""
        incident = self.incident
        issue = self.number if self.body else 0
        where = place or Place(self.repo, issue, incident.next_seq, incident.head)
        role = by or sorted(r for r in OWNERS[fact.kind] if may_say(r, fact.kind, incident.status))[0]
        return encode(fact, render(fact, incident), where, self.now, key or signer(role))

    def say(self, fact: AnyFact, by: Role | None = None, author: str = FLEET) -> LogBuilder:
        """Open the issue with `fact`, or add it as a comment."""
        if not self.body and isinstance(fact, Detected):
            self.body = self.text(fact, by)
            self._title = title(fact)
            self._opened_at = self.now
            self.labels = frozenset(opening(fact))
        else:
            self.post(self.text(fact, by), author)
        self.now += timedelta(seconds=1)
        return self

    def post(self, body: str, author: str = FLEET) -> Comment:
        """Add a comment of any text."""
        comment = Comment(self._next_id, author, body, self.now, self.now)
        self._next_id += 1
        self.comments.append(comment)
        return comment

    def edit(self, comment_id: int, body: str) -> None:
        """Edit a comment, a minute later."""
        later = self.now + timedelta(minutes=1)
        self.comments = [replace(c, body=body, updated_at=later) if c.id == comment_id else c for c in self.comments]

    def next(self, move: str) -> AnyFact:
        """A lawful fact of this move, for the directive in force."""
        return sample(move, self.incident, self.now, change=self.change)

    def to(self, status: Status) -> LogBuilder:
        """Say what leads from here to `status` by the shortest way in the table. Raises ValueError if none does."""
        return self.do(*_way(self.incident.status, status))

    def do(self, *moves: str) -> LogBuilder:
        """Say a lawful fact of each move."""
        for move in moves:
            self.say(self.next(move))
        return self

    def ready(self, status: Status, move: str) -> LogBuilder:
        """Go to `status` by a way on which `move` is lawful there."""
        stands = status is Status.UNDOING or move in ("verified:ineffective", "commanded:undo")
        by_person = (status, move) == (Status.NEEDS_APPROVAL, "merged")
        self.change = stands or by_person or (status is Status.FIXING and move in PREPARED[status])
        if stands:
            self.to(Status.FIXING).do("proposed", "proved:policy", "merged", "deployed:running")
            if status is Status.UNDOING:
                return self.do("verified:ineffective")
            return self.to(status)
        if by_person:
            return self.to(Status.FIXING).do("proposed", "proved:person")
        return self.to(status).do(*PREPARED.get(status, {}).get(move, ()))

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of all blocks in the log, oldest first."""
        return tuple(decode(body).digest for body in (self.body, *(c.body for c in self.comments)))


@functools.lru_cache(maxsize=1024)
def _replayed(thread: Thread, keyring: Keyring) -> Incident:
    """`replay` of this very thread, once: it is asked at each fact, and many logs begin alike. Everything is frozen."""
    return replay(thread, keyring)


def _way(start: Status, goal: Status) -> list[str]:
    ways: list[tuple[Status, list[str]]] = [(start, [])]
    seen = {start}
    for status, moves in ways:
        if status is goal:
            return moves
        for move, target in TRANSITIONS.get(status, {}).items():
            if target not in seen:
                seen.add(target)
                ways.append((target, [*moves, move]))
    raise ValueError(f"no way from {start} to {goal}")
