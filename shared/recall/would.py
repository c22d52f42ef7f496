"""What the fleet would have done alone: directives that nothing but the wish for a person held back. Pure.

Counted are only those whose every other predicate held; whatever failed besides would have held them back anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args

from shared.incident.episodes import firings
from shared.incident.facts import Commanded, Diagnosed, Escalated, Merged, Proved, Ruled, Stuck, Undone, Verified
from shared.incident.parts import Cause, Directive, Verb
from shared.incident.render import code
from shared.incident.replay import Entry, Incident

WISH: Final = "no-approval-needed"
"""The predicate that says whether policy wants a person."""

Came = Literal["waiting", "approved", "denied", "recovered", "overtaken"]
"""What came first: a person let it be done, a person said no, the symptom went away, or another diagnosis took its
place (also: it was handed on)."""
_CAME: Final[dict[Came, str]] = {
    "approved": "approved",
    "denied": "denied",
    "recovered": "recovered by itself",
    "overtaken": "overtaken by another diagnosis, or handed on",
    "waiting": "still waiting",
}


@dataclass(frozen=True, slots=True)
class Held:
    """One directive that a person was asked about. `asked_at`: GitHub's time of the ruling, or of the proof."""

    issue: int
    url: str
    service: str
    cause: Cause
    verb: Verb
    target: str
    asked_at: datetime
    came: Came = "waiting"
    after_s: float | None = None
    """Seconds from the question to what came; None while it waits."""
    helped: bool | None = None
    """Of what was approved: as Scout verified it. None: not done, or not verified (yet)."""


def held_back(incidents: Iterable[Incident], since: datetime, until: datetime | None = None) -> tuple[Held, ...]:
    """Every directive held back since then, oldest first; as the logs stood at `until`, where that is given."""
    found = (
        one
        for incident in incidents
        for entries in firings(incident)
        for one in _of_one(incident, [e for e in entries if until is None or e.posted_at <= until])
    )
    return tuple(sorted((one for one in found if one.asked_at >= since), key=lambda one: (one.asked_at, one.issue)))


def summary(held: Sequence[Held]) -> str:
    """One sentence of counts."""
    counts = {came: sum(one.came == came for one in held) for came in get_args(Came)}
    helped = sum(one.helped is True for one in held)
    told = [f"{counts['approved']} approved ({helped} verified to have helped)"]
    told += [f"{counts[came]} {text}" for came, text in _CAME.items() if came != "approved" and counts[came]]
    times = "once" if len(held) == 1 else f"{len(held)} times"
    return f"The fleet would have acted {times} without asking: {', '.join(told)}."


def as_markdown(held: Sequence[Held]) -> str:
    """A table with a row for each."""
    rows = [
        "| asked (UTC) | incident | would have | against | what came instead | after |",
        "|---|---|---|---|---|---|",
    ]
    for one in held:
        incident = f"[#{one.issue}]({one.url})" if one.url else f"#{one.issue}"
        rows.append(
            f"| {one.asked_at:%Y-%m-%d %H:%M:%S} | {incident} | {one.verb} {code(one.target)} | {one.cause} "
            f"| {came(one)} | {'–' if one.after_s is None else f'{one.after_s:.0f} s'} |"
        )
    return "\n".join(rows) + "\n"


def came(one: Held) -> str:
    """What came of it, in words."""
    if one.came != "approved":
        return _CAME[one.came]
    return {True: "approved, and it helped", False: "approved, and it did not help", None: "approved"}[one.helped]


def _of_one(incident: Incident, entries: Sequence[Entry]) -> tuple[Held, ...]:
    found: list[Held] = []
    about: tuple[Diagnosed, Directive] | None = None
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Diagnosed):
            about = fact, fact.directive
        elif isinstance(fact, Proved) and fact.directive is not None and about is not None:
            about = about[0], fact.directive
        if found and (told := _told(found[-1], entry)) is not None:
            found[-1] = told
        if about is not None and _asks(fact):
            diagnosed, directive = about
            found.append(
                Held(
                    incident.number, incident.url, diagnosed.service, diagnosed.cause, directive.verb, directive.target,
                    entry.posted_at,
                )
            )  # fmt: skip
    return tuple(found)


def _asks(fact: object) -> bool:
    """Whether `fact` asks a person for the one reason that policy wants one."""
    match fact:
        case Ruled(ruling="needs-approval", predicates=predicates):
            return {p.name for p in predicates if not p.ok} == {WISH}
        case Proved(verdict="proved", merge="person", directive=None):
            return True
        case _:
            return False


def _told(last: Held, entry: Entry) -> Held | None:
    """`last` with what `entry` says of it; None where it says nothing new."""
    fact = entry.fact
    if last.came == "approved":
        match fact:
            case Verified(outcome=outcome) if last.helped is None and outcome != "recovered":
                return replace(last, helped=outcome == "healthy")
            case Undone():
                return replace(last, helped=False)
            case _:
                return None
    if last.came != "waiting":
        return None
    came: Came | None = None
    match fact:
        case Commanded(command="approve") | Merged():
            came = "approved"
        case Commanded(command="deny"):
            came = "denied"
        case Verified(outcome="recovered"):
            came = "recovered"
        case Diagnosed() | Escalated() | Stuck() | Commanded(command="escalate"):
            came = "overtaken"
        case _:
            pass
    if came is None:
        return None
    return replace(last, came=came, after_s=max((entry.posted_at - last.asked_at).total_seconds(), 0.0))
