"""The trust ladder: what the logs say of each verb against each cause in each service. Counts, and nothing else.

A rung is gone up by a person, who merges what Memory proposes; it is gone down at once, by any verdict against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.incident.episodes import Episode, Try
from shared.incident.parts import Cause, Verb
from shared.incident.situation import Standing


@dataclass(frozen=True, slots=True, order=True)
class Rung:
    """What is trusted, or not: one verb against one cause in one service."""

    service: str
    cause: Cause
    verb: Verb


def standings(past: Iterable[Episode], since: datetime | None = None) -> dict[Rung, Standing]:
    """Of every rung that was ever tried (since then), in order of its name."""
    told: dict[Rung, list[Try]] = defaultdict(list)
    for episode in past:
        for tried in episode.tries:
            if since is None or tried.at >= since:
                told[Rung(tried.directive.target, tried.cause, tried.verb)].append(tried)
    return {rung: _standing(told[rung]) for rung in sorted(told)}


def standing(past: Iterable[Episode], rung: Rung, since: datetime | None = None) -> Standing:
    """Of one rung."""
    return standings(past, since).get(rung, Standing())


def _standing(tries: Iterable[Try]) -> Standing:
    count: dict[str, int] = defaultdict(int)
    in_a_row = approved = 0
    for tried in sorted(tries, key=lambda t: t.at):
        count[tried.result] += 1
        if tried.result == "worked":
            in_a_row, approved = in_a_row + 1, approved + tried.by_person
        elif tried.result in ("failed", "undone"):
            in_a_row = approved = 0
    return Standing(
        successes=count["worked"],
        failures=count["failed"],
        undone=count["undone"],
        refusals=count["refused"] + count["refuted"] + count["denied"],
        in_a_row=in_a_row,
        approved=approved,
    )
