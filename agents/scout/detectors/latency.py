"""Services that have become slow by themselves: time of their own, outside of their calls, against what was usual.

For each operation a request is slow above a learned threshold (the 95th percentile in quiet operation, with a floor);
a sequential test watches the share of slow ones. False alarm: once in 1e8 requests or less often, 96 days at 12 a
second. When every request is slow it is found after 8 requests. `bench/detection.py` prints the table.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from agents.scout.observations import Finding, Observations, Tally
from agents.scout.series import Series, latency_design
from agents.scout.traffic import Call
from shared.analysis.baseline import LevelBaseline
from shared.incident.evidence import observation, one_line
from shared.incident.facts import Detected
from shared.incident.parts import Measure

NAME: Final = "slow requests"
FLOOR_MS: Final = 100.0
"""A request is never called slow for less than this above the median: what a busy two-core machine may cost."""
BUSY_MS: Final = 50.0
"""When most health requests, which cost nothing, take longer than this, the machine is slow and not a service."""
BUSY_FOR: Final = timedelta(seconds=3)
"""Requests that are read this long after such a time are left out."""
MOST: Final = 500
"""Operations that are remembered; the ones longest unused make room."""
_OWN_TIME: Final = "own time of "


class _Operation:
    """One operation of one service."""

    def __init__(self) -> None:
        self.level = LevelBaseline(FLOOR_MS)
        self.series = Series(latency_design())
        self.recent: deque[float] = deque(maxlen=50)
        self.finding: Finding | None = None


class LatencyDetector:
    """One test for each operation; a service has one finding, of the operation that fired first."""

    name = "latency"

    def __init__(self) -> None:
        self._operations: OrderedDict[tuple[str, str], _Operation] = OrderedDict()
        self._afresh: dict[str, datetime] = {}
        self._busy_until: datetime | None = None

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        if _machine_is_slow(seen):
            self._busy_until = seen.at + BUSY_FOR
        busy = self._busy_until is not None and seen.at < self._busy_until
        for call in () if busy else seen.calls:
            after = self._afresh.get(call.service)
            if call.self_us is not None and not call.failed and (after is None or call.started >= after):
                self._take(call, call.self_us / 1000, seen)
        first: dict[str, Finding] = {}
        standing = [o.finding for o in self._operations.values() if o.finding is not None]
        for finding in sorted(standing, key=lambda f: (f.fired, f.since, f.summary)):
            first.setdefault(finding.service, finding)
        return tuple(first[s] for s in sorted(first))

    def begin_afresh(self, service: str, at: datetime) -> None:
        self._afresh[service] = at
        for (owner, _), operation in self._operations.items():
            if owner == service:
                operation.series.begin_afresh()
                operation.recent.clear()
                operation.finding = None

    def recall(self, detected: Detected) -> None:
        for measure in detected.measures:
            if detected.symptom == "latency" and measure.name.startswith(_OWN_TIME) and measure.before is not None:
                key = (detected.service, measure.name.removeprefix(_OWN_TIME))
                self._operations.setdefault(key, _Operation()).level.recall(measure.before)

    def tally(self, service: str) -> Tally | None:
        """Over all operations of the service whose usual level is known."""
        runs = [o.series for (owner, _), o in self._operations.items() if owner == service and o.level.threshold]
        if not runs:
            return None
        count, bad = sum(s.run.count for s in runs), sum(s.run.bad for s in runs)
        usual_count, usual_bad = sum(s.usual.count for s in runs), sum(s.usual.bad for s in runs)
        measure = Measure(
            name=NAME,
            before=usual_bad / usual_count if usual_count else None,
            after=bad / count if count else None,
            unit="ratio",
            samples=count,
        )
        return Tally(NAME, count, bad, latency_design(), measure)

    def _take(self, call: Call, own_ms: float, seen: Observations) -> None:
        key = (call.service, call.operation)
        operation = self._operations.setdefault(key, _Operation())
        self._operations.move_to_end(key)
        if len(self._operations) > MOST:
            self._operations.popitem(last=False)
        quiet = call.service not in seen.troubled
        threshold = operation.level.threshold
        if threshold is None:
            if quiet:
                operation.level.learn(own_ms)
            return
        slow, series = own_ms > threshold, operation.series
        if series.run.value == 0 and not series.run.firing:
            operation.recent.clear()
        fires = series.take(slow, call.started, seen.at)
        operation.recent.append(own_ms)
        if slow:
            series.proofs.append(
                observation(
                    f"trace-{call.trace_id[:32]}-{call.span_id[:16]}",
                    "trace",
                    f"{call.operation} of {call.service} took {own_ms:.0f} ms of its own",
                    call.verbatim(),
                    trace_id=call.trace_id,
                )
            )
        if fires:
            operation.finding = _finding(call, operation, threshold, seen.at)
        elif not series.run.firing:
            operation.finding = None
        if quiet and not series.run.firing and series.run.value * 2 <= series.run.design.limit:
            operation.level.learn(own_ms)
            series.learn(slow)


def _machine_is_slow(seen: Observations) -> bool:
    took = [probe.ms for probe in seen.probes.values() if probe.ok]
    return len(took) >= 2 and median(took) > BUSY_MS


def _finding(call: Call, operation: _Operation, threshold: float, now: datetime) -> Finding:
    series = operation.series
    run, since, usual, level = series.run, series.since or call.started, series.usual.share, operation.level.median
    typical = median(operation.recent)
    summary = (
        f"{call.operation}: {run.run_bad} of {run.run_count} requests slower than {threshold:.0f} ms since "
        f"{since:%H:%M:%S} UTC, median {typical:.0f} ms, usually {level:.0f} ms"
    )
    measures = (
        Measure(name=NAME, before=usual, after=run.run_bad / run.run_count, unit="ratio", samples=run.run_count),
        Measure(name=one_line(_OWN_TIME + call.operation), before=level, after=typical, unit="ms",
                samples=len(operation.recent)),
    )  # fmt: skip
    return Finding(call.service, "latency", "major", one_line(summary), since, now, tuple(series.proofs), measures)
