"""Each fault of the catalogue with a second one elsewhere: the right service and cause lead, whatever is louder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from agents.brain.director import convene
from agents.brain.judge import judge
from shared.agent import Later, Say
from shared.incident.facts import Diagnosed, Escalated, Stuck
from shared.incident.parts import Cause, Symptom
from shared.ports import Commit
from tests.brain.scenes import Fault, Scene, crash, errors, hang, latency, oom, refusing

SERVICES = ("frontend", "quote-service", "policy-service", "user-service")
NEEDED_BY = {"policy-service": {"quote-service", "user-service"}, "user-service": {"quote-service"}}
"""Where one of these does not answer, no request gets as far as the key: nothing of its own fault is seen."""
END = ("oom", "crash", "hang")


@dataclass(frozen=True)
class Given:
    """A fault, and what Scout and Brain say of it. `after`: seconds until it is looked at."""

    name: str
    service: str
    fault: Fault
    symptom: Symptom
    cause: Cause
    after: float

    def __str__(self) -> str:
        return f"{self.name}@{self.service}"


def given(service: str) -> Iterator[Given]:
    yield Given("oom", service, oom(service), "oom", "oom", 1.0)
    yield Given("crash", service, crash(service), "crash", "crash", 1.0)
    yield Given("hang", service, hang(service), "unresponsive", "hang", 4.0)
    yield Given("latency", service, latency(service), "latency", "slow", 3.0)
    yield Given("errors", service, errors(service), "errors", "errors", 3.0)
    if service == "policy-service":
        yield Given("conversion", service, refusing(), "conversion", "business-rule", 6.0)


ALL = [fault for service in SERVICES for fault in given(service)]


def visible(fault: Given, herring: Given) -> bool:
    """Whether the fault shows at all beside the herring: what has ended shows by its container."""
    if fault.name in END:
        return True
    return herring.name not in END or herring.service not in NEEDED_BY.get(fault.service, set())


PAIRS = [(f, h) for f in ALL for h in ALL if h.service != f.service and visible(f, h)]


def leading(scene: Scene, service: str, symptom: Symptom) -> tuple[str, Cause, float]:
    """What Brain says in the end: as long as it is in doubt it looks again, a second later each time."""
    incident = scene.incident(service, symptom)
    effect = judge(incident, scene.seen(incident))
    while isinstance(effect, Later):
        scene.run(1.0)
        effect = judge(incident, scene.seen(incident))
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Diagnosed | Escalated | Stuck)
    best = effect.fact.hypotheses[0]
    return best.service, best.cause, best.probability


@pytest.mark.parametrize("fault", ALL, ids=str)
def test_a_fault_alone_is_named(fault: Given) -> None:
    scene = Scene(fault.fault, after=fault.after, seed=2)
    service, cause, probability = leading(scene, fault.service, fault.symptom)
    assert (service, cause) == (fault.service, fault.cause)
    assert probability >= 0.9


@pytest.mark.parametrize(("fault", "herring"), PAIRS[::3], ids=str)
def test_a_second_fault_elsewhere_does_not_lead(fault: Given, herring: Given) -> None:
    after = max(fault.after, herring.after + 1 if herring.name == "hang" else 0.0)
    scene = Scene(fault.fault, herring.fault, after=after)
    assert leading(scene, fault.service, fault.symptom)[:2] == (fault.service, fault.cause)


VICTIMS = [
    (f, victim)
    for f in ALL
    for victim in ("frontend", "quote-service")
    if f.service not in ("frontend", victim) and f.name != "conversion"
]


@pytest.mark.parametrize(("fault", "victim"), VICTIMS, ids=str)
def test_an_upstream_victim_with_louder_symptoms_is_not_blamed(fault: Given, victim: str) -> None:
    symptom: Symptom = "latency" if fault.name == "latency" else "errors"
    louder = latency("frontend", 0.2) if symptom == "errors" else errors("frontend", 0.1)
    scene = Scene(fault.fault, louder, after=max(fault.after + 2.0, 4.0))
    assert leading(scene, victim, symptom)[:2] == (fault.service, fault.cause)


def test_a_commit_to_another_service_does_not_lead() -> None:
    scene = Scene(latency("user-service"))
    scene.commits = (
        Commit("a" * 40, "dev", "new look", scene.since - timedelta(seconds=5), "http://x/c", ("frontend/pages.py",)),
    )
    assert leading(scene, "user-service", "latency")[:2] == ("user-service", "slow")
    incident = scene.incident("user-service", "latency")
    causes = {(h.service, h.cause) for h in convene(incident, scene.seen(incident).case).hypotheses}
    assert ("frontend", "bad-deploy") in causes, "it is listed, and weighed"


def test_a_quiet_shop_names_nothing() -> None:
    scene = Scene(after=3.0)
    assert leading(scene, "quote-service", "latency")[1] == "unknown"
