"""Whether a symptom is gone: the arithmetic that detected it, silent, and positive evidence that held. Pure.

No traffic is not health, and no answer is not an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.scout.detectors.alert import LOOKS_BACK
from agents.scout.observations import Finding, Tally
from agents.scout.watch import View
from shared.analysis.baseline import wilson
from shared.incident.evidence import by_alert, one_line
from shared.incident.facts import Detected, Verified
from shared.incident.parts import UNAVAILABLE, Evidence, Measure

ANSWERS: Final = 3
"""Answered probes that show a service answering."""
POWER: Final = 0.99
"""Asked for are as many observations as would show a fault that still had its size with this probability."""
NOT_BEFORE: Final = timedelta(seconds=5)
"""Nothing recovers by itself sooner than this after its detection."""
LOOK_AGAIN: Final = timedelta(seconds=0.5)
BEFORE: Final = timedelta(seconds=30)
"""How much sooner than estimated the fault may have begun to fire an alert."""
MOST_HEARD: Final = 8
SELDOM: Final = timedelta(seconds=2)
"""How often at most an incident is looked at that may take days."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long good signs must hold after an action, and when there being none is the answer.

    What is well when it is time to give up is given the time to hold.
    """

    healthy_for: timedelta = timedelta(seconds=3)
    give_up: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Waiting:
    """No verdict yet: look again in `again`, because of `why`."""

    again: timedelta
    why: str


def after_action(detected: Detected, view: View, patience: Patience, *, changed: bool = False) -> Verified | Waiting:
    """The verdict on an action that was done at `view.since`.

    `changed`: it was a change of the repository. One that does not heal, or after which a neighbour ails, is to be
    taken back: `ineffective`.
    """
    failed = "ineffective" if changed else "unhealthy"
    if changed and view.neighbours:
        worse = view.neighbours[0]
        return _verdict(failed, f"{worse.service}, {worse.symptom}: {worse.summary}", detected, view, worse)
    if view.findings:
        finding = view.findings[0]
        return _verdict(failed, f"{finding.symptom}: {finding.summary}", detected, view, finding)
    missing, held = _missing(detected, view, patience.healthy_for)
    if missing is None:
        return _verdict("healthy", _well(view), detected, view)
    waited, give_up = view.at - view.since, patience.give_up + _looks_back(detected)
    holding = timedelta() < held < patience.healthy_for
    if waited >= give_up and not holding:
        return _verdict(failed, f"no sign of health in {waited.total_seconds():.0f} s: {missing}", detected, view)
    until = _until(held, patience.healthy_for)
    return Waiting(until if holding else min(until, give_up - waited), missing)


def by_itself(detected: Detected, detected_at: datetime, view: View, patience: Patience) -> Verified | Waiting:
    """The verdict on a symptom that nobody acted upon, detected at `detected_at` by Scout's clock."""
    needed = 2 * patience.healthy_for
    if view.findings:
        return Waiting(needed, f"{view.findings[0].symptom} stands")
    missing, held = _missing(detected, view, needed)
    age = view.at - detected_at
    if missing is None and age >= NOT_BEFORE:
        return _verdict("recovered", _well(view), detected, view)
    return Waiting(max(_until(held, needed), NOT_BEFORE - age, SELDOM), missing or "only just detected")


def _missing(detected: Detected, view: View, hold: timedelta) -> tuple[str | None, timedelta]:
    """What is still missing for health, None when nothing is; and how long health has held."""
    well = view.well
    if view.blind and set(view.blind) & _sources(detected):
        return f"cannot see: {', '.join(view.blind)}", timedelta()
    if well.well_since is None:
        return "no good sign yet", timedelta()
    since = max(well.well_since, view.since)
    held = max(view.at - since, timedelta())
    if well.probed and well.answers < ANSWERS:
        return f"{well.answers} of {ANSWERS} probes answered", held
    if by_alert(detected.evidence) and (told := _still_told(detected, view)):
        return told, held
    if detected.symptom in UNAVAILABLE:
        if not well.probed:
            return "there is no probe to answer", held
    elif not by_alert(detected.evidence) or detected.symptom in dict(view.tallies):
        tally = dict(view.tallies).get(detected.symptom)
        count, _ = well.counted.get(detected.symptom, (0, 0))
        needed = needed_observations(tally, detected)
        if count < needed:
            return f"{count} of {needed} observations since", held
    if held < hold:
        return f"well for {held.total_seconds():.1f} of {hold.total_seconds():.1f} s", held
    return None, held


def _still_told(detected: Detected, view: View) -> str | None:
    """Why the alerts that this incident was opened for are not over; who detected must fall silent.

    A process that was not there for the resolution takes the longest look back of the rule without a word for it.
    """
    cited = {e.id for e in detected.evidence}
    known = {a.evidence.id.removesuffix("-resolved"): a for a in view.alerts}
    firing = sorted(known[name].name for name in cited & known.keys() if known[name].firing)
    if firing:
        return f"alert {firing[0]} has not been resolved"
    unheard = cited - known.keys()
    if unheard and view.at - view.since < _looks_back(detected):
        return "no word of the alert yet"
    return None


def _looks_back(detected: Detected) -> timedelta:
    """How long the alerts of an incident that only alerts speak for may lag behind; nothing for all others."""
    if not by_alert(detected.evidence):
        return timedelta()
    return timedelta(seconds=max((m.after or 0.0 for m in detected.measures if m.name == LOOKS_BACK), default=0.0))


def _heard(detected: Detected, view: View) -> tuple[Evidence, ...]:
    """The alerts about the service since the fault began that the log does not cite yet."""
    cited = {e.id for e in detected.evidence}
    recent = (a for a in view.alerts if a.started >= detected.since - BEFORE)
    return tuple({e.id: e for a in recent if (e := a.evidence).id not in cited}.values())[:MOST_HEARD]


def needed_observations(tally: Tally | None, detected: Detected) -> int:
    """How many observations would show, with probability POWER, a fault of the size that was detected.

    The share at the moment of the alarm is known from few observations and flatters the fault, so its lower end counts.
    """
    if tally is None or tally.test is None:
        return ANSWERS
    sizes = [m for m in detected.measures if m.name == tally.name and m.after is not None and m.samples > 0]
    low = max((wilson(m.after, m.samples)[0] for m in sizes if m.after is not None), default=0.0)
    return tally.test.needed(POWER, min(0.999, max(low, tally.test.p1)))


def _sources(detected: Detected) -> frozenset[str]:
    match detected.symptom:
        case "errors" | "latency" if not by_alert(detected.evidence):
            return frozenset(("traces",))
        case "conversion":
            return frozenset(("stream",))
        case _:
            return frozenset(("probes", "containers"))


def _until(held: timedelta, hold: timedelta) -> timedelta:
    return max(hold - held, LOOK_AGAIN)


def _verdict(outcome: str, detail: str, detected: Detected, view: View, finding: Finding | None = None) -> Verified:
    well_since = view.well.well_since
    good = outcome in ("healthy", "recovered") and well_since is not None
    held = (view.at - max(well_since, view.since)).total_seconds() if good and well_since is not None else 0.0
    return Verified.model_validate(
        {
            "outcome": outcome,
            "detail": one_line(detail),
            "held_s": round(max(held, 0.0), 3),
            "measures": finding.measures if finding is not None and finding.measures else _measures(detected, view),
            "evidence": finding.evidence if finding is not None else _heard(detected, view),
        }
    )


def _measures(detected: Detected, view: View) -> tuple[Measure, ...]:
    """Before (during the fault) and after, of what was counted since the service is well, or since the action."""
    during = {m.name: m.after for m in detected.measures}
    measures = []
    for name, tally in view.tallies:
        count, bad = view.well.counted.get(name, (tally.count, tally.bad))
        if not count:
            continue
        good_is_told = tally.test is None
        after = (count - bad) / count if good_is_told else bad / count
        label = tally.measure.name
        measures.append(Measure(name=label, before=during.get(label), after=after, unit="ratio", samples=count))
    return tuple(measures)


def _well(view: View) -> str:
    parts = [f"{view.well.answers} probes answered in a row"] if view.well.probed else []
    for name, tally in view.tallies:
        count, bad = view.well.counted.get(name, (0, 0))
        if tally.test is not None and count:
            parts.append(f"{bad} of {count} {tally.name}")
    return "; ".join(parts) or "the container runs"
