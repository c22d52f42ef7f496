"""Each decision of a log made again, on the log as it stood before it and on what was frozen. Pure: nothing is read.

Brain, Guardrail and Memory decide; what Scout and the Fixer say is what they saw and did, and cannot be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

import agents.brain.judge as brain
import agents.guardrail.judge as guardrail
import agents.memory.judge as memory
from agents.brain.frozen import Frozen, NotFrozen, digest, thaw
from mission_control.replay.differ import Difference, differences, headline
from shared.agent import Effect, Later, Say
from shared.incident.facts import Diagnosed, Escalated, Learned, Ruled, Stuck
from shared.incident.replay import Entry, Incident, replay
from shared.incident.signing import Keyring
from shared.incident.thread import Thread
from shared.policy.model import Policy

MOST_EARLIER: Final = 20
"""Incidents that an account names (agents/memory/judge.py): it may have counted more."""


@dataclass(frozen=True, slots=True)
class Given:
    """Everything that the decisions are made of. `earlier`: other incidents, by number, for Memory's account."""

    thread: Thread
    keyring: Keyring
    policy: Policy | None
    """None: the frozen values of Brain count, and no ruling is made again."""
    earlier: Mapping[int, Thread] = field(default_factory=dict)
    frozen: Mapping[str, bytes] = field(default_factory=dict)
    """Frozen cases by their SHA-256; whether they are what they say is looked at here."""
    window: timedelta = timedelta(hours=1)


Verdict = Literal["same", "differs", "not here", "refused", "observed"]
"""`not here`: what it was made of is not at hand. `refused`: it is not what was judged. `observed`: no decision."""


@dataclass(frozen=True, slots=True)
class Again:
    """One fact of the log, and what came of deciding it again."""

    seq: int
    by: str
    move: str
    then: str
    verdict: Verdict
    now: str = ""
    """What would be said now; for a decision that was not made again, why."""
    differs: tuple[Difference, ...] = ()


class NotMade(Exception):
    """This decision cannot be made again; the text says why."""

    def __init__(self, verdict: Verdict, why: str) -> None:
        super().__init__(why)
        self.verdict: Verdict = verdict


def made_again(given: Given) -> tuple[Incident, tuple[Again, ...]]:
    """The incident as its log says, and each of its facts in order."""
    incident = replay(given.thread, given.keyring)
    return incident, tuple(_again(entry, given) for entry in incident.entries)


def before(entry: Entry, given: Given) -> Incident:
    """The incident as it stood when `entry` was about to be written. It was open, and nothing was held."""
    earlier = tuple(c for c in given.thread.comments if c.id < entry.comment_id)
    body = "" if entry.comment_id == 0 else given.thread.body
    then = replace(given.thread, body=body, comments=earlier, closed=False, labels=frozenset())
    return replace(replay(then, given.keyring), frozen=False)


def _again(entry: Entry, given: Given) -> Again:
    fact = entry.fact
    row = Again(entry.seq, entry.by, fact.move, headline(fact), "observed")
    decide = DECIDES.get((entry.by, fact.kind))
    if decide is None:
        return replace(row, now=OBSERVED.get(fact.kind, DONE))
    try:
        effect = decide(entry, before(entry, given), given)
    except NotMade as no:
        return replace(row, verdict=no.verdict, now=str(no))
    if not isinstance(effect, Say):
        return replace(row, verdict="differs", now=_unsaid(effect), differs=(Difference("kind", fact.kind, "nothing"),))
    found = differences(fact, effect.fact)
    return replace(row, verdict="differs" if found else "same", now=headline(effect.fact), differs=found)


def _unsaid(effect: Effect | None) -> str:
    return f"would wait: {effect.why}" if isinstance(effect, Later) else "would say nothing"


def _brain(entry: Entry, log: Incident, given: Given) -> Effect | None:
    seen = case_of(entry, log, given).seen
    if given.policy is not None:
        seen = replace(seen, escalate_after=given.policy.escalate_after, allowed=given.policy.lists)
    return brain.judge(log, seen)


def case_of(entry: Entry, log: Incident, given: Given) -> Frozen:
    """The frozen case of a diagnosis, proved to be what was judged. Raises NotMade."""
    name = getattr(entry.fact, "frozen", None)
    if name is None:
        if isinstance(entry.fact, Stuck) and not entry.fact.hypotheses:
            raise NotMade("observed", "something failed, and this says so")
        raise NotMade("not here", "no frozen case: none was kept")
    text = given.frozen.get(name)
    if text is None:
        raise NotMade("not here", f"its frozen case {name[:12]} is not here")
    if digest(text) != name:
        raise NotMade("refused", f"the frozen case is not the one that was judged ({name[:12]})")
    try:
        case = thaw(text)
    except NotFrozen as error:
        raise NotMade("refused", str(error)) from error
    if (case.repo, case.number, case.head) != (log.repo, log.number, log.head):
        raise NotMade("refused", f"the frozen case is of {case.repo}#{case.number}, after {case.head[:12]}")
    return case


def _guardrail(entry: Entry, log: Incident, given: Given) -> Effect | None:
    fact = entry.fact
    if not isinstance(fact, Ruled) or fact.situation is None:
        raise NotMade("not here", "no frozen situation: the log is from before it was kept, or it was too large")
    if given.policy is None:
        raise NotMade("not here", f"the policy in force ({fact.policy_sha256[:12]}) is not here")
    return guardrail.judge(log, guardrail.Seen(fact.situation.now, (), fact.situation), given.policy)


def _memory(entry: Entry, log: Incident, given: Given) -> Effect | None:
    """The account, from the logs of those that it names: no others were counted."""
    fact = entry.fact
    named = fact.earlier if isinstance(fact, Learned) else ()
    if len(named) >= MOST_EARLIER:
        raise NotMade("not here", f"it counted {MOST_EARLIER} earlier incidents or more, and names no more")
    missing = [number for number in named if number not in given.earlier]
    if missing:
        raise NotMade("not here", f"it counted {', '.join(f'#{n}' for n in missing)}, whose log is not here")
    logs = [replay(given.earlier[number], given.keyring) for number in named]
    known = tuple(replace(one, entries=tuple(e for e in one.entries if e.posted_at <= entry.posted_at)) for one in logs)
    return memory.judge(log, memory.Seen(entry.posted_at, entry.posted_at, known, given.window))


Decide = Callable[[Entry, Incident, Given], Effect | None]
DECIDES: Final[Mapping[tuple[str, str], Decide]] = {
    ("brain", "diagnosed"): _brain,
    ("brain", "escalated"): _brain,
    ("brain", "stuck"): _brain,
    ("guardrail", "ruled"): _guardrail,
    ("memory", "learned"): _memory,
}
"""(role, kind) -> the judgement that said it. All others say what they saw, did or were told."""
OBSERVED: Final[Mapping[str, str]] = {
    "detected": "Scout's observation",
    "verified": "Scout's observation",
    "advised": "a model's words",
    "commanded": "a person's word",
    "began": "the Fixer's, at the moment of use",
    "escalated": "at a person's word",
    "stuck": "something failed, and this says so",
}
"""Why a fact is no decision; all others say what was done."""
DONE: Final = "what was done"


def cases_named(incident: Incident) -> tuple[str, ...]:
    """The SHA-256 of every frozen case that the log names."""
    facts = (e.fact for e in incident.entries)
    return tuple(f.frozen for f in facts if isinstance(f, Diagnosed | Escalated | Stuck) and f.frozen is not None)


def earlier_named(incident: Incident) -> tuple[int, ...]:
    """The incidents that Memory's accounts count."""
    return tuple(sorted({number for fact in incident.all(Learned) for number in fact.earlier}))
