"""The envelope of everything on Kafka: CloudEvents 1.0, structured JSON (https://github.com/cloudevents/spec/blob/v1.0.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from shared.incident.status import TRANSITIONS

BUSINESS: Final = "business.events"
WAKEUPS: Final = "sre.wakeups"
THOUGHTS: Final = "sre.thoughts"
HEARTBEATS: Final = "sre.heartbeats"
BASELINES: Final = "sre.baselines"
VITALS: Final = "sre.vitals"
DEAD_LETTERS: Final = "sre.dead-letters"
TOPICS: Final = (BUSINESS, WAKEUPS, THOUGHTS, HEARTBEATS, BASELINES, VITALS, DEAD_LETTERS)
BASELINE: Final = "io.sre-space.baseline"
"""The type of what is on BASELINES: one service's part of a BaselineStore, `as_json` under `sketches`."""
VITAL: Final = "io.sre-space.vitals"
"""The type of what is on VITALS: how one service is just now, for people; nothing that decides reads it."""
FACT_HINTS: Final = frozenset(move for row in TRANSITIONS.values() for move in row)
"""What a wake-up may name as its reason so that workers it cannot concern need not read the issue."""
MAX_BYTES: Final = 1_000_000


class Unreadable(Exception):
    """The message is not a CloudEvent of this envelope."""


class Poison(Exception):
    """A handler cannot make sense of this event. It is tried again twice and then set aside as a dead letter."""


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent. `time` is the sender's clock, UTC; `data` JSON types only."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    traceparent: str = ""

    def encode(self) -> bytes:
        body = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time.isoformat(),
            "datacontenttype": "application/json",
            "data": dict(self.data),
        }
        if self.traceparent:
            body["traceparent"] = self.traceparent
        return json.dumps(body, separators=(",", ":")).encode()


def decode(message: bytes) -> Event:
    """The event in `message`. Raises Unreadable with the reason."""
    if len(message) > MAX_BYTES:
        raise Unreadable(f"{len(message)} bytes are more than {MAX_BYTES}")
    try:
        body = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(body, dict) or body.get("specversion") != "1.0":
        raise Unreadable("not a CloudEvent 1.0")
    texts = {key: body.get(key, "") for key in ("id", "source", "type", "subject", "time", "traceparent")}
    wrong = [key for key, value in texts.items() if not isinstance(value, str)]
    missing = [key for key in ("id", "source", "type", "time") if not texts[key]]
    if wrong or missing:
        raise Unreadable(f"fields missing or of the wrong type: {', '.join(sorted({*wrong, *missing}))}")
    data = body.get("data", {})
    if not isinstance(data, dict):
        raise Unreadable("data is not an object")
    try:
        time = datetime.fromisoformat(texts.pop("time"))
    except ValueError as error:
        raise Unreadable("time is not RFC 3339") from error
    if time.tzinfo is None:
        raise Unreadable("time has no zone")
    return Event(time=time, data=data, **texts)
