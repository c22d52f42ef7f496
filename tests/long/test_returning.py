"""An OOM that returns: a restart, then a higher limit, then a coding agent; each proved where it can be.

The embedded world; here because it takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mission_control.world.as_developer import STACK
from shared.incident.change import SetMemory
from shared.incident.facts import (
    Applied,
    Commanded,
    Diagnosed,
    Dispatched,
    Escalated,
    Merged,
    Planned,
    Proved,
    Verified,
)
from tests.scenario.changes import file_on_main, pulls, said
from tests.scenario.stack import Stack, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

KILLED_WITHIN = 180.0
"""Some 8 customers a second leave 700 kB each behind."""
HEALED_WITHIN = 150.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as one:
        wait_for(lambda: one.sold() > 20, 90.0, "purchases", every=1.0)
        yield one


def test_it_is_restarted_then_given_more_memory_then_handed_to_an_agent_whose_patch_ends_it(stack: Stack) -> None:
    stack.committed("leak")

    number = stack.open_now(KILLED_WITHIN)
    first = stack.closed(number, HEALED_WITHIN)
    assert [d.directive.verb for d in said(first, Diagnosed)] == ["restart"]

    assert stack.open_now(KILLED_WITHIN) == number, "the same incident, reopened"
    second = stack.closed(number, HEALED_WITHIN)
    (diagnosed,), (proved,) = said(second, Diagnosed), said(second, Proved)
    assert isinstance(diagnosed.directive.change, SetMemory)
    assert (proved.verdict, proved.merge) == ("proved", "policy")
    assert f"mem_limit: {diagnosed.directive.change.after}m" in file_on_main(stack, STACK)

    assert stack.open_now(KILLED_WITHIN) == number
    third = stack.status(number, "Status: Escalated", 60.0)
    assert [type(f) for f in said(third, Applied)] == []
    wait_for(lambda: "jules-fix" in stack.labels(number), 30.0, "the label that hands it on")
    assert "leak" in said(third, Escalated)[-1].reason

    wait_for(lambda: said(stack.incident(number), Planned), 60.0, "a plan is shown")
    stack.comment(number, "/approve")
    asked = stack.status(number, "Status: Needs-Approval", HEALED_WITHIN)
    assert [p.verdict for p in said(asked, Proved)] == ["proved"]
    stack.comment(number, "/approve")
    over = stack.closed(number, HEALED_WITHIN)
    assert [d.backend for d in said(over, Dispatched)] == ["jules"]
    assert [c.command for c in said(over, Commanded)] == ["approve", "approve"]
    assert len(said(over, Merged)) == 1
    assert [v.outcome for v in said(over, Verified)] == ["healthy"]
    assert (over.rejected, over.gaps) == ((), ())
    assert stack.verify(number) == 0
    titles = [pull["title"] for pull in pulls(stack) if pull["merged_at"]]
    assert len(titles) == 2, titles
