"""Scout's way in for alerts, put together: who may send them, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agents.scout.alerts import MOST_BYTES, Malformed
from agents.scout.inbox import Inbox
from agents.scout.look import Patrol
from mission_control.fleet.kit import Kit
from shared.runtime.inlet import Inlet, Reply, refusal

PATH: Final = "/webhook/alert"


def take_alerts(kit: Kit, inbox: Inbox, patrol: Patrol, nudge: Callable[[], None]) -> None:
    """Open `PATH` on Scout's own server, where a token is set."""
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
