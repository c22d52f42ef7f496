"""What people told Brain about its ranking, in this firing: one hypothesis in focus, others rejected."""

from __future__ import annotations

from dataclasses import dataclass

from shared.incident.facts import Commanded
from shared.incident.parts import Cause
from shared.incident.replay import Incident

About = tuple[str, Cause]
"""Service and cause: ids change from one diagnosis to the next, these do not."""


@dataclass(frozen=True, slots=True)
class Steering:
    """The words in force. `said` is one line for people, empty when nobody said anything."""

    focus: About | None = None
    rejected: frozenset[About] = frozenset()
    said: str = ""


def steering(incident: Incident) -> Steering:
    """Fold the firing's commands in order. The newest focus counts; /retry starts over, with nothing said."""
    focus: About | None = None
    rejected: set[About] = set()
    said: list[str] = []
    for entry in incident.firing:
        fact = entry.fact
        if not isinstance(fact, Commanded):
            continue
        if fact.command == "retry":
            focus, rejected, said = None, set(), []
        if fact.steers is None:
            continue
        about = fact.steers.service, fact.steers.cause
        said.append(f"/{fact.command} {about[1]} in {about[0]} by {fact.login}")
        if fact.command == "focus":
            focus = about
            rejected.discard(about)
        else:
            rejected.add(about)
            focus = None if focus == about else focus
    return Steering(focus, frozenset(rejected), "; ".join(said[-4:])[:300])
