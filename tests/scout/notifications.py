"""Alertmanager's notifications, version 4, as it sends them."""

from __future__ import annotations

import json
from typing import Any

STARTED = "2026-03-01T12:00:05.123456789Z"
NEVER = "0001-01-01T00:00:00Z"


def alert(service: str = "policy-service", *, resolved: bool = False, **changes: Any) -> dict[str, Any]:
    """One alert; `changes` go into its labels, but for `fingerprint`, `startsAt` and `annotations`."""
    own = {key: changes.pop(key) for key in ("fingerprint", "startsAt", "annotations") if key in changes}
    labels = {"alertname": "ErrorBudgetBurn", "service": service, "severity": "critical", "sre_symptom": "errors"}
    return {
        "status": "resolved" if resolved else "firing",
        "labels": labels | changes,
        "annotations": {"summary": "14.4 times the budget"},
        "startsAt": STARTED,
        "endsAt": "2026-03-01T12:09:00Z" if resolved else NEVER,
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": "a1b2c3d4e5f60718",
    } | own


def notification(*alerts: Any, **changes: Any) -> bytes:
    whole = {
        "receiver": "scout", "status": "firing", "alerts": list(alerts), "groupLabels": {}, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://alertmanager:9093", "version": "4",
        "groupKey": "{}:{}", "truncatedAlerts": 0,
    }  # fmt: skip
    return json.dumps(whole | changes).encode()
