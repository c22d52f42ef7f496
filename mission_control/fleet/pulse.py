"""What the fleet says of its own life on GitHub, and how it is read: the description of one label, `sre:heartbeat`.

A fleet with nothing to heal leaves no trace on GitHub: it only asks, and is told "not modified". So the herald writes.
A label is the smallest thing that can be written to: its name exists once, an edit is one request that makes no event,
no mail and no history, and needs no more permission than issues do. A commit status would be refused after 1,000 on one
commit, a repository variable needs a permission of its own, an issue's body clutters a list that people read.

Whoever may write to the repository can write this too: it holds back an alarm, and nothing acts on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mission_control.fleet.roster import ROLES

_SPOKEN: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) herald(?: and ([a-z ]+)| alone( \(no Kafka\))?)")
AHEAD: Final = timedelta(minutes=5)
"""A time further ahead than this was never written by a clock."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The herald's last word. `roles`: whose heartbeats came in since its word before; None: it has no way to hear."""

    at: datetime
    roles: frozenset[str] | None


def spoken(heard: Heard) -> str:
    """As the label's description: at most 100 characters."""
    if heard.roles is None:
        who = "alone (no Kafka)"
    else:
        who = f"and {' '.join(sorted(heard.roles))}" if heard.roles else "alone"
    return f"{heard.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} herald {who}"


def understood(description: str) -> Heard | None:
    """The reverse; None for anything else."""
    match = _SPOKEN.fullmatch(description)
    if match is None:
        return None
    try:
        at = datetime.fromisoformat(match[1])
    except ValueError:
        return None
    return Heard(at, None if match[3] else frozenset((match[2] or "").split()))


def silence(description: str, now: datetime, after: timedelta) -> str | None:
    """Why the fleet counts as silent at `now`; None when it is heard. Pure."""
    heard = understood(description)
    if heard is None or heard.at > now + AHEAD:
        return "The fleet was never heard."
    ago = now - heard.at
    if ago > after:
        minutes = int(ago.total_seconds() // 60)
        return f"The fleet was last heard at {heard.at:%Y-%m-%d %H:%M:%S} UTC, {minutes} minutes ago."
    missing = [role for role in ROLES if heard.roles is not None and role not in heard.roles]
    if missing:
        return f"The herald is heard, but nothing of: {', '.join(missing)}."
    return None
