"""A change that does not heal, or after which a neighbour ails, is to be taken back; a restart never is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.scout.observations import Finding
from agents.scout.verify import Patience, Waiting, after_action
from agents.scout.vitals import Wellbeing
from agents.scout.watch import View
from shared.incident.facts import Detected
from shared.testing.samples import SERVICE, START, evidence, sample

PATIENCE = Patience()


def finding(service: str) -> Finding:
    return Finding(service, "errors", "major", "5 of 9 requests fail", START, START, (evidence(),))


def view(after: float, *findings: Finding, neighbours: tuple[Finding, ...] = (), well: bool = False) -> View:
    at = START + timedelta(seconds=after)
    since = START if well else None
    wellbeing = Wellbeing(probed=True, answers=9 if well else 0, well_since=since, last_ok=well or None, counted={})
    return View(at, START, SERVICE, findings, wellbeing, (), (), neighbours)


def outcome(seen: View, *, changed: bool) -> str:
    detected = sample("detected")
    assert isinstance(detected, Detected)
    found = after_action(detected, seen, PATIENCE, changed=changed)
    return "waiting" if isinstance(found, Waiting) else found.outcome


@pytest.mark.parametrize(("changed", "failed"), [(True, "ineffective"), (False, "unhealthy")])
def test_what_still_ails_is_ineffective_after_a_change_and_unhealthy_after_a_restart(
    changed: bool, failed: str
) -> None:
    assert outcome(view(1, finding(SERVICE)), changed=changed) == failed
    assert outcome(view(31), changed=changed) == failed, "no sign of health in time"
    assert outcome(view(1), changed=changed) == "waiting"


def test_a_neighbour_that_got_worse_takes_a_change_back_and_not_a_restart() -> None:
    seen = view(5, neighbours=(finding("quote-service"),), well=True)
    assert outcome(seen, changed=True) == "ineffective"
    assert outcome(seen, changed=False) == "healthy"


def test_a_change_that_heals_is_healthy() -> None:
    assert outcome(view(5, well=True), changed=True) == "healthy"
