"""What was tried against a cause in a service before, and whether it helped: what Brain prefers and avoids, with ids.

Only episodes that have ended count, and of a verb the newest verdict: what failed once and worked later works. A revert
is judged by its commit, not by its verb: another commit is another action.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.incident.change import Change, RevertCommit
from shared.incident.episodes import JUDGED, Episode, Try, episodes
from shared.incident.labels import FORGET
from shared.incident.parts import Cause, Verb
from shared.incident.replay import Incident


@dataclass(frozen=True, slots=True)
class Lesson:
    """One action that was judged, and the episode it stands in."""

    episode: Episode
    tried: Try

    @property
    def line(self) -> str:
        """`restart failed in #12 (fact 0a1b2c3d)`."""
        who = "" if self.tried.by == "fleet" else f" of {self.tried.by}"
        return f"{self.tried.verb}{who} {self.tried.result} in #{self.episode.issue} (fact {self.tried.digest[:8]})"


@dataclass(frozen=True, slots=True)
class Experience:
    """The lessons of one cause in one service, oldest first."""

    lessons: tuple[Lesson, ...] = ()
    vain: tuple[Lesson, ...] = ()
    """Changes that were not made: refused, or refuted by their proof."""

    def last(self, verb: Verb) -> Lesson | None:
        """The newest verdict on a verb."""
        return next((x for x in reversed(self.lessons) if x.tried.verb == verb), None)

    def against(self, verb: Verb) -> Lesson | None:
        """Why not to do it: the newest verdict on it is that it did not help."""
        last = self.last(verb)
        return last if last is not None and last.tried.result != "worked" else None

    def speaks_for(self, verb: Verb) -> Lesson | None:
        """Why to do it: the newest verdict on it is that it helped."""
        last = self.last(verb)
        return last if last is not None and last.tried.result == "worked" else None

    def in_vain(self, change: Change, base: str | None) -> Lesson | None:
        """Where this very change of this very commit was refused or refuted: it would be so again."""
        same = (x for x in self.vain if (x.tried.directive.change, x.tried.directive.base) == (change, base))
        return next(same, None)

    @property
    def cleared(self) -> frozenset[str]:
        """Commits whose revert did not help."""
        reverts = ((x.tried.directive.change, x.tried.result) for x in self.lessons)
        return frozenset(c.commit for c, result in reverts if isinstance(c, RevertCommit) and result != "worked")


def past_episodes(incidents: Iterable[Incident], now: Incident) -> tuple[Episode, ...]:
    """What has ended in `incidents` and in the earlier firings of the one at hand, oldest first. A log that is not
    whole, or is labelled to be forgotten, teaches nothing."""
    logs = {i.number: i for i in incidents if i.number != now.number} | {now.number: now}
    whole = (i for i in logs.values() if i.is_incident and not i.gaps and FORGET not in i.labels)
    found = (e for i in whole for e in episodes(i) if e.ended)
    mine = max((e.firing for e in episodes(now)), default=0)
    return tuple(sorted((e for e in found if (e.issue, e.firing) != (now.number, mine)), key=lambda e: (e.at, e.issue)))


def experience(past: Iterable[Episode], service: str, cause: Cause) -> Experience:
    """Every judged action against this cause in this service, and every change that was not made."""
    tried = [Lesson(e, t) for e in past for t in e.tries if (t.service, t.cause) == (service, cause)]
    tried.sort(key=lambda x: x.tried.at)
    judged = tuple(x for x in tried if x.tried.result in JUDGED)
    vain = (x for x in tried if x.tried.result in ("refused", "refuted") and x.tried.directive.change is not None)
    return Experience(judged, tuple(vain))
