"""What is to be done about a cause: a restart, a typed change of the repository, or nothing the fleet may do. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from agents.brain.case import Case, Touch
from agents.brain.causes import RESTARTABLE, TITLES
from shared.gitops.undo import undo_line
from shared.incident.change import Change, MergePull, RevertCommit, SetMemory
from shared.incident.facts import Began, Detected, Diagnosed, Merged, Proved, Refused, Undone
from shared.incident.parts import Directive, Hypothesis, Verb
from shared.incident.replay import Incident
from shared.recall.experience import Experience, experience, past_episodes

RESTART_UNDO: Final = "none needed: a restart changes no state; a container that will not start again is escalated"
RAISE_BY: Final = 1.5
"""A limit that killed a service is raised to so many times what it was; policy bounds it further."""
MOST_MIB: Final = 65_536
"""The highest limit that can be declared (`change.Mebibytes`)."""
RAISE_AFTER: Final = 2
"""Firings within the window from which a restart is no answer to a memory limit any more."""
MOST_REVERTED: Final = 20
"""Files that one revert may name (`RevertCommit.paths`)."""
BLAMED: Final = frozenset(("bad-deploy", "business-rule"))
"""Causes that a commit may have brought, and its revert takes away."""


@dataclass(frozen=True, slots=True)
class NoRemedy:
    """Why the fleet has none. `how`: hand it to somebody who changes code, or ask a person to look."""

    reason: str
    how: Literal["escalate", "stuck"]


Allowed = Callable[[str, Verb], bool]
"""(service, verb) -> whether the policy lists it: what it forbids is not proposed, for something else may help."""


def learned(incident: Incident, case: Case, best: Hypothesis) -> Experience:
    """What was tried against the leading hypothesis before this firing."""
    return experience(past_episodes(case.known, incident), best.service, best.cause)


def remedy(
    incident: Incident, case: Case, best: Hypothesis, fired: int, allowed: Allowed = lambda *_: True
) -> Directive | NoRemedy:
    """The one action against the leading hypothesis. `fired`: firings of this fault within the window.

    A rung that did not help the last time is left out, and the next one is taken.
    """
    service = best.service
    past = learned(incident, case, best)
    if best.cause in BLAMED and allowed(service, "revert-commit"):
        touch = suspect(incident, case, service, past.cleared)
        if touch is not None:
            if len(touch.paths) > MOST_REVERTED:
                many = f"commit {touch.sha[:10]} changes {len(touch.paths)} files: too many to revert"
                return NoRemedy(many, "escalate")
            return _change(incident, case, service, RevertCommit(commit=touch.sha, paths=touch.paths))
    mended = past.speaks_for("merge-pull")
    if mended is not None:
        change = mended.tried.directive.change
        pull = f"pull request {change.number}" if isinstance(change, MergePull) else "a pull request"
        done = f"{pull} of {mended.tried.by} was merged against it in #{mended.episode.issue}"
        return NoRemedy(f"{TITLES[best.cause]} in {service} is back though {done}", "escalate")
    unrestarted = past.against("restart")
    more = fired >= RAISE_AFTER or unrestarted is not None
    if best.cause == "oom" and more and allowed(service, "set-memory") and not past.against("set-memory"):
        if raised(incident, case, service):
            return NoRemedy(f"OOM in {service} again, though its memory limit was raised: it leaks", "escalate")
        memory = _more_memory(incident, case, service)
        if memory is not None and past.in_vain(memory, case.head) is None:
            return _change(incident, case, service, memory)
    if best.cause not in RESTARTABLE:
        return NoRemedy(f"{TITLES[best.cause]} in {best.service}: no restart mends that", "escalate")
    if unrestarted is not None:
        return NoRemedy(f"{TITLES[best.cause]} in {service}: {unrestarted.line}", "escalate")
    target = case.containers.get(best.service)
    if target is None:
        return NoRemedy(f"{TITLES[best.cause]} in {best.service}, which has no container to act on", "stuck")
    return Directive(
        id=directive_id(incident),
        verb="restart",
        target=best.service,
        observed=target.observed,
        undo=RESTART_UNDO,
    )


def directive_id(incident: Incident) -> str:
    """Of the next attempt."""
    return f"{incident.repo}#{incident.number}/a{incident.attempt + 1}"


def suspect(incident: Incident, case: Case, service: str, cleared: frozenset[str] = frozenset()) -> Touch | None:
    """The commit nearest before the onset that means something to `service` and has not been cleared of it, in this
    firing or (`cleared`) before."""
    known = [t for t in suspects(incident, case) if service in t.services and t.sha not in cleared]
    return max(known, key=lambda t: t.at, default=None)


def suspects(incident: Incident, case: Case) -> tuple[Touch, ...]:
    """The commits that may have brought this firing: before its onset and its detection, and not cleared of it.

    What the fleet itself has merged against it came later, however near to the onset.
    """
    onset, told = incident.detected.since, incident.firing[0].posted_at
    cleared = exonerated(incident)
    return tuple(t for t in case.touches if t.sha not in cleared and t.before(onset) and t.at < told)


def exonerated(incident: Incident) -> frozenset[str]:
    """Commits whose revert did not mend this firing: the proof refuted it, or it was taken back. And what the fleet
    has merged in this firing, which stood on it."""
    cleared: set[str] = set()
    blamed: str | None = None
    for entry in incident.firing:
        match entry.fact:
            case Diagnosed(directive=Directive(change=RevertCommit(commit=commit))):
                blamed = commit
            case Diagnosed():
                blamed = None
            case Proved(verdict="refuted") | Undone() if blamed is not None:
                cleared.add(blamed)
            case _:
                pass
        match entry.fact:
            case Merged(head_sha=head, merge_sha=merge):
                cleared |= {head, merge}
            case Undone(merge_sha=merge):
                cleared.add(merge)
            case _:
                pass
    return frozenset(cleared)


def refused(incident: Incident, change: Change, head: str) -> str | None:
    """Why the Fixer's hand has refused this very change of this very commit in this firing: it would do so again."""
    tried, begun, why = False, False, None
    for entry in incident.firing:
        match entry.fact:
            case Diagnosed(directive=directive):
                tried, begun = directive.change == change and directive.base == head, False
            case Began():
                begun = True
            case Refused(detail=detail) if tried and begun:
                why = detail
            case _:
                pass
    return why


def raised(incident: Incident, case: Case, service: str) -> bool:
    """Whether an incident of the same fault has merged a higher limit for `service` already."""
    same = [i for i in case.earlier if any(d == incident.detected.fingerprint for d in _fingerprints(i))]
    for log in (*same, incident):
        wanted = False
        for entry in log.entries:
            match entry.fact:
                case Diagnosed(directive=directive):
                    wanted = isinstance(directive.change, SetMemory) and directive.change.service == service
                case Merged() if wanted:
                    return True
                case _:
                    pass
    return False


def _diagnosed(incident: Incident) -> tuple[Diagnosed, ...]:
    return tuple(e.fact for e in incident.firing if isinstance(e.fact, Diagnosed))


def _fingerprints(incident: Incident) -> tuple[str, ...]:
    return tuple(d.fingerprint for d in incident.all(Detected))


def _more_memory(incident: Incident, case: Case, service: str) -> SetMemory | None:
    """The raise of a limit that the engine says is the one in force; None where that is not the declared one.

    Once a firing: where it was refused, a restart brings the service back.
    """
    if any(isinstance(d.directive.change, SetMemory) for d in _diagnosed(incident)):
        return None
    declared = case.desired.services.get(service) if case.desired is not None else None
    container = case.containers.get(service)
    if declared is None or container is None or container.memory_limit != declared.memory_mib * 1024 * 1024:
        return None
    after = min(int(declared.memory_mib * RAISE_BY), MOST_MIB)
    if after <= declared.memory_mib:
        return None
    return SetMemory(service=service, before=declared.memory_mib, after=after)


def _change(incident: Incident, case: Case, service: str, change: Change) -> Directive | NoRemedy:
    if case.head is None:
        return NoRemedy(f"{change.verb} of {service}: the repository cannot be read", "stuck")
    if (why := refused(incident, change, case.head)) is not None:
        return NoRemedy(f"{change.verb} of {service} was refused: {why}", "escalate")
    verb: Verb = change.verb
    return Directive(
        id=directive_id(incident),
        verb=verb,
        target=service,
        observed=None,
        undo=undo_line(change),
        change=change,
        base=case.head,
    )
