"""The world of the fleet fails while an incident is under way: later perhaps, never otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import requests

from shared.incident.facts import Applied, Diagnosed, Fact, Ruled, Verified
from shared.incident.replay import Incident
from tests.stack.containers.stack import RealStack
from tests.waiting import wait_for


def reached(stack: RealStack, number: int, kind: type[Fact]) -> Callable[[], bool]:
    return lambda: bool(stack.incident(number).all(kind))


def healed_once(stack: RealStack, incident: Incident, known: set[int], since: float) -> None:
    """One restart, which dockerd saw. A crowded machine may give the service another incident, with one of its own."""
    assert [v.outcome for v in incident.all(Verified)] == ["healthy"]
    assert (incident.rejected, incident.gaps) == ((), ())
    assert len(incident.all(Applied)) == 1
    stack.every_restart_was_directed(known, since)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("after", "service"),
    [
        (None, "policy-service"),
        ("detected", "quote-service"),
        (Diagnosed, "user-service"),
        (Ruled, "frontend"),
        (Applied, "policy-service"),
    ],
    ids=["before the fault", "after detection", "after diagnosis", "after the ruling", "after the action"],
)
def test_with_kafka_stopped_at_any_stage_the_end_is_the_same(
    calm: RealStack, after: type[Fact] | str | None, service: str
) -> None:
    stack, known, since = calm, calm.numbers(), time.time()
    if after is None:
        with stack.without("kafka"):
            stack.inject("crash", service)
            number = stack.opened_for(service, known, 60)
            incident = stack.closed(number, 120)
    else:
        stack.inject("crash", service)
        number = stack.opened_for(service, known, 60)
        if isinstance(after, type):
            wait_for(reached(stack, number, after), 60, f"issue {number} says {after.__name__}")
        with stack.without("kafka"):
            incident = stack.closed(number, 120)
    healed_once(stack, incident, known, since)


@pytest.mark.timeout(900)
def test_after_kafka_was_away_again_and_again_every_worker_reads_and_is_heard(stack: RealStack) -> None:
    """A client that does not find it any more is made anew (shared/adapters/kafka/link.py)."""

    def silent() -> set[str]:
        fleet = requests.get(f"{stack.run.dashboard}/api/board", timeout=10).json()["fleet"]
        rows = stack.prometheus("query?query=sre_kafka_up==0")["result"]
        return {beat["agent"] for beat in fleet if not beat["ok"]} | {row["metric"]["worker"] for row in rows}

    wait_for(lambda: not silent(), 180, lambda: f"everybody is heard, not {silent()}", 1.0)


@pytest.mark.timeout(900)
def test_with_jaeger_paused_a_dead_container_is_still_healed_and_the_diagnosis_says_what_it_could_not_see(
    calm: RealStack,
) -> None:
    stack, known, since = calm, calm.numbers(), time.time()
    with stack.without("jaeger", "pause"):
        stack.inject("oom", "quote-service")
        number = stack.opened_for("quote-service", known, 60)
        incident = stack.closed(number, 120)
    healed_once(stack, incident, known, since)
    (diagnosed,) = incident.all(Diagnosed)
    assert any("traces" in what for what in diagnosed.missing), diagnosed.missing
