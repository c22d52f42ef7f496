"""Unavailable services: by the engine's word and by their silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.scout.judge import fingerprint
from agents.scout.watch import Watch
from shared.agent import Recount
from tests.scout.world import SERVICES, Log, World, opened, patrol, reopened


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def watch(world: World) -> Watch:
    watch = Watch(world)
    assert patrol(watch, 20) == []
    return watch


def test_a_process_over_its_memory_limit_is_an_oom_at_the_next_step(world: World, watch: Watch) -> None:
    world.die("policy-service", 137, oom=True)
    [fact] = opened(patrol(watch, 1))
    assert (fact.service, fact.symptom, fact.severity) == ("policy-service", "oom", "critical")
    assert fact.summary == "killed by the kernel: out of memory (exit 137), limit 256 MiB"
    assert fact.fingerprint == fingerprint("policy-service", "oom")
    assert fact.evidence[0].id.startswith("event-oom-policy")


def test_a_process_that_ends_by_itself_is_a_crash_at_the_next_step(world: World, watch: Watch) -> None:
    world.die("quote-service", 1)
    [fact] = opened(patrol(watch, 1))
    assert (fact.service, fact.symptom) == ("quote-service", "crash")
    assert "exit code 1" in fact.summary


@pytest.mark.parametrize("exit_code", [0, 143])
def test_a_clean_stop_is_no_incident(world: World, watch: Watch, exit_code: int) -> None:
    world.die("quote-service", exit_code)
    assert patrol(watch, 40) == []


@pytest.mark.parametrize("exit_code", [1, 137])
def test_a_death_that_somebody_asked_the_engine_for_is_no_incident(world: World, watch: Watch, exit_code: int) -> None:
    world.event("quote-service", "kill", after=0.05)
    world.die("quote-service", exit_code)
    assert patrol(watch, 40) == []


@pytest.mark.parametrize("exit_code", [1, 137])
def test_a_death_soon_after_a_restart_is_a_crash_of_the_new_run(world: World, watch: Watch, exit_code: int) -> None:
    world.restart("quote-service")
    assert patrol(watch, 10) == []
    world.die("quote-service", exit_code)
    [fact] = opened(patrol(watch, 4))
    assert (fact.service, fact.symptom) == ("quote-service", "crash")


def test_a_restart_of_a_healthy_container_is_no_incident(world: World, watch: Watch) -> None:
    world.restart("user-service")
    world.silent.add("user-service")
    assert patrol(watch, 4) == []
    world.silent.clear()
    assert patrol(watch, 40) == []


def test_a_kill_nine_from_outside_the_engine_is_a_crash(world: World, watch: Watch) -> None:
    world.die("quote-service", 137)
    [fact] = opened(patrol(watch, 2))
    assert fact.symptom == "crash"
    assert "SIGKILL" in fact.summary


def test_an_exit_whose_event_was_lost_is_found_in_the_snapshot(world: World, watch: Watch) -> None:
    world.die("quote-service", 3)
    world.next_events.clear()
    [fact] = opened(patrol(watch, 1))
    assert fact.symptom == "crash"
    assert fact.evidence[0].kind == "container"


def test_a_late_event_of_a_death_that_the_snapshot_has_told_is_no_second_death(world: World, watch: Watch) -> None:
    world.die("quote-service", 1)
    late = list(world.next_events)
    world.next_events.clear()
    assert len(opened(patrol(watch, 1))) == 1
    world.restart("quote-service")
    patrol(watch, 10)
    world.next_events.extend(late)
    patrol(watch, 1)
    assert watch.findings == ()


def test_the_engines_unhealthy_is_unresponsive(world: World, watch: Watch) -> None:
    world.event("user-service", "health_status: unhealthy")
    [fact] = opened(patrol(watch, 1))
    assert fact.symptom == "unresponsive"


def test_three_failed_probes_in_a_row_are_unresponsive_and_two_are_not(world: World, watch: Watch) -> None:
    world.silent.add("user-service")
    assert patrol(watch, 2) == []
    world.silent.clear()
    assert patrol(watch, 4) == []
    world.silent.add("user-service")
    [fact] = opened(patrol(watch, 3))
    assert (fact.service, fact.symptom) == ("user-service", "unresponsive")
    assert fact.measures[0].before == pytest.approx(24 / 26)
    assert fact.measures[0].after == 0.0


def test_three_failed_probes_within_a_moment_are_not_yet_unresponsive(watch: Watch, world: World) -> None:
    patrol(watch, 20)
    world.tick = timedelta(seconds=0.1)  # nudged by events, the patrol looks more often
    world.silent.add("policy-service")
    assert opened(patrol(watch, 8)) == []
    assert [d.symptom for d in opened(patrol(watch, 10))] == ["unresponsive"]


def test_a_service_that_is_being_stopped_on_purpose_owes_no_answer(watch: Watch, world: World) -> None:
    patrol(watch, 20)
    world.event("policy-service", "kill")  # the Fixer's restart, or a person's: it ends after its grace
    world.silent.add("policy-service")
    assert opened(patrol(watch, 6)) == []
    world.restart("policy-service")
    world.silent.clear()
    assert opened(patrol(watch, 10)) == []


def test_a_stop_on_purpose_that_hangs_is_unresponsive_in_the_end(watch: Watch, world: World) -> None:
    patrol(watch, 20)
    world.event("policy-service", "kill")
    world.silent.add("policy-service")
    assert [d.symptom for d in opened(patrol(watch, 40))] == ["unresponsive"]


def test_one_firing_is_opened_once_however_long_the_write_takes(world: World, watch: Watch) -> None:
    world.die("policy-service", 137, oom=True)
    assert len(patrol(watch, 200)) == 1


def test_a_thousand_doubled_alerts_are_one_incident(world: World, watch: Watch) -> None:
    world.die("policy-service", 1)
    alerts = world.next_events * 20
    found = []
    for _ in range(50):
        world.next_events = list(alerts)
        found += patrol(watch, 1)
    assert len(found) == 1


def test_a_firing_that_has_its_incident_is_not_counted_and_a_new_one_is_once(world: World, watch: Watch) -> None:
    world.die("policy-service", 137, oom=True)
    [fact] = opened(patrol(watch, 1))
    incident = Log(fact, world.now).incident
    assert patrol(watch, 20, incident) == []
    world.restart("policy-service")
    assert patrol(watch, 10, incident) == []
    world.die("policy-service", 137, oom=True)
    assert patrol(watch, 20, incident) == [Recount(1, fact.fingerprint)]


def test_another_way_of_being_down_belongs_to_the_open_incident(world: World, watch: Watch) -> None:
    world.silent.add("policy-service")
    [fact] = opened(patrol(watch, 3))
    incident = Log(fact, world.now).incident
    world.die("policy-service", 1)
    assert patrol(watch, 20, incident) == [Recount(1, fingerprint("policy-service", "crash"))]


def test_a_fault_that_comes_back_reopens_its_incident_and_counts_the_recurrence(world: World, watch: Watch) -> None:
    world.die("policy-service", 1)
    [fact] = opened(patrol(watch, 1))
    log = Log(fact, world.now)
    world.restart("policy-service")
    patrol(watch, 4, log.incident)
    log.apply(world.now)
    patrol(watch, 8, log.incident)
    log.verify(world.now)
    closed = log.close(world.now)
    assert patrol(watch, 20, closed) == []
    world.die("policy-service", 1)
    [again] = reopened(patrol(watch, 20, closed))
    assert (again.number, again.fact.recurrence) == (1, 1)


def test_after_the_recurrence_window_a_fault_is_a_new_incident(world: World, watch: Watch) -> None:
    world.die("policy-service", 1)
    [fact] = opened(patrol(watch, 1))
    log = Log(fact, world.now)
    world.restart("policy-service")
    log.apply(world.now)
    log.verify(world.now)
    closed = log.close(world.now)
    patrol(watch, 20, closed)
    world.tick *= 7300
    patrol(watch, 1, closed)
    world.tick /= 7300
    world.die("policy-service", 1)
    assert len(opened(patrol(watch, 2, closed))) == 1


def test_when_scouts_own_address_does_not_answer_it_is_blind_and_opens_nothing(world: World, watch: Watch) -> None:
    world.silent.update(SERVICES[:2])
    world.extra = {"probe_control_ok": False}
    assert patrol(watch, 20) == []
    assert "probes" in watch.blind


def test_when_all_refuse_at_once_and_the_engine_says_they_run_scout_is_blind(world: World, watch: Watch) -> None:
    world.silent.update(SERVICES)
    world.failure_detail = "ConnectionError: connection refused"
    assert patrol(watch, 20) == []
    assert "probes" in watch.blind
    world.silent.clear()
    assert patrol(watch, 20) == []
    assert not watch.blind


def test_half_of_the_services_down_at_once_is_one_incident_that_names_all(world: World, watch: Watch) -> None:
    world.die("user-service", 1)
    world.die("quote-service", 1)
    world.die("policy-service", 1)
    [fact] = opened(patrol(watch, 10))
    assert fact.severity == "critical"
    assert fact.summary == "3 of 4 services down at once: policy-service, quote-service, user-service"


def test_services_that_follow_the_first_one_down_belong_to_its_incident(world: World, watch: Watch) -> None:
    world.die("user-service", 1)
    [fact] = opened(patrol(watch, 1))
    incident = Log(fact, world.now).incident
    world.die("quote-service", 1)
    world.die("policy-service", 1)
    assert opened(patrol(watch, 6, incident)) == []


def test_the_end_of_a_container_that_compose_has_replaced_is_no_crash() -> None:
    passing = "6f69b9bbfbbb_policy-service"
    world = World([*SERVICES, passing])
    watch = Watch(world)
    patrol(watch, 5)
    world.die(passing, 1)
    assert patrol(watch, 20) == []


def test_a_service_of_the_fleet_itself_is_not_watched() -> None:
    world = World(("sre-scout", "policy-service"))
    watch = Watch(world)
    patrol(watch, 20)
    world.die("sre-scout", 1)
    assert patrol(watch, 20) == []
