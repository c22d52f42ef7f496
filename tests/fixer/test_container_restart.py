"""One directive, one restart: comparison, refusal, and what a dead Fixer leaves behind."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.incident.facts import Applied, Refused
from shared.ports import Permanent, Transient
from tests.fixer.world import QUIET, TARGET, SimulatedCrash, World, crash_at


def test_a_restart_is_done_once_and_the_answer_repeated(world: World) -> None:
    directive = world.directive()
    first = world.hand().carry_out(directive)
    again = world.hand().carry_out(directive)
    assert isinstance(first, Applied)
    assert not first.settled
    assert first.after.started_at == world.engine.inspect(TARGET).started_at != first.before.started_at
    assert first.took_s == pytest.approx(0.2)
    assert again == first
    assert len(world.engine.restarts) == 1


def test_an_oom_killed_container_is_started_again(world: World) -> None:
    world.engine.kill(TARGET, oom=True)
    applied = world.hand().carry_out(world.directive())
    assert isinstance(applied, Applied)
    assert world.engine.inspect(TARGET).running


FIELDS = st.sampled_from(("id", "started_at", "image"))
FUZZ = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FUZZ
@given(field=FIELDS, text=st.text(min_size=1, max_size=200))
def test_one_changed_observed_field_is_refused_and_nothing_is_touched(
    tmp_path_factory: pytest.TempPathFactory, world: World, field: str, text: str
) -> None:
    fresh = World(tmp_path_factory.mktemp("ledger"), world.clock, world.engine)
    world.engine.add(TARGET)
    directive = fresh.directive()
    before = getattr(world.engine.inspect(TARGET), field)
    world.engine.change(TARGET, **{field: text if text != before else text + "'"})
    count = len(world.engine.restarts)
    refused = fresh.hand().carry_out(directive)
    assert isinstance(refused, Refused)
    assert "container" in refused.precondition or "image" in refused.precondition
    assert len(world.engine.restarts) == count
    world.engine.change(TARGET, **{field: before})
    assert fresh.hand().carry_out(directive) == refused, "a refusal stands, also when the world has moved back"
    assert len(world.engine.restarts) == count


def test_a_recreated_container_of_the_same_name_is_refused(world: World) -> None:
    directive = world.directive()
    world.engine.add(TARGET)
    assert isinstance(world.hand().carry_out(directive), Refused)
    assert world.engine.restarts == []


def test_an_unmanaged_container_is_refused(world: World) -> None:
    world.engine.add(TARGET, managed=False)
    refused = world.hand().carry_out(world.directive())
    assert isinstance(refused, Refused)
    assert "managed" in refused.precondition
    assert world.engine.restarts == []


@pytest.mark.parametrize(
    "name", ["policy-service2", "policy-servic", "Policy-Service", "policy_service", "x-policy-service", "kafka"]
)
def test_a_name_that_is_not_exactly_listed_is_refused(world: World, name: str) -> None:
    world.engine.add(name)
    refused = world.hand().carry_out(world.directive(name))
    assert isinstance(refused, Refused)
    assert refused.precondition == "the exact name is allow-listed"
    assert world.engine.restarts == []


def test_an_engine_that_answers_with_another_container_is_refused(world: World) -> None:
    directive = world.directive()
    world.engine.change(TARGET, name="policy-service-2")
    assert isinstance(world.hand().carry_out(directive), Refused)
    assert world.engine.restarts == []


def test_a_container_that_is_gone_is_refused(world: World) -> None:
    directive = world.directive()
    world.engine.remove(TARGET)
    refused = world.hand().carry_out(directive)
    assert isinstance(refused, Refused)
    assert refused.precondition == "the container exists"


def test_an_id_that_has_acted_does_not_act_again_with_other_parameters(world: World) -> None:
    world.hand().carry_out(world.directive())
    refused = world.hand().carry_out(world.directive())
    assert isinstance(refused, Refused)
    assert refused.precondition == "a directive id acts once"
    assert isinstance(world.hand().carry_out(world.directive(attempt=2)), Applied)
    assert len(world.engine.restarts) == 2


def test_killed_after_the_intent_it_acts_only_when_the_world_has_been_quiet_long_enough(world: World) -> None:
    directive = world.directive()
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at("intent-written")).carry_out(directive)
    with pytest.raises(Transient) as first:
        world.hand().carry_out(directive)
    assert first.value.retry_after == 1.0
    world.clock.advance(QUIET - 0.1)
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    assert world.engine.restarts == []
    world.clock.advance(0.2)
    applied = world.hand().carry_out(directive)
    assert isinstance(applied, Applied)
    assert not applied.settled
    assert len(world.engine.restarts) == 1


def test_the_quiet_time_counts_from_the_first_visitor_not_from_the_intent(world: World) -> None:
    """A Fixer may be suspended for an hour between its intent and its request, then be killed."""
    directive = world.directive(grace_s=8.0)
    world.engine.stop_takes = 8.0

    def suspended_for_an_hour(point: str) -> None:
        if point == "intent-written":
            world.clock.advance(3600)

    world.engine.fail_next("under-way")
    with pytest.raises(Transient):
        world.hand(suspended_for_an_hour).carry_out(directive)
    world.clock.advance(1)
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    world.clock.advance(8)
    applied = world.hand().carry_out(directive)
    assert isinstance(applied, Applied)
    assert applied.settled
    assert len(world.engine.restarts) == 1


def test_after_a_crash_in_the_stop_phase_the_container_is_not_restarted_twice(world: World) -> None:
    """Promise 04: stop grace 8 s, the Fixer is killed at 1 s, others look every second."""
    world.engine.stop_takes = 8.0
    directive = world.directive(grace_s=8.0)
    world.engine.fail_next("under-way")
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    outcome = None
    for _ in range(40):
        world.clock.advance(1)
        try:
            outcome = world.hand().carry_out(directive)
            break
        except Transient:
            assert world.clock.monotonic() < 9
    assert isinstance(outcome, Applied)
    assert outcome.settled
    assert len(world.engine.restarts) == 1


@pytest.mark.parametrize("point", ["acted", "outcome-written"])
def test_killed_after_the_action_it_finds_it_done(world: World, point: str) -> None:
    directive = world.directive()
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at(point)).carry_out(directive)
    applied = world.hand().carry_out(directive)
    assert isinstance(applied, Applied)
    assert applied.settled == (point == "acted")
    assert len(world.engine.restarts) == 1


def test_a_lost_answer_is_settled_not_repeated(world: World) -> None:
    directive = world.directive()
    world.engine.fail_next("answer-lost")
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    applied = world.hand().carry_out(directive)
    assert isinstance(applied, Applied)
    assert applied.settled
    assert len(world.engine.restarts) == 1


def test_a_restart_of_an_earlier_directive_under_way_holds_back_the_next_one(world: World) -> None:
    world.engine.stop_takes = 8.0
    first, second = world.directive(grace_s=8.0), world.directive(attempt=2)
    world.engine.fail_next("under-way")
    with pytest.raises(Transient):
        world.hand().carry_out(first)
    with pytest.raises(Transient):
        world.hand().carry_out(second)
    world.clock.advance(9)
    assert isinstance(world.hand().carry_out(second), Refused)
    applied = world.hand().carry_out(first)
    assert isinstance(applied, Applied)
    assert applied.settled
    assert len(world.engine.restarts) == 1


def test_an_earlier_intent_that_never_left_is_closed_as_refused_before_the_next_acts(world: World) -> None:
    first, second = world.directive(), world.directive(attempt=2)
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at("intent-written")).carry_out(first)
    with pytest.raises(Transient):
        world.hand().carry_out(second)
    world.clock.advance(QUIET)
    assert isinstance(world.hand().carry_out(second), Applied)
    assert isinstance(world.hand().carry_out(first), Refused)
    assert len(world.engine.restarts) == 1


def test_an_engine_that_says_done_and_did_nothing_is_not_asked_again(world: World) -> None:
    directive = world.directive()
    world.engine.fail_next("no-effect")
    for _ in range(3):
        with pytest.raises(Permanent, match="StartedAt has not changed"):
            world.hand().carry_out(directive)
        world.clock.advance(3600)
    assert world.engine.restarts == []


def test_after_a_reboot_of_the_host_the_quiet_time_starts_anew(world: World) -> None:
    directive = world.directive()
    world.clock.advance(500)
    with pytest.raises(SimulatedCrash):
        world.hand(crash_at("intent-written")).carry_out(directive)
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    world.clock._elapsed = 3.0  # uptime after the reboot
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    world.clock.advance(QUIET)
    assert isinstance(world.hand().carry_out(directive), Applied)


def test_an_unreachable_engine_is_transient_and_leaves_no_trace(world: World) -> None:
    directive = world.directive()
    world.engine.down()
    with pytest.raises(Transient):
        world.hand().carry_out(directive)
    world.engine.down(None)
    assert isinstance(world.hand().carry_out(directive), Applied)
