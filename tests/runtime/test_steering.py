"""People steer a diagnosis on the issue: the whole way from a comment to another diagnosis, by the real judgements."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.incident.facts import Commanded, Diagnosed, Stuck
from shared.incident.status import Status
from shared.testing.samples import FLEET
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_golden_incident import SERVICE, oom


@pytest.fixture
def fleet(tmp_path: Path) -> FleetInMemory:
    made = FleetInMemory(tmp_path)
    for name in ("frontend", "quote-service", "user-service", SERVICE):
        made.engine.add(name)
    return made


def test_a_rejected_diagnosis_is_never_acted_on_and_retry_brings_it_back(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    fleet.repository.account("olivia").comment(number, "/reject h1")
    fleet.turn(number, ("guardrail", "brain", "guardrail", "fixer"))
    incident = fleet.incident(number)
    assert incident.status is Status.NEEDS_HUMAN
    assert incident.all(Stuck)[0].steered == f"/reject oom in {SERVICE} by olivia"
    assert fleet.engine.restarts == []
    fleet.repository.account("olivia").comment(number, "/retry")
    fleet.turn(number, ("guardrail", "brain", "guardrail", "fixer"))
    assert len(fleet.engine.restarts) == 1
    assert (fleet.incident(number).rejected, fleet.incident(number).gaps) == ((), ())


def test_a_focus_is_diagnosed_anew_and_no_surer_for_it(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    fleet.repository.account("olivia").comment(number, "/focus h1")
    fleet.turn(number, ("guardrail", "brain"))
    incident = fleet.incident(number)
    assert incident.status is Status.DIAGNOSED
    first, second = incident.all(Diagnosed)
    assert second.steered == f"/focus oom in {SERVICE} by olivia"
    assert second.confidence == first.confidence
    assert second.directive.id != first.directive.id


def test_a_wrong_hypothesis_is_answered_in_words_and_a_stranger_steers_nothing(fleet: FleetInMemory) -> None:
    number = oom(fleet)
    fleet.turn(number, ("brain",))
    fleet.repository.account("olivia").comment(number, "/reject h9")
    fleet.repository.account("mallory").comment(number, "/reject h1")
    for _ in range(3):
        fleet.turn(number, ("guardrail",))
    said = [c.body for c in fleet.repository.account(FLEET).thread(number).comments if "sre-space:answer" in c.body]
    assert any("names no listed hypothesis" in body for body in said)
    assert fleet.incident(number).all(Commanded) == ()
    assert fleet.incident(number).status is Status.APPROVED
