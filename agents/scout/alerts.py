"""Alertmanager's notifications, read strictly. Pure.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config (version "4"). The texts come from
whoever writes rules and metrics: they are data, redacted before anything is hashed or shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.incident.evidence import ALERT, SERVICE_NAME, observation, one_line
from shared.incident.parts import Evidence, Severity, Symptom

MOST_BYTES: Final = 256 * 1024
"""Of one notification."""
MOST_ALERTS: Final = 500
"""In one notification."""
SERVICE_LABELS: Final = ("service", "container")
"""Which labels name the service, the first that is there."""
MEASURED: Final[Mapping[str, Symptom]] = {"errors": "errors", "latency": "latency"}
"""What the label `sre_symptom` may claim: what shows in traces, so that Brain looks for it there. A state of a
container is never taken from an alert: it would name the cause."""
SEVERITIES: Final[Mapping[str, Severity]] = {
    "critical": "critical", "page": "critical", "emergency": "critical",
    "major": "major", "error": "major", "high": "major", "": "major",
    "minor": "minor", "warning": "minor", "warn": "minor", "low": "minor", "ticket": "minor",
}  # fmt: skip
WINDOW: Final = timedelta(minutes=5)
"""How far back a rule looks where its label `sre_window` does not say."""
LONGEST_WINDOW: Final = timedelta(hours=6)
_WINDOW: Final = re.compile(r"(\d{1,5})([smh])")
_FINGERPRINT: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Malformed(Exception):
    """Not a notification of Alertmanager, version 4; the text says where. `syntax`: it is not even JSON."""

    def __init__(self, why: str, *, syntax: bool = False) -> None:
        super().__init__(why)
        self.syntax = syntax


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert about one service. `started`: when it began to fire, by Prometheus's clock (UTC), never in the future.

    `window`: how far back its rule looks, so how long it may go on firing about what is over.
    """

    fingerprint: str
    started: datetime
    firing: bool
    service: str
    symptom: Symptom
    severity: Severity
    name: str
    summary: str
    window: timedelta = WINDOW
    link: str | None = None

    @property
    def key(self) -> tuple[str, datetime]:
        """One firing: Alertmanager repeats it with the same fingerprint and start."""
        return self.fingerprint, self.started

    @property
    def evidence(self) -> Evidence:
        """What is cited of it; a resolved firing is another observation than the same one firing."""
        state = "firing" if self.firing else "resolved"
        said = f": {self.summary}" if self.summary else ""
        return observation(
            f"{ALERT}{self.fingerprint[:32]}-{self.started:%Y%m%dT%H%M%S}{'' if self.firing else '-resolved'}",
            "metric",
            f"alert {self.name} on {self.service} ({self.severity}) {state}, began {self.started:%H:%M:%S} UTC{said}",
            {
                "fingerprint": self.fingerprint,
                "startsAt": self.started.isoformat(),
                "status": state,
                "service": self.service,
                "symptom": self.symptom,
                "severity": self.severity,
                "alertname": self.name,
                "summary": self.summary,
            },
            link=self.link,
        )


@dataclass(frozen=True, slots=True)
class Unusable:
    """An alert that says nothing about a service that Scout watches. `why`: unlabelled, severity."""

    why: str


def parse(body: bytes, clean: Callable[[str], str], now: datetime) -> tuple[Alert | Unusable, ...]:
    """The alerts of one notification, in its order. Raises Malformed, and nothing else whatever `body` is."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON", syntax=True) from error
    if not isinstance(message, dict) or message.get("version") != "4":
        raise Malformed('not a notification of version "4"')
    alerts = message.get("alerts")
    if not isinstance(alerts, list) or len(alerts) > MOST_ALERTS:
        raise Malformed(f"alerts is not a list of at most {MOST_ALERTS}")
    return tuple(_alert(n, given, clean, now) for n, given in enumerate(alerts))


def _alert(n: int, given: Any, clean: Callable[[str], str], now: datetime) -> Alert | Unusable:
    if not isinstance(given, dict) or given.get("status") not in ("firing", "resolved"):
        raise Malformed(f"alerts[{n}] has no status firing or resolved")
    fingerprint = given.get("fingerprint")
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise Malformed(f"alerts[{n}] has no fingerprint")
    started = _time(given.get("startsAt"))
    if started is None:
        raise Malformed(f"alerts[{n}].startsAt is not a time")
    labels = _texts(f"alerts[{n}].labels", given.get("labels"), clean)
    notes = _texts(f"alerts[{n}].annotations", given.get("annotations") or {}, clean)
    service = next((labels[label] for label in SERVICE_LABELS if label in labels), "")
    if not SERVICE_NAME.fullmatch(service):
        return Unusable("unlabelled")
    severity = SEVERITIES.get(labels.get("severity", "").strip().lower())
    if severity is None:
        return Unusable("severity")
    link = given.get("generatorURL")
    return Alert(
        fingerprint=fingerprint,
        started=min(started, now),
        firing=given["status"] == "firing",
        service=service,
        symptom=MEASURED.get(labels.get("sre_symptom", ""), "alert"),
        severity=severity,
        name=one_line(labels.get("alertname", ""), 80) or "unnamed",
        summary=one_line(notes.get("summary", "") or notes.get("description", ""), 160),
        window=_window(labels.get("sre_window", "")),
        link=clean(link) if isinstance(link, str) and len(link) <= 400 and link.startswith("http") else None,
    )


def _texts(where: str, given: Any, clean: Callable[[str], str]) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Malformed(f"{where} is not an object of texts")
    return {key: clean(_readable(value)) for key, value in given.items()}


def _readable(text: str) -> str:
    """`text` without lone surrogates, which JSON can hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _time(given: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(given) if isinstance(given, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None and at >= _EARLIEST else None
    except (ValueError, OverflowError):
        return None


def _window(text: str) -> timedelta:
    match = _WINDOW.fullmatch(text)
    return min(timedelta(seconds=int(match[1]) * _UNITS[match[2]]), LONGEST_WINDOW) if match else WINDOW
