"""What was merged is taken back: by a person's word, and by itself when a neighbour ails after it.

The embedded world; here because each takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mission_control.world.as_developer import STACK, value_in
from shared.incident.facts import Deployed, Diagnosed, Merged, Undone, Verified
from tests.scenario.changes import file_on_main, pulls, said
from tests.scenario.stack import Stack, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

WARM = 80
DETECTED_WITHIN = 60.0
HEALED_WITHIN = 150.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Health must hold for long, so that there is time for something to get worse."""
    with running(SRE_HEALTHY_FOR="10s") as one:
        wait_for(lambda: one.sold() > WARM, 90.0, "purchases", every=1.0)
        yield one


def limit(stack: Stack) -> str:
    return value_in(file_on_main(stack, STACK), "policy-service", "MAX_RISK_FACTOR")


def test_a_person_takes_back_a_merged_revert_of_a_closed_incident_once(stack: Stack) -> None:
    stack.committed("conversion")
    number = stack.open_now(DETECTED_WITHIN)
    stack.closed(number, HEALED_WITHIN)
    assert limit(stack) == "1.8"

    stack.comment(number, "/undo")
    incident = stack.status(number, "Status: Needs-Human", HEALED_WITHIN)
    (undone,) = incident.all(Undone)
    assert undone.why == "commanded"
    assert limit(stack) == "0.5", "a person may want the rule that the fleet took for a mistake"
    revert, back = sorted(pull["number"] for pull in pulls(stack) if pull["merged_at"])
    assert back == undone.number > revert

    stack.undo("conversion")
    over = stack.closed(number, HEALED_WITHIN)
    assert over.all(Undone) == (undone,)
    assert limit(stack) == "1.8"
    assert (over.rejected, over.gaps) == ((), ())
    assert stack.verify(number) == 0


def test_a_change_after_which_a_neighbour_ails_is_taken_back_and_its_commit_not_blamed_again(stack: Stack) -> None:
    told = stack.committed("conversion")
    number = stack.open_now(DETECTED_WITHIN)
    wait_for(lambda: said(stack.incident(number), Deployed), HEALED_WITHIN, "the revert is deployed", 0.5)
    stack.inject("errors", "quote-service", "--grade", "severe")

    wait_for(lambda: stack.incident(number).all(Undone), HEALED_WITHIN, "it is taken back", 1.0)
    incident = stack.incident(number)
    (undone,), (merged,) = incident.all(Undone), incident.all(Merged)
    assert undone.why == "ineffective"
    assert undone.directive_id == merged.directive_id
    ineffective = incident.all(Verified)[0]
    assert ineffective.outcome == "ineffective"
    assert "quote-service" in ineffective.detail or "frontend" in ineffective.detail, ineffective.detail
    assert limit(stack) == "0.5"

    stack.undo("errors")
    stack.undo("conversion")
    over = stack.closed(number, HEALED_WITHIN)
    blamed = [d.directive.change for d in over.all(Diagnosed)]
    assert [getattr(change, "commit", None) for change in blamed].count(told["commit"]) == 1
    assert (over.rejected, over.gaps) == ((), ())
