"""Incidents that the fleet in memory has seen through, to be decided again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mission_control.replay.again import Again, Given, made_again
from shared.incident.evidence import sha256_of
from shared.incident.facts import Detected, Verified
from shared.incident.replay import Incident
from shared.incident.thread import Thread
from shared.policy.model import Policy
from shared.testing.samples import FLEET, evidence
from tests.runtime.fleet import FleetInMemory

SERVICE = "policy-service"


def fleet(folder: Path, policy: Policy | None = None) -> FleetInMemory:
    """With the four services of the marketplace."""
    made = FleetInMemory(folder, policy=policy)
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name)
    return made


def healed(world: FleetInMemory) -> int:
    """An OOM, restarted, verified and learned of."""
    world.engine.kill(SERVICE, oom=True)
    fact = Detected(
        service=SERVICE,
        symptom="oom",
        fingerprint=sha256_of([SERVICE, "oom"]),
        severity="critical",
        summary="killed at its memory limit",
        since=world.clock.now(),
        evidence=(evidence(),),
    )
    number = world.open(fact)
    world.turn(number)
    well = Verified(outcome="healthy", detail="probed", held_s=3.0, measures=())
    assert world.scout.say(world.incident(number), well)
    world.turn(number)
    return number


def thread(world: FleetInMemory, number: int) -> Thread:
    return world.repository.account(FLEET).thread(number)


def given(world: FleetInMemory, number: int, **changes: Any) -> Given:
    """All that is known of an incident, and the policy it was judged by."""
    others = {n: thread(world, n) for n in range(1, number)}
    whole = Given(thread(world, number), world.keyring, world.policy, others, dict(world.cases.texts))
    return replace(whole, **changes)


def decided(what: Given) -> tuple[Incident, dict[str, Again]]:
    """The decisions of Brain, Guardrail and Memory, by kind; each was made once."""
    incident, rows = made_again(what)
    return incident, {row.move.partition(":")[0]: row for row in rows if row.verdict != "observed"}
