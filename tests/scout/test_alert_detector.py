"""An alert opens what nobody else has seen, stands back behind what has, and is over when it is resolved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from agents.scout.agent import Scout
from agents.scout.alerts import Alert, parse
from agents.scout.detectors.alert import LAG
from agents.scout.watch import Watch
from shared.agent import Later, Open, Recount, Say
from shared.incident.facts import Detected, Verified
from shared.incident.replay import Incident
from tests.scout.notifications import alert, notification
from tests.scout.world import START, Log, World, opened, patrol, reopened

WINDOW = timedelta(seconds=20)


def told(at: Any, service: str = "policy-service", **changes: Any) -> Alert:
    given = alert(service, **{"startsAt": at.isoformat(), "sre_window": "20s"} | changes)
    (found,) = parse(notification(given), str, at)
    assert isinstance(found, Alert)
    return found


class Scene:
    """A quiet shop and its Scout."""

    def __init__(self) -> None:
        self.world = World()
        self.watch = Watch(self.world)
        self.scout = Scout(self.watch, lambda: self.world.now)
        assert patrol(self.watch, 10) == []

    def hear(self, *alerts: Alert, incidents: tuple[Incident, ...] = (), steps: int = 1) -> list[Any]:
        self.world.extra["alerts"] = alerts
        found = list(self.watch.step(incidents, incidents))
        self.world.extra["alerts"] = ()
        return found + patrol(self.watch, steps - 1, *incidents)

    def verdict(self, incident: Incident, seconds: float) -> tuple[Verified | None, float]:
        begun = self.world.now
        while (took := (self.world.now - begun).total_seconds()) < seconds:
            patrol(self.watch, 1, incident)
            effect = self.scout.judge(incident, self.scout.look(incident))
            if isinstance(effect, Say):
                assert isinstance(effect.fact, Verified)
                return effect.fact, took
            assert isinstance(effect, Later)
        return None, seconds


def test_an_alert_opens_one_incident_with_itself_as_evidence() -> None:
    scene = Scene()
    firing = told(scene.world.now)
    (fact,) = opened(scene.hear(firing, steps=6))
    assert (fact.service, fact.symptom, fact.severity, fact.since) == (
        "policy-service", "errors", "critical", firing.started,
    )  # fmt: skip
    assert fact.evidence == (firing.evidence,)
    assert fact.evidence[0].id.startswith("alert-a1b2c3d4e5f60718-")
    assert fact.evidence[0].kind == "metric"


def test_an_alert_that_is_resolved_before_it_is_looked_at_opens_nothing() -> None:
    scene = Scene()
    assert scene.hear(replace(told(scene.world.now), firing=False), steps=4) == []


def test_two_alerts_about_the_same_are_one_incident() -> None:
    scene = Scene()
    both = told(scene.world.now), told(scene.world.now, fingerprint="ff", severity="warning")
    (fact,) = opened(scene.hear(*both, steps=4))
    assert len(fact.evidence) == 2
    assert fact.severity == "critical"


def test_of_rules_that_look_back_differently_the_quickest_speaks_and_ends_it() -> None:
    scene = Scene()
    slow = told(scene.world.now, fingerprint="51", sre_window="6h", severity="minor")
    quick = told(scene.world.now, fingerprint="90")
    (fact,) = opened(scene.hear(slow, quick))
    assert fact.evidence == (quick.evidence,)
    log = Log(fact, scene.world.now)
    scene.hear(replace(quick, firing=False), incidents=(log.incident,))
    verdict, _ = scene.verdict(log.incident, 30)
    assert verdict is not None
    assert verdict.outcome == "recovered"


def test_a_slow_burn_alone_opens_an_incident() -> None:
    scene = Scene()
    (fact,) = opened(scene.hear(told(scene.world.now, sre_window="6h", severity="minor"), steps=2))
    assert fact.severity == "minor"


def test_an_alert_of_a_caller_waits_behind_a_service_that_is_down() -> None:
    scene = Scene()
    scene.world.die("policy-service", 1)
    sightings = scene.hear(told(scene.world.now, sre_symptom="x"), steps=4)
    assert [(f.service, f.symptom) for f in opened(sightings)] == [("policy-service", "crash")]


def test_an_alert_about_an_open_incident_is_counted_and_opens_nothing() -> None:
    scene = Scene()
    (fact,) = opened(scene.hear(told(scene.world.now)))
    log = Log(fact, scene.world.now)
    sightings = scene.hear(told(scene.world.now, fingerprint="ee"), incidents=(log.incident,), steps=3)
    assert not [s for s in sightings if not isinstance(s, Recount)]


def healed(scene: Scene) -> tuple[Alert, Log]:
    firing = told(scene.world.now)
    (fact,) = opened(scene.hear(firing))
    log = Log(fact, scene.world.now)
    log.apply(scene.world.now)
    return firing, log


def test_what_an_alert_detected_is_healthy_only_once_the_alert_is_resolved() -> None:
    scene = Scene()
    firing, log = healed(scene)
    verdict, _ = scene.verdict(log.incident, 15)
    assert verdict is None
    scene.hear(replace(firing, firing=False), incidents=(log.incident,))
    verdict, _ = scene.verdict(log.incident, 10)
    assert verdict is not None
    assert verdict.outcome == "healthy"
    assert [e.id.endswith("-resolved") for e in verdict.evidence] == [True]


def test_an_alert_that_outlives_its_own_look_back_says_that_the_action_did_not_help() -> None:
    scene = Scene()
    _, log = healed(scene)
    verdict, took = scene.verdict(log.incident, 300)
    assert verdict is not None
    assert verdict.outcome == "unhealthy"
    assert timedelta(seconds=took) >= WINDOW + LAG - timedelta(seconds=1)


def test_a_scout_that_was_away_for_the_resolution_waits_out_the_look_back_and_then_trusts_its_own_eyes() -> None:
    scene = Scene()
    _, log = healed(scene)
    successor = Scene()
    verdict, took = successor.verdict(log.incident, 300)
    assert verdict is not None
    assert verdict.outcome == "healthy"
    assert timedelta(seconds=took) >= WINDOW


def test_an_alert_that_comes_late_about_what_was_just_fixed_opens_nothing() -> None:
    scene = Scene()
    scene.world.die("policy-service", 1)
    (fact,) = opened(patrol(scene.watch, 3))
    log = Log(fact, scene.world.now)
    scene.world.restart("policy-service")
    log.apply(scene.world.now)
    patrol(scene.watch, 8, log.incident)
    log.verify(scene.world.now)
    log.close(scene.world.now)
    late = told(scene.world.now + timedelta(seconds=1))
    assert scene.hear(late, incidents=(log.incident,), steps=30) == []
    after_restart = Scene()  # the same for a process that saw nothing of it
    after_restart.world.now = scene.world.now
    assert after_restart.hear(late, incidents=(log.incident,), steps=30) == []


def test_an_alert_that_still_fires_when_its_look_back_is_over_is_new_trouble() -> None:
    scene = Scene()
    firing, log = healed(scene)
    scene.hear(replace(firing, firing=False), incidents=(log.incident,))
    verdict, _ = scene.verdict(log.incident, 10)
    assert verdict is not None
    log.verify(scene.world.now)
    log.close(scene.world.now)
    again = told(scene.world.now + timedelta(seconds=2))
    sightings = scene.hear(again, incidents=(log.incident,), steps=2 * int((WINDOW + LAG).total_seconds()) + 10)
    assert [s.number for s in reopened(sightings)] == [1]


def test_an_alert_that_comes_while_our_own_incident_is_open_is_cited_when_scout_certifies() -> None:
    scene = Scene()
    scene.world.die("policy-service", 1)
    (fact,) = opened(patrol(scene.watch, 3))
    log = Log(fact, scene.world.now)
    heard = told(scene.world.now, sre_symptom="errors")
    sightings = scene.hear(heard, incidents=(log.incident,))
    assert not [s for s in sightings if isinstance(s, Open)]
    scene.world.restart("policy-service")
    log.apply(scene.world.now)
    verdict, _ = scene.verdict(log.incident, 20)
    assert verdict is not None
    assert verdict.outcome == "healthy"
    assert heard.evidence in verdict.evidence


def test_an_alert_on_a_container_that_is_not_there_stands_for_nothing() -> None:
    scene = Scene()
    assert scene.hear(told(START, "billing"), steps=3) == []


def test_an_alert_alone_is_no_measure_of_health() -> None:
    scene = Scene()
    (fact,) = opened(scene.hear(told(scene.world.now)))
    assert isinstance(fact, Detected)
    verdict, _ = scene.verdict(Log(fact, scene.world.now).incident, 60)
    assert verdict is None
