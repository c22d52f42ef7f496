"""Services whose own requests fail more often than usual, by a sequential test over their spans.

Each stream has a false alarm every 1e8 requests or less often (in-control run length, exact): one in 96 days at 12
requests a second. A share of 50 % failures is found after 10 requests on average, 20 % after 29; `bench/detection.py`
prints the table.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agents.scout.observations import Finding, Observations, Tally
from agents.scout.series import Series, errors_design
from agents.scout.traffic import Call
from shared.incident.evidence import observation, one_line
from shared.incident.facts import Detected
from shared.incident.parts import Evidence, Measure

NAME: Final = "failed requests"
WARM_UP: Final = 200
"""Requests before what was learned may raise p0 above its floor."""


class ErrorsDetector:
    """One test for each service. A call nobody answered counts as a failure of the service that was called."""

    name = "errors"

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._afresh: dict[str, datetime] = {}
        self._findings: dict[str, Finding] = {}

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        for call in seen.calls:
            after = self._afresh.get(call.service)
            if after is None or call.started >= after:
                self._take(call, seen)
        return tuple(self._findings[s] for s in sorted(self._findings))

    def begin_afresh(self, service: str, at: datetime) -> None:
        self._afresh[service] = at
        self._findings.pop(service, None)
        if service in self._series:
            self._series[service].begin_afresh()

    def recall(self, detected: Detected) -> None:
        """The test begins at its floor; there is nothing to recall."""

    def tally(self, service: str) -> Tally | None:
        series = self._series.get(service)
        if series is None:
            return None
        measure = Measure(
            name=NAME, before=series.usual.share, after=series.share, unit="ratio", samples=series.run.count
        )
        return Tally(NAME, series.run.count, series.run.bad, series.run.design, measure)

    def _take(self, call: Call, seen: Observations) -> None:
        service = call.service
        series = self._series.setdefault(service, Series(errors_design(0.0)))
        fires = series.take(call.failed, call.started, seen.at)
        if call.failed:
            series.proofs.append(_proof(call))
        if fires:
            self._findings[service] = _finding(service, series, call, seen.at)
        elif not series.run.firing:
            self._findings.pop(service, None)
        if service not in seen.troubled and series.learn(call.failed) and series.usual.count >= WARM_UP:
            series.run.redesign(errors_design(series.usual.upper))


def _finding(service: str, series: Series, call: Call, now: datetime) -> Finding:
    run, since = series.run, series.since or call.started
    usual = series.usual.share
    share = run.run_bad / run.run_count
    summary = (
        f"{run.run_bad} of {run.run_count} requests failed ({share:.0%}) since {since:%H:%M:%S} UTC"
        f"{'' if usual is None else f', usually {usual:.1%}'}: {call.detail}"
    )
    measure = Measure(name=NAME, before=usual, after=share, unit="ratio", samples=run.run_count)
    return Finding(service, "errors", "major", one_line(summary), since, now, tuple(series.proofs), (measure,))


def _proof(call: Call) -> Evidence:
    what = "failed" if call.answered else "was not answered"
    return observation(
        f"trace-{call.trace_id[:32]}-{call.span_id[:16]}",
        "trace",
        f"{call.operation} of {call.service} {what}: {call.detail}",
        call.verbatim(),
        trace_id=call.trace_id,
    )
