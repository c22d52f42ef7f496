"""The causes that Brain names: what they are called, which a restart mends, and which symptoms they explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.incident.parts import Cause, Symptom

TITLES: Final[Mapping[Cause, str]] = {
    "oom": "OOM",
    "crash": "process crashed",
    "hang": "process hangs",
    "cpu": "its processor is busy",
    "slow": "slow in its own code",
    "network": "the network on the way to it",
    "slow-dependency": "something it calls, untraced, is slow",
    "dependency": "a dependency is down",
    "errors": "requests fail in its own code",
    "early-return": "its code returns early",
    "business-rule": "a business rule refuses purchases",
    "bad-deploy": "a recent change",
    "saturation": "overload",
    "unknown": "unknown",
}
RESTARTABLE: Final[frozenset[Cause]] = frozenset(("oom", "crash", "hang", "cpu", "slow", "errors"))
"""Causes that live in the process, so that a fresh one is without them. All others need a change, not a restart."""

_DOWN: Final[frozenset[Cause]] = frozenset(("oom", "crash", "hang"))
_LATE: Final[frozenset[Cause]] = frozenset(("cpu", "slow", "network", "slow-dependency", "saturation"))
EXPLAINS: Final[Mapping[Symptom, frozenset[Cause]]] = {
    "oom": frozenset(("oom", "bad-deploy")),
    "crash": frozenset(("crash", "oom", "bad-deploy")),
    "unresponsive": _DOWN | {"network", "saturation", "bad-deploy"},
    "errors": _DOWN | {"errors", "dependency", "early-return", "network", "bad-deploy", "saturation"},
    "latency": _LATE | {"hang", "bad-deploy"},
    "conversion": frozenset(("business-rule", "early-return", "bad-deploy")),
    "alert": frozenset(TITLES) - {"unknown"},
}
"""Symptom to the causes that bring it about directly."""
INDIRECTLY: Final[Mapping[Symptom, frozenset[Cause]]] = {
    "errors": _LATE,
    "latency": frozenset(("oom", "crash", "dependency")),
}
"""Through a caller's timeouts or its tries to reach what is down."""
