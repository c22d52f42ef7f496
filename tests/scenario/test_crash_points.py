"""kill -9 at a named step of the incident: its successor takes it up, and the world is touched once.

`python -m bench.crash_points` goes through every worker and every step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shared.incident.facts import Applied
from tests.scenario.stack import Stack, roomy_policy, running

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(SRE_POLICY=roomy_policy(tmp_path_factory.mktemp("policy"))) as one:
        yield one


@pytest.mark.parametrize(
    ("worker", "point", "service"),
    [
        ("fixer", "acted", "policy-service"),
        ("brain", "written", "quote-service"),
        ("scout", "opened", "user-service"),
        ("memory", "written", "frontend"),
    ],
)
def test_a_worker_killed_at_this_step_leaves_one_restart_and_a_closed_incident(
    stack: Stack, worker: str, point: str, service: str
) -> None:
    known, since = stack.numbers(), time.time()
    with stack.stand_in(worker, point) as marker:
        stack.inject("oom", service)
        stack.died(marker)
    incident = stack.closed(stack.opened(known))
    assert len(incident.all(Applied)) == 1
    assert (incident.rejected, incident.gaps) == ((), ())
    assert (stack.restarts(since), stack.starts(since)) == ({service: 1}, {service: 1})
    assert len(stack.numbers() - known) == 1


def test_a_fixer_killed_between_intent_and_action_acts_once_it_is_sure(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    marker = tmp_path_factory.mktemp("crash") / "died"
    with running(SRE_CRASH_AT=f"fixer@intent-written:{marker}") as stack:
        since = time.time()
        stack.inject("oom", "policy-service")
        incident = stack.closed(stack.opened(set()))
        assert marker.exists()
        assert len(incident.all(Applied)) == 1
        assert (stack.restarts(since), stack.starts(since)) == ({"policy-service": 1}, {"policy-service": 1})
