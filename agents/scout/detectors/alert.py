"""What rules outside of the fleet say of a service: Alertmanager's firings as findings, for as long as they fire.

An alert says that something is wrong and never why. Its rule looks back over minutes, so it may go on firing about
what is over: for that long after an action or a certificate it says nothing new, nor after a rule with a shorter look
back has fallen silent about the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from agents.scout.alerts import LONGEST_WINDOW, Alert
from agents.scout.observations import Finding, Observations, Tally
from shared.incident.evidence import by_alert, one_line
from shared.incident.facts import Detected
from shared.incident.parts import Measure, Severity

LOOKS_BACK: Final = "alert looks back"
"""The measure that says how far back the rule of an alert looks, in seconds."""
LAG: Final = timedelta(seconds=90)
"""What scraping, evaluating and grouping may add to that."""
MOST_CITED: Final = 8
KEPT: Final = LONGEST_WINDOW + LAG
"""How long a resolved firing is remembered."""
MOST: Final = 2_000
"""Firings that are followed; the longest unheard of make room."""
_GRAVITY: Final[dict[Severity, int]] = {"critical": 0, "major": 1, "minor": 2}


class AlertDetector:
    """One finding for each service and symptom, of all alerts that fire about it."""

    name = "alert"

    def __init__(self) -> None:
        self._heard: OrderedDict[tuple[str, datetime], tuple[Alert, datetime]] = OrderedDict()
        """By firing: the alert, and when it was last heard of, by Scout's clock."""
        self._afresh: dict[str, datetime] = {}

    def update(self, seen: Observations) -> tuple[Finding, ...]:
        for alert in seen.alerts:
            self._heard[alert.key] = alert, seen.at
            self._heard.move_to_end(alert.key)
        for key, (alert, at) in tuple(self._heard.items()):
            if len(self._heard) > MOST or (not alert.firing and seen.at - at > KEPT):
                del self._heard[key]
        standing: dict[tuple[str, str], list[tuple[Alert, datetime]]] = {}
        for alert, at in self._heard.values():
            if alert.firing and alert.service in seen.containers and not self._hushed(alert, seen.at):
                standing.setdefault((alert.service, alert.symptom), []).append((alert, at))
        return tuple(self._finding(standing[key]) for key in sorted(standing))

    def begin_afresh(self, service: str, at: datetime) -> None:
        self._afresh[service] = at

    def recall(self, detected: Detected) -> None:
        """Nothing is learned here."""

    def tally(self, service: str) -> Tally | None:  # noqa: ARG002 - an alert is not a count
        return None

    def of(self, service: str) -> tuple[Alert, ...]:
        """Every firing of this service that is remembered, the resolved ones too."""
        return tuple(alert for alert, _ in self._heard.values() if alert.service == service)

    def _hushed(self, alert: Alert, now: datetime) -> bool:
        quieter = [
            at
            for other, at in self._heard.values()
            if not other.firing
            and (other.service, other.symptom) == (alert.service, alert.symptom)
            and other.window < alert.window
        ]
        silent_since = [at for at in (self._afresh.get(alert.service), *quieter) if at is not None]
        return bool(silent_since) and now - max(silent_since) < alert.window + LAG

    def _finding(self, firing: list[tuple[Alert, datetime]]) -> Finding:
        """Of the rules that look back the least: they are the first to know when it is over."""
        window = min(a.window for a, _ in firing)
        firing = [(a, at) for a, at in firing if a.window == window]
        alerts = sorted((a for a, _ in firing), key=lambda a: (_GRAVITY[a.severity], a.started, a.fingerprint))
        gravest, memory = alerts[0], window + LAG
        after = self._afresh.get(gravest.service)
        began = min(a.started for a in alerts)
        since = began if after is None or began > after else after + memory
        more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
        said = f": {gravest.summary}" if gravest.summary else ""
        return Finding(
            gravest.service,
            gravest.symptom,
            gravest.severity,
            one_line(f"alert {gravest.name}{more} since {began:%H:%M:%S} UTC{said}"),
            since,
            min(at for _, at in firing),
            tuple(a.evidence for a in alerts[:MOST_CITED]),
            (Measure(name=LOOKS_BACK, before=None, after=memory.total_seconds(), unit="s", samples=len(alerts)),),
            memory=memory,
        )


def corroborated(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """`findings` with those that only alerts speak for folded into our own of the same service and symptom."""
    own = [f for f in findings if not by_alert(f.evidence)]
    alone = []
    for told in (f for f in findings if by_alert(f.evidence)):
        at = next((n for n, f in enumerate(own) if (f.service, f.symptom) == (told.service, told.symptom)), None)
        if at is None:
            alone.append(told)
        else:
            own[at] = replace(own[at], evidence=(*own[at].evidence, *told.evidence))
    return (*own, *alone)
