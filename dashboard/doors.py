"""The ways out of the dashboard, as small Protocols: mission_control hands in what fulfils them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

from dashboard.shapes import Switch
from shared.incident.thread import Thread


class No(Exception):
    """A person's wish was not granted; the message says why, in words for them. `status`: of the HTTP answer."""

    def __init__(self, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Reads(Protocol):
    """GitHub as the dashboard reads it, with conditional requests. Each may raise Transient or Permanent."""

    def thread(self, number: int) -> Thread: ...
    def incidents(
        self, *, state: Literal["open", "all"] = "open", since: datetime | None = None
    ) -> tuple[Thread, ...]: ...
    def now(self) -> datetime: ...


class Switches(Protocol):
    """The freeze switch. Each may raise Transient or Permanent: then it counts as frozen."""

    def now(self) -> Switch: ...
    def at(self, moment: datetime) -> Switch:
        """As it was then, by the times at which its issues were opened and closed."""
        ...


class Person(Protocol):
    """What one person does with their own token. Each raises No."""

    @property
    def login(self) -> str: ...
    def permission(self) -> str:
        """Their role in the repository at this moment, never from a cache."""
        ...

    def say(self, number: int, line: str) -> str:
        """Write the comment; its URL."""
        ...

    def freeze(self, why: str) -> str:
        """Open the freeze issue, unless one is open; its URL."""
        ...

    def unfreeze(self) -> list[str]:
        """Close every freeze issue; their URLs."""
        ...


class Door(Protocol):
    """Where a token becomes a person."""

    def as_person(self, token: str) -> Person:
        """Raises No for a token that GitHub refuses, and for the fleet's own accounts."""
        ...
