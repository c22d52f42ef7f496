"""An hour of the default load without a fault, in virtual time, with noise: no finding."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from agents.scout.judge import DETECTORS
from agents.scout.observations import Observations
from agents.scout.traffic import Call
from shared.stream import Event
from tests.scout.shop import OWN_MS, RATE
from tests.scout.world import START

OPERATIONS = (
    ("frontend", "POST /api/quotes", 1.0),
    ("frontend", "POST /api/purchases", 0.6),
    ("quote-service", "POST /quotes", 1.0),
    ("quote-service", "POST /accept", 0.6),
    ("user-service", "POST /customers", 1.0),
    ("user-service", "GET /risk", 0.6),
    ("user-service", "GET /customer", 0.6),
    ("policy-service", "POST /policies", 0.6),
)
"""Service, operation and how often in a journey."""
TICK = timedelta(seconds=2)


def an_hour(seed: int) -> Iterator[Observations]:
    """Log-normal times of their own, 1 % of hiccups up to 250 ms, ten minutes in which everything takes thrice as long,
    one error in a thousand requests, 2 % of the purchases refused."""
    chance = random.Random(seed)
    for step in range(1, 1801):
        at, calls, business = START + step * TICK, [], []
        slow = 3.0 if 900 <= step < 1200 else 1.0
        for n in range(int(RATE * TICK.total_seconds())):
            for service, operation, share in OPERATIONS:
                if share < 1.0 and n % 5 >= 3:
                    continue
                own = OWN_MS[service] * slow * chance.lognormvariate(0.0, 0.6)
                if chance.random() < 0.01:
                    own += chance.uniform(20, 250)
                calls.append(
                    Call(service, operation, "a" * 32, f"{n}", at, 0, chance.random() < 0.001, int(own * 1000), "noise")
                )
            if n % 5 < 3:
                kind = "purchase.refused" if chance.random() < 0.02 else "policy.purchased"
                business.append(Event(f"{step}-{n}", "/marketplace/policy-service", kind, "Q", at))
        yield Observations(at=at, calls=tuple(calls), business=tuple(business))


@pytest.mark.parametrize("seed", [1])
def test_an_hour_without_a_fault_has_no_finding(seed: int) -> None:
    detectors = tuple(make() for make in DETECTORS)
    found = [f for seen in an_hour(seed) for d in detectors for f in d.update(seen)]
    assert found == []
    tallies = {d.name: d.tally("policy-service") for d in detectors}
    for name in ("errors", "latency", "conversion"):
        tally = tallies[name]
        assert tally is not None
        assert tally.count > 20_000
