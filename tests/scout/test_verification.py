"""Scout certifies an action, or that a symptom went away, on positive evidence that held, and on nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from agents.scout.agent import Scout
from agents.scout.watch import Watch
from shared.agent import Effect, Later, Say
from shared.incident.facts import Verified
from shared.incident.replay import Incident
from shared.incident.status import Status
from tests.scout.quiet import quiet_shop
from tests.scout.shop import Shop
from tests.scout.world import Log, opened, patrol


@dataclass
class Scene:
    """A shop with a fault that was detected, its log, and Scout."""

    shop: Shop
    watch: Watch
    scout: Scout
    log: Log
    detected_at: datetime

    def effect(self, incident: Incident) -> Effect | None:
        return self.scout.judge(incident, self.scout.look(incident))

    def until_said(self, incident: Incident, seconds: float) -> tuple[Verified | None, float]:
        """The verdict, and after how many seconds; None when there is none in the time."""
        begun = self.shop.now
        while True:
            effect = self.effect(incident)
            took = (self.shop.now - begun).total_seconds()
            if isinstance(effect, Say):
                assert isinstance(effect.fact, Verified)
                return effect.fact, took
            assert isinstance(effect, Later)
            assert effect.at > self.shop.now
            assert effect.why
            if took >= seconds:
                return None, took
            patrol(self.watch, 1, incident)


def scene(fault: str, seed: int = 1) -> Scene:
    shop, watch = quiet_shop(seed)
    match fault:
        case "oom":
            shop.die("policy-service", 137, oom=True)
        case "errors":
            shop.faults.failing["policy-service"] = 0.5
        case "latency":
            shop.faults.delay["policy-service"] = 0.4
        case "conversion":
            shop.faults.refusing = 0.95
    for _ in range(40):
        facts = opened(patrol(watch, 1))
        if facts:
            break
    scout = Scout(watch, lambda: shop.now)
    return Scene(shop, watch, scout, Log(facts[0], shop.now), shop.now)


def fixed(fault: str) -> tuple[Scene, Incident]:
    """The fault is taken away by a restart, and Applied is in the log."""
    s = scene(fault)
    patrol(s.watch, 2, s.log.incident)
    s.shop.faults = type(s.shop.faults)()
    s.shop.restart("policy-service")
    patrol(s.watch, 1, s.log.incident)
    return s, s.log.apply(s.shop.now)


def test_a_restarted_service_that_answers_for_three_seconds_is_healthy() -> None:
    s, incident = fixed("oom")
    verdict, took = s.until_said(incident, 30)
    assert verdict is not None
    assert verdict.outcome == "healthy"
    assert 3.0 <= verdict.held_s <= took
    assert took <= 4.5
    answered = next(m for m in verdict.measures if m.name == "probes answered")
    assert (answered.after, answered.samples >= 6) == (1.0, True)


def test_errors_and_latency_and_conversion_are_healthy_after_enough_good_requests() -> None:
    for fault, name in (
        ("errors", "failed requests"),
        ("latency", "slow requests"),
        ("conversion", "refused purchases"),
    ):
        s, incident = fixed(fault)
        verdict, took = s.until_said(incident, 30)
        assert verdict is not None
        assert verdict.outcome == "healthy", verdict.detail
        measure = next(m for m in verdict.measures if m.name == name)
        assert measure.before is not None
        assert measure.after is not None
        assert measure.before > 0.3
        assert measure.after < 0.1
        assert measure.samples >= 8
        assert took <= 12


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_fault_that_survives_its_restart_is_unhealthy_as_soon_as_the_test_fires_again(seed: int) -> None:
    for fault in ("errors", "latency", "conversion"):
        s = scene(fault, seed)
        s.shop.restart("policy-service")
        patrol(s.watch, 1, s.log.incident)
        verdict, took = s.until_said(s.log.apply(s.shop.now), 30)
        assert verdict is not None
        assert verdict.outcome == "unhealthy", (fault, verdict)
        assert verdict.detail.startswith(fault)
        assert took <= 15


def test_a_service_that_dies_again_after_the_action_is_unhealthy_at_once() -> None:
    s, incident = fixed("oom")
    patrol(s.watch, 4, incident)
    s.shop.die("policy-service", 137, oom=True)
    patrol(s.watch, 1, incident)
    effect = s.effect(incident)
    assert isinstance(effect, Say)
    assert isinstance(effect.fact, Verified)
    assert effect.fact.outcome == "unhealthy"
    assert effect.fact.evidence


def test_a_service_that_never_answers_after_the_action_is_given_up() -> None:
    s, incident = fixed("oom")
    s.shop.containers["policy-service"] = replace(s.shop.containers["policy-service"], running=False, exit_code=0)
    verdict, took = s.until_said(incident, 60)
    assert verdict is not None
    assert verdict.outcome == "unhealthy"
    assert 29.5 <= took <= 31


def test_without_traffic_errors_are_never_certified_healthy() -> None:
    s, incident = fixed("errors")
    s.shop.traffic = False
    verdict, took = s.until_said(incident, 60)
    assert verdict is not None
    assert verdict.outcome == "unhealthy"
    assert "observations since" in verdict.detail
    assert took >= 29


def test_while_scout_is_blind_nothing_is_certified_healthy() -> None:
    s, incident = fixed("oom")
    s.shop.extra = {**s.shop.extra, "probe_control_ok": False}
    verdict, _ = s.until_said(incident, 20)
    assert verdict is None


def test_a_symptom_that_went_away_by_itself_is_recovered_after_twice_the_time() -> None:
    s = scene("oom")
    s.shop.restart("policy-service")
    verdict, took = s.until_said(s.log.incident, 60)
    assert verdict is not None
    assert verdict.outcome == "recovered"
    assert verdict.held_s >= 6.0
    assert took >= 6.0


def test_nothing_recovers_while_the_symptom_stands() -> None:
    for fault in ("oom", "errors", "latency", "conversion"):
        s = scene(fault)
        verdict, _ = s.until_said(s.log.incident, 30)
        assert verdict is None, (fault, verdict)


def test_errors_do_not_recover_from_silence() -> None:
    s = scene("errors")
    s.shop.traffic = False
    verdict, _ = s.until_said(s.log.incident, 120)
    assert verdict is None


def test_errors_recover_with_good_requests() -> None:
    s = scene("errors")
    s.shop.faults = type(s.shop.faults)()
    verdict, _ = s.until_said(s.log.incident, 120)
    assert verdict is not None
    assert verdict.outcome == "recovered"


def test_scout_is_concerned_with_what_it_may_certify_only() -> None:
    s = scene("oom")
    concerned = {st for st in Status if s.scout.concerns(replace(s.log.incident, status=st))}
    assert concerned == {
        Status.VERIFYING, Status.DETECTED, Status.DIAGNOSED, Status.NEEDS_APPROVAL, Status.NEEDS_HUMAN,
        Status.ESCALATED,
    }  # fmt: skip


def test_a_scout_that_was_restarted_meanwhile_certifies_from_the_numbers_in_the_log() -> None:
    s, incident = fixed("conversion")
    watch = Watch(s.shop)
    fresh = Scene(s.shop, watch, Scout(watch, lambda: s.shop.now), s.log, s.detected_at)
    verdict, _ = fresh.until_said(incident, 30)
    assert verdict is not None
    assert verdict.outcome == "healthy", verdict.detail


def test_before_the_first_step_scout_waits() -> None:
    s, incident = fixed("oom")
    scout = Scout(Watch(s.shop), lambda: s.shop.now)
    effect = scout.judge(incident, scout.look(incident))
    assert effect == Later(s.shop.now + timedelta(seconds=1), "the first look has not been taken")
