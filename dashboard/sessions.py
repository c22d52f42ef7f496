"""Who is signed in: a random cookie for each person, their token in this process's memory and nowhere else."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dashboard.doors import Person

LASTS: Final = 12 * 3600.0
"""Seconds."""
MOST: Final = 50
"""Sessions at a time; the oldest goes."""
MOST_A_MINUTE: Final = 30
"""Writes of one session, and sign-ins of all together."""


@dataclass(frozen=True, slots=True)
class Session:
    """One person, signed in. `until`: monotonic seconds."""

    person: Person
    until: float
    token: str = field(repr=False)
    taken: list[float] = field(default_factory=list, repr=False)


class Sessions:
    """Thread-safe. Cookies are kept as hashes: what is looked up is not what is compared."""

    def __init__(self, monotonic: Callable[[], float], changed: Callable[[list[str]], None] = lambda _: None) -> None:
        """`changed` is given the tokens of all who are signed in, whenever that changes."""
        self._monotonic, self._changed = monotonic, changed
        self._held: dict[str, Session] = {}
        self._signing: list[float] = []
        self._lock = threading.Lock()

    def open(self, person: Person, token: str) -> str:
        """The cookie of a new session."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._drop_old()
            while len(self._held) >= MOST:
                del self._held[next(iter(self._held))]
            self._held[_hash(cookie)] = Session(person, self._monotonic() + LASTS, token)
        self._tell()
        return cookie

    def get(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None when there is none, or it has ended."""
        if not cookie or len(cookie) > 100:
            return None
        with self._lock:
            session = self._held.get(_hash(cookie))
        return session if session is not None and session.until > self._monotonic() else None

    def close(self, cookie: str | None) -> None:
        """Forget it, and its token."""
        with self._lock:
            self._drop_old()
            self._held.pop(_hash(cookie or ""), None)
        self._tell()

    def may_write(self, session: Session) -> bool:
        """Count one write; False when there were too many in the last minute."""
        return self._within(session.taken)

    def may_sign_in(self) -> bool:
        """Count one attempt; False when there were too many in the last minute."""
        return self._within(self._signing)

    def __len__(self) -> int:
        return len(self._held)

    def _within(self, taken: list[float]) -> bool:
        now = self._monotonic()
        with self._lock:
            taken[:] = [at for at in taken if at > now - 60.0]
            if len(taken) >= MOST_A_MINUTE:
                return False
            taken.append(now)
            return True

    def _drop_old(self) -> None:
        now = self._monotonic()
        for key in [key for key, session in self._held.items() if session.until <= now]:
            del self._held[key]

    def _tell(self) -> None:
        with self._lock:
            tokens = [session.token for session in self._held.values()]
        self._changed(tokens)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
