"""Scout's way in for alerts, put together: the inlet, the inbox, and what is counted of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.scout.alerts import MOST_BYTES, Malformed
from agents.scout.inbox import Inbox
from agents.scout.look import Patrol
from mission_control.kit import Kit
from shared.runtime.inlet import Inlet, Reply, refusal

PATH: Final = "/webhook/alert"


def take_alerts(kit: Kit, inbox: Inbox, patrol: Patrol, nudge: Callable[[], None]) -> None:
    """Open `PATH` on Scout's own server, where a token is set, and count what comes; needs no server of its own."""
    meter = kit.health.meter
    meter.tallies("sre_alerts_total", "result", "Alerts by what became of them.", lambda: dict(inbox.counts))
    meter.gauges("sre_service_memory_limit_bytes", "service", "Memory limits of containers.", lambda: _limits(patrol))
    meter.gauges("sre_service_watched", "service", "1 for each container that Scout watches.", lambda: _watched(patrol))
    token = kit.settings.alert_token
    if token is not None:
        take = lambda body: _taken(body, inbox, patrol, nudge)  # noqa: E731
        kit.health.inlets[PATH] = Inlet(token.get_secret_value(), MOST_BYTES, take)


def _taken(body: bytes, inbox: Inbox, patrol: Patrol, nudge: Callable[[], None]) -> Reply:
    watched = patrol.containers
    if watched is None:
        return refusal(503, "Scout has not seen any container yet: come again", Retry_After="5")
    try:
        taken = inbox.take(body, frozenset(watched))
    except Malformed as error:
        return refusal(400 if error.syntax else 422, str(error))
    if taken.taken:
        nudge()
    return Reply(200, {"ok": True, "taken": taken.taken, "doubled": taken.doubled, "ignored": taken.ignored})


def _limits(patrol: Patrol) -> dict[str, float]:
    return {c.name: float(c.memory_limit) for c in (patrol.containers or {}).values() if c.memory_limit}


def _watched(patrol: Patrol) -> dict[str, float]:
    return dict.fromkeys(patrol.containers or {}, 1.0)
