"""Purchases that are refused more often than usual although nothing fails: a sequential test on the event stream.

Outcomes are `policy.purchased` and `purchase.refused`; customers who never decide do not count. The test is made for a
share of sales that falls to six tenths of what was usual. False alarm: once in 1e8 outcomes or less often; when all are
refused it is found after 5 to 8 outcomes. `bench/detection.py` prints the table.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final

from agents.scout.observations import Finding, Observations, Tally, is_patient
from agents.scout.series import Series, conversion_design
from shared.incident.evidence import observation, one_line
from shared.incident.facts import Detected
from shared.incident.parts import Measure
from shared.stream import Event

NAME: Final = "refused purchases"
REFUSED: Final = {"policy.purchased": False, "purchase.refused": True}
WARM_UP: Final = 50
"""Outcomes before anything is said about a service's sales."""
REMEMBERED: Final = 20_000


class ConversionDetector:
    """One test for each service that decides about purchases (the last part of the events' source)."""

    name = "conversion"

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._afresh: dict[str, datetime] = {}
        self._findings: dict[str, Finding] = {}
        self._taken: OrderedDict[tuple[str, str], None] = OrderedDict()

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        for event in sorted(seen.business, key=lambda e: (e.time, e.source, e.id)):
            service = event.source.rsplit("/", 1)[-1]
            key = (event.source, event.id)
            if event.type not in REFUSED or not is_patient(service) or key in self._taken:
                continue
            self._taken[key] = None
            after = self._afresh.get(service)
            if after is None or event.time >= after:
                self._take(service, event, seen)
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        return tuple(self._findings[s] for s in sorted(self._findings))

    def begin_afresh(self, service: str, at: datetime) -> None:
        self._afresh[service] = at
        self._findings.pop(service, None)
        if service in self._series:
            self._series[service].begin_afresh()

    def recall(self, detected: Detected) -> None:
        if detected.symptom == "conversion":
            for measure in detected.measures:
                if measure.name == NAME and measure.before is not None:
                    series = self._series.setdefault(detected.service, Series(conversion_design(measure.before)))
                    if not series.usual.count:
                        series.usual.recall(measure.before, WARM_UP)
                        series.run.redesign(conversion_design(measure.before))

    def tally(self, service: str) -> Tally | None:
        series = self._series.get(service)
        if series is None or series.usual.count < WARM_UP:
            return None
        run = series.run
        measure = Measure(name=NAME, before=series.usual.share, after=series.share, unit="ratio", samples=run.count)
        return Tally(NAME, run.count, run.bad, run.design, measure)

    def _take(self, service: str, event: Event, seen: Observations) -> None:
        refused = REFUSED[event.type]
        series = self._series.setdefault(service, Series(conversion_design(0.5)))
        quiet = service not in seen.troubled
        if series.usual.count < WARM_UP:
            if quiet:
                series.learn(refused)
                if series.usual.count >= WARM_UP:
                    series.run.redesign(conversion_design(series.usual.upper))
            return
        fires = series.take(refused, event.time, seen.at)
        if refused:
            reason = str(event.data.get("reason", "no reason given"))[:60]
            series.proofs.append(
                observation(
                    f"business-{event.id[:60]}",
                    "stream",
                    f"{event.type} for {event.subject[:60]}: {reason}",
                    {
                        "id": event.id,
                        "source": event.source,
                        "type": event.type,
                        "subject": event.subject,
                        "time": event.time.isoformat(),
                        "data": dict(event.data),
                    },
                )
            )
        if fires:
            self._findings[service] = _finding(service, series, event, seen.at)
        elif not series.run.firing:
            self._findings.pop(service, None)
        if quiet and series.learn(refused):
            series.run.redesign(conversion_design(series.usual.upper))


def _finding(service: str, series: Series, event: Event, now: datetime) -> Finding:
    run, since, usual = series.run, series.since or event.time, series.usual.share
    share = run.run_bad / run.run_count
    summary = (
        f"{run.run_bad} of {run.run_count} purchases refused ({share:.0%}) since {since:%H:%M:%S} UTC, "
        f"usually {usual:.1%}; no request failed. Last reason: {str(event.data.get('reason', 'none given'))[:60]}"
    )
    measure = Measure(name=NAME, before=usual, after=share, unit="ratio", samples=run.run_count)
    return Finding(service, "conversion", "major", one_line(summary), since, now, tuple(series.proofs), (measure,))
