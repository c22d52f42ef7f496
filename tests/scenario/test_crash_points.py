"""kill -9 at a named step of the incident: its successor takes it up, and the world is touched once.

`python -m bench.crash_points` goes through every worker and every step.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.incident.facts import Applied
from tests.scenario.stack import Stack, roomy_policy, running

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crash") / "died"


@pytest.fixture(scope="module")
def stack(marker: Path) -> Iterator[Stack]:
    with running(SRE_POLICY=roomy_policy(marker.parent), SRE_CRASH_AT=f"fixer@acted:{marker}") as one:
        yield one


def assert_healed_once(stack: Stack, known: set[int], service: str, since: float) -> None:
    incident = stack.closed(stack.opened(known))
    assert len(incident.all(Applied)) == 1
    assert (incident.rejected, incident.gaps) == ((), ())
    assert (stack.restarts(since), stack.starts(since)) == ({service: 1}, {service: 1})
    assert len(stack.numbers() - known) == 1


def test_a_fixer_killed_after_it_acted_does_not_act_again(stack: Stack, marker: Path) -> None:
    known, since = stack.numbers(), time.time()
    stack.inject("oom", "policy-service")
    assert_healed_once(stack, known, "policy-service", since)
    assert marker.exists()


@pytest.mark.parametrize(
    ("worker", "point", "service"),
    [("brain", "written", "quote-service"), ("scout", "opened", "user-service")],
)
def test_a_worker_killed_at_this_step_leaves_one_restart_and_a_closed_incident(
    stack: Stack, worker: str, point: str, service: str
) -> None:
    known, since = stack.numbers(), time.time()
    with stack.stand_in(worker, point) as died:
        stack.inject("oom", service)
        stack.died(died)
    assert_healed_once(stack, known, service, since)
