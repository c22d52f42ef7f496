"""Workers are killed at random, again and again: that costs time and nothing else.

Last of the containers' files by name: by then the machine has less to do besides, and this takes long.
"""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from itertools import islice

import pytest
import requests

from mission_control.fleet.roster import AGENTS
from shared.incident.facts import Applied
from tests.stack.containers.stack import PATIENTS, RealStack
from tests.waiting import wait_for

KILL_EVERY = 2.0
INCIDENTS = 10
HEALED_WITHIN = 300
"""Seconds. A worker that needs longer than KILL_EVERY to start on a busy machine is killed again before it works."""


@pytest.mark.timeout(1800)
def test_a_random_worker_killed_every_two_seconds_through_ten_incidents_costs_nothing_but_time(
    calm: RealStack,
) -> None:
    stack, known, since = calm, calm.numbers(), time.time()
    chance, stop, killed = random.Random(20261121), threading.Event(), []

    def kill() -> None:
        while not stop.wait(KILL_EVERY):
            victim = chance.choice(AGENTS)
            stack.sigkill(victim)
            killed.append(victim)

    pairs = [(fault, service) for fault in ("crash", "oom", "crash") for service in PATIENTS]
    killer = threading.Thread(target=kill)
    killer.start()
    numbers = []
    try:
        for fault, service in islice(pairs, INCIDENTS):
            before = stack.numbers()
            stack.inject(fault, service)
            # A fault that comes back soon reopens its issue: what counts is that one of this service is open.
            number = wait_for(partial(open_or_new, stack, service, before), 60, f"{fault} of {service} is told")
            stack.closed(number, HEALED_WITHIN)
            numbers.append(number)
    finally:
        stop.set()
        killer.join()
    assert len(numbers) == INCIDENTS
    assert len(killed) >= INCIDENTS
    stack.every_restart_was_directed(known, since)
    for number in set(numbers):
        incident = stack.incident(number)
        assert (incident.rejected, incident.gaps) == ((), ())
        assert len({a.directive_id for a in incident.all(Applied)}) == len(incident.all(Applied))
    for service in PATIENTS:
        assert requests.get(f"{stack.run.marketplace}/healthz", timeout=5).ok, service


def open_or_new(stack: RealStack, service: str, known: set[int]) -> int:
    """An incident of `service` that is new, or open again; 0 while there is none."""
    rows = stack.repository().pages("/issues", labels=f"incident,service:{service}", state="all")
    return next((row["number"] for row in rows if row["number"] not in known or row["state"] == "open"), 0)
