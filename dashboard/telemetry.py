"""What the stream says, for people: vitals, sales, heartbeats, thoughts, dead letters. Nothing here decides."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from dashboard.series import LENGTH, Series, moment, second
from dashboard.shapes import Beat, Curves, Health, Letter, Service, Thought, Trade, Vital, stamp
from shared.stream import BUSINESS, DEAD_LETTERS, HEARTBEATS, THOUGHTS, VITALS, Event

TOPICS: Final = (BUSINESS, HEARTBEATS, THOUGHTS, VITALS, DEAD_LETTERS)
STALE: Final = timedelta(seconds=5)
"""After this a vital that is told once a second says nothing about now."""
SILENT: Final = timedelta(seconds=15)
"""Three heartbeats."""
SETTLED: Final = 2
"""Seconds that late sales have before a second's counts are told."""
GONE: Final = timedelta(seconds=LENGTH)
"""A service of which nothing is told for as long as curves reach, while others are, is not there any more."""
SKEW: Final = timedelta(minutes=10)
"""A sender's clock further off than this is not believed (promise 25)."""
MOST_SERVICES: Final = 200
MOST_THOUGHTS: Final = 100
MOST_LETTERS: Final = 20
LONGEST: Final = 500
COUNTED: Final = {"quote.requested": "requested", "policy.purchased": "purchased", "purchase.refused": "refused"}
"""Business event to what it is counted as."""

Message = tuple[str, Mapping[str, object]]
"""An event for the page: its type and data."""


@dataclass(slots=True)
class _Pulse:
    """One service as it was told last, by this process's clock, and its curves."""

    at: datetime
    vital: Vital
    p50: Series
    rate: Series
    errors: Series


class Telemetry:
    """Thread-safe. `fleet`: the agents that ought to beat; `services`: those that ought to be told of."""

    def __init__(self, fleet: Sequence[str], services: Sequence[str], started: datetime) -> None:
        self._lock = threading.Lock()
        self._started = started
        self._services = tuple(services)
        self._pulses: dict[str, _Pulse] = {}
        self._beats: dict[str, tuple[datetime | None, str]] = dict.fromkeys(fleet, (None, "not heard yet"))
        self._trade = {name: Series(0.0) for name in COUNTED.values()}
        self._thoughts: deque[Thought] = deque(maxlen=MOST_THOUGHTS)
        self._letters: deque[Letter] = deque(maxlen=MOST_LETTERS)
        self._told_to = 0
        self.unread = 0
        """Events that were not of the shape they ought to have."""

    def take(self, topic: str, event: Event, now: datetime) -> list[Message]:
        """Take one event of `TOPICS`, heard at `now`; what the page is to be told of it at once."""
        with self._lock:
            match topic:
                case "business.events":
                    return self._sold(event, now)
                case "sre.vitals":
                    return self._felt(event.data, now)
                case "sre.heartbeats":
                    return self._beaten(event.data, now)
                case "sre.thoughts":
                    return self._thought(event)
                case _:
                    return self._lost(event)

    def tick(self, now: datetime) -> list[Message]:
        """Once a second: the vitals as they stand, and the newest second of sales that has settled."""
        with self._lock:
            self._forget()
            told: list[Message] = []
            if self._pulses:
                told.append(("vitals", {"at": stamp(now), "services": self._vitals(now)}))
            done = second(now) - SETTLED
            for at_s in range(max(self._told_to + 1, done - 5), done + 1):
                counts = {name: int(series.at(at_s) or 0) for name, series in self._trade.items()}
                told.append(("business", {"at": stamp(moment(at_s)), **counts}))
            self._told_to = max(self._told_to, done)
            return told

    def beats(self, now: datetime) -> list[Beat]:
        with self._lock:
            return [self._beat(name, now) for name in self._beats]

    def thoughts(self) -> list[Thought]:
        """The newest first."""
        with self._lock:
            return [*reversed(self._thoughts)]

    def letters(self) -> list[Letter]:
        """The newest first."""
        with self._lock:
            return [*reversed(self._letters)]

    def trade(self, now: datetime) -> Trade:
        """The last ten minutes; null before this process listened."""
        start, end = self._bounds(now)
        with self._lock:
            curves = {name: series.window(start, end) for name, series in self._trade.items()}
        return {
            "from": stamp(moment(start)),
            "step_s": 1,
            "requested": curves["requested"],
            "purchased": curves["purchased"],
            "refused": curves["refused"],
        }

    def services(self, now: datetime) -> list[Service]:
        """Every service that is told of, or ought to be, by name."""
        with self._lock:
            return [self._service(name, now) for name in sorted({*self._services, *self._pulses})]

    def _forget(self) -> None:
        last = max((pulse.at for pulse in self._pulses.values()), default=self._started)
        for name in [name for name, pulse in self._pulses.items() if last - pulse.at > GONE]:
            del self._pulses[name]

    def _bounds(self, now: datetime) -> tuple[int, int]:
        end = second(now) - SETTLED + 1
        return max(end - LENGTH, min(second(self._started), end)), end

    def _service(self, name: str, now: datetime) -> Service:
        pulse = self._pulses.get(name)
        if pulse is None:
            return Service(name=name, health="unknown", detail="Scout has not told of it", at=None, series=None)
        vital, (start, end) = self._vital(pulse, now), self._bounds(now)
        curves: Curves = {
            "from": stamp(moment(start)),
            "step_s": 1,
            "p50_ms": pulse.p50.window(start, end),
            "rate": pulse.rate.window(start, end),
            "errors": pulse.errors.window(start, end),
        }
        return Service(name=name, health=vital["health"], detail=vital["detail"], at=stamp(pulse.at), series=curves)

    def _vitals(self, now: datetime) -> list[Vital]:
        return [self._vital(self._pulses[name], now) for name in sorted(self._pulses)]

    def _vital(self, pulse: _Pulse, now: datetime) -> Vital:
        if now - pulse.at <= STALE:
            return pulse.vital
        why = f"Scout has not told of it for {(now - pulse.at).total_seconds():.0f} s"
        return Vital(service=pulse.vital["service"], health="unknown", detail=why, p50_ms=None, rate=None, errors=None)

    def _felt(self, data: Mapping[str, Any], now: datetime) -> list[Message]:
        name, health = data.get("service"), _health(data.get("health"))
        if not isinstance(name, str) or not name or len(name) > 100 or health is None:
            return self._odd()
        if name not in self._pulses and len(self._pulses) >= MOST_SERVICES:
            return self._odd()
        vital = Vital(
            service=name,
            health=health,
            detail=_text(data.get("detail")),
            p50_ms=_number(data.get("p50_ms")),
            rate=_number(data.get("rate")),
            errors=_number(data.get("errors")),
        )
        pulse = self._pulses.get(name) or _Pulse(now, vital, Series(), Series(), Series())
        self._pulses[name] = pulse
        pulse.at, pulse.vital = now, vital
        pulse.p50.put(now, vital["p50_ms"])
        pulse.rate.put(now, vital["rate"])
        pulse.errors.put(now, vital["errors"])
        return []

    def _sold(self, event: Event, now: datetime) -> list[Message]:
        counted = COUNTED.get(event.type)
        if counted is None or abs(event.time - now) > SKEW:
            return self._odd()
        self._trade[counted].add(event.time)
        return []

    def _beaten(self, data: Mapping[str, Any], now: datetime) -> list[Message]:
        name = data.get("agent")
        if name not in self._beats:
            return self._odd()
        busy, turned = _number(data.get("busy")), _number(data.get("last_turn_s"))
        said = [f"{busy:.0f} at work" if busy else "", f"turned {turned:.1f} s ago" if turned is not None else ""]
        self._beats[name] = (now, ", ".join(part for part in said if part))
        return [("beat", {"at": stamp(now), "agent": name, "ok": True, "detail": self._beats[name][1]})]

    def _beat(self, name: str, now: datetime) -> Beat:
        at, detail = self._beats[name]
        age = (now - at).total_seconds() if at else None
        ok = age is not None and age <= SILENT.total_seconds()
        return Beat(
            agent=name, ok=ok, at=stamp(at) if at else None, age_s=None if age is None else round(age, 1), detail=detail
        )

    def _thought(self, event: Event) -> list[Message]:
        issue, agent, text = (event.data.get(key) for key in ("issue", "agent", "thought"))
        if not isinstance(agent, str) or not isinstance(text, str):
            return self._odd()
        thought = Thought(
            at=stamp(event.time),
            incident=issue if type(issue) is int and issue > 0 else None,
            agent=agent[:40],
            text=text[:LONGEST],
        )
        self._thoughts.append(thought)
        return [("thought", {**thought})]

    def _lost(self, event: Event) -> list[Message]:
        letter = Letter(at=stamp(event.time), origin=event.subject[:200], reason=_text(event.data.get("reason")))
        self._letters.append(letter)
        return [("letter", {**letter})]

    def _odd(self) -> list[Message]:
        self.unread += 1
        return []


def _health(value: object) -> Health | None:
    match value:
        case "ok" | "bad" | "unknown":
            return value
        case _:
            return None


def _text(value: object) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    """A finite number that is not negative; anything else is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)
