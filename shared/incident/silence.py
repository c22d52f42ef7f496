"""Who wants no action for a service until when: the newest word of a person counts, whichever incident it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from shared.incident.facts import Commanded
from shared.incident.replay import Incident
from shared.incident.situation import Silence

_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


def how_long(text: str) -> timedelta | None:
    """A number with s, m (or min), h or d; None where it is not that, or nothing."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h|d)", text)
    length = timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else timedelta()
    return length or None


def silence(incidents: Iterable[Incident], services: Iterable[str], now: datetime) -> Silence | None:
    """The longest silence in force at `now` (GitHub's clock) of any of `services`. An incident may come twice."""
    newest: dict[str, tuple[datetime, int, int, Commanded]] = {}
    for incident in incidents:
        for entry in incident.entries:
            fact = entry.fact
            if not isinstance(fact, Commanded) or fact.command != "silence":
                continue
            said = (entry.posted_at, entry.comment_id, incident.number, fact)
            for name in fact.silences:
                newest[name] = max(newest.get(name, said), said, key=lambda s: s[:2])
    found = []
    for _, _, issue, fact in (newest[name] for name in services if name in newest):
        if fact.expires_at is not None and fact.expires_at > now:
            found.append(Silence(login=fact.login, issue=issue, services=fact.silences, until=fact.expires_at))
    return max(found, key=lambda s: (s.until, s.issue), default=None)


def about(incident: Incident) -> tuple[str, ...]:
    """The services that a word about this incident is about: where it was seen, and what is to be acted on."""
    directive = incident.directive
    return tuple(dict.fromkeys((incident.detected.service, *([directive.target] if directive else []))))
