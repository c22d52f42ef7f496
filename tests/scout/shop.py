"""A marketplace in virtual time: journeys as spans and business events, with noise, and faults to switch on."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agents.scout.observations import Observations
from shared.analysis.trace import Span
from shared.stream import Event
from tests.scout.world import START, World

RATE = 12.0
"""Journeys a second, the default load."""
OWN_MS = {"frontend": 4.0, "quote-service": 5.0, "user-service": 2.0, "policy-service": 4.0}
TIMEOUT_S = 2.0

CALLS: Final = {
    ("frontend", "POST /api/quotes"): [("quote-service", "POST /quotes")],
    ("frontend", "POST /api/purchases"): [("quote-service", "POST /quotes/{quote_id}/accept")],
    ("quote-service", "POST /quotes"): [("user-service", "POST /customers")],
    ("quote-service", "POST /quotes/{quote_id}/accept"): [
        ("user-service", "GET /customers/{customer_id}/risk"),
        ("policy-service", "POST /policies"),
    ],
    ("policy-service", "POST /policies"): [("user-service", "GET /customers/{customer_id}")],
}


@dataclass
class Faults:
    """`delay`: s of own time by service. `failing`: share of requests by service. `refusing`: share of purchases."""

    delay: dict[str, float] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    refusing: float = 0.02


class Shop(World):
    """A World whose steps carry the traffic of the default load.

    As the OpenTelemetry SDK does it, each service exports what has ended in batches, every `export` s, in order; the
    services take turns at random, and a batch is up to 0.1 s under way.
    """

    def __init__(self, seed: int = 1, tick: float = 0.5, export: float = 0.2) -> None:
        super().__init__(tick=tick)
        self.faults = Faults()
        self.traffic = True
        self.chance = random.Random(seed)
        self.export = export
        self._phase = {name: self.chance.uniform(0.0, export) for name in OWN_MS}
        self._way = {name: self.chance.uniform(0.0, 0.1) for name in OWN_MS}
        self._ids = 0
        self._mail: list[tuple[datetime, Span]] = []
        self._news: list[tuple[datetime, Event]] = []
        self._next = self.now

    def step(self) -> Observations:
        until = self.now + self.tick
        while self._next < until:
            if self.traffic:
                self._journey(self._next)
            self._next += timedelta(seconds=self.chance.expovariate(RATE))
        spans = tuple(s for due, s in self._mail if due <= until)
        self._mail = [(due, s) for due, s in self._mail if due > until]
        business = tuple(e for due, e in self._news if due <= until)
        self._news = [(due, e) for due, e in self._news if due > until]
        self.extra = {**self.extra, "spans": spans, "business": business}
        return super().step()

    def _journey(self, at: datetime) -> None:
        trace = self._id(16)
        self._serve(trace, None, "frontend", "POST /api/quotes", at)
        if self.chance.random() < 0.6:
            trace = self._id(16)
            self._serve(trace, None, "frontend", "POST /api/purchases", at + timedelta(seconds=0.5))

    def _serve(
        self, trace: str, parent: str | None, service: str, operation: str, at: datetime
    ) -> tuple[datetime, bool]:
        """One request served: spans posted, its end and whether it failed."""
        own = OWN_MS[service] * self.chance.lognormvariate(0.0, 0.6) / 1000
        if self.chance.random() < 0.01:
            own += self.chance.uniform(0.02, 0.25)  # a busy machine
        own += self.faults.delay.get(service, 0.0) * self.chance.uniform(0.9, 1.1)
        span_id, now = self._id(8), at + timedelta(seconds=own)
        broken = self.chance.random() < self.faults.failing.get(service, 0.0)
        failed = broken
        for callee, call in () if broken else CALLS.get((service, operation), ()):
            now, ok = self._call(trace, span_id, service, callee, call, now)
            if not ok:
                failed = True
                break
        detail = "no connection to the records database became free within 30 s" if broken else ""
        self._post(trace, span_id, parent, service, operation, "server", at, now, failed, detail)
        if operation == "POST /policies" and not failed:
            self._announce(now)
        return now, failed

    def _call(
        self, trace: str, parent: str, service: str, callee: str, operation: str, at: datetime
    ) -> tuple[datetime, bool]:
        span_id = self._id(8)
        down = not self.containers[callee].running
        if down or callee in self.faults.hanging:
            end, failed = at + timedelta(seconds=0.002 if down else TIMEOUT_S), True
        else:
            end, failed = self._serve(trace, span_id, callee, operation, at + timedelta(seconds=0.001))
            end += timedelta(seconds=0.001)
            if end - at > timedelta(seconds=TIMEOUT_S):
                end, failed = at + timedelta(seconds=TIMEOUT_S), True
        self._post(trace, span_id, parent, service, operation, "client", at, end, failed, "", peer=callee)
        return end, not failed

    def _post(
        self, trace: str, span_id: str, parent: str | None, service: str, operation: str, kind: str,
        start: datetime, end: datetime, failed: bool, detail: str, peer: str = "",
    ) -> None:  # fmt: skip
        attributes = {"peer.service": peer, "server.address": "127.0.0.1"} if peer else {}
        start_us = int(start.timestamp() * 1e6)
        took = int((end - start).total_seconds() * 1e6)
        span = Span(trace, span_id, parent, service, operation, kind, start_us, took, failed, detail, attributes)
        since = (end - START).total_seconds() - self._phase[service]
        batch = math.ceil(since / self.export) * self.export + self._phase[service]
        self._mail.append((START + timedelta(seconds=batch + self._way[service]), span))

    def _announce(self, at: datetime) -> None:
        refused = self.chance.random() < self.faults.refusing
        event = Event(
            id=self._id(8),
            source="/marketplace/policy-service",
            type="purchase.refused" if refused else "policy.purchased",
            subject="Q-1",
            time=at,
            data={"reason": "risk_appetite"} if refused else {},
        )
        self._news.append((at + timedelta(seconds=self.chance.uniform(0, 0.2)), event))

    def _id(self, size: int) -> str:
        self._ids += 1
        return f"{self._ids:0{2 * size}x}"
