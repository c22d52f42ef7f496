"""How long an action is waited for: until health has held as long as was asked, or until there is none in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.scout.verify import Patience, Waiting, after_action
from agents.scout.vitals import Wellbeing
from agents.scout.watch import View
from mission_control.settings import Settings
from shared.incident.facts import Detected
from shared.testing.samples import SERVICE, START, sample

DEFAULT = Patience(healthy_for=Settings.model_fields["healthy_for"].default)
"""What a worker has that was told nothing."""


def outcome(after: float, well_since: float | None, patience: Patience = DEFAULT) -> str:
    """Of a restart so many seconds ago; the service is well since so many seconds after it."""
    detected = sample("detected")
    assert isinstance(detected, Detected)
    since = None if well_since is None else START + timedelta(seconds=well_since)
    well = Wellbeing(since, 9 if since else 0, True, since is not None or None, {})
    seen = View(START + timedelta(seconds=after), START, SERVICE, (), well, (), ())
    found = after_action(detected, seen, patience)
    return "waiting" if isinstance(found, Waiting) else found.outcome


def test_by_default_a_service_that_took_a_moment_to_start_is_verified() -> None:
    assert DEFAULT.healthy_for >= DEFAULT.give_up, "else this says nothing"
    assert outcome(30.0, well_since=0.7) == "waiting"
    assert outcome(30.7, well_since=0.7) == "healthy"


def test_a_service_that_is_slow_to_start_is_given_the_time_to_hold() -> None:
    assert outcome(55.0, well_since=29.0) == "waiting"
    assert outcome(59.0, well_since=29.0) == "healthy"


@pytest.mark.parametrize("well_since", [None, 31.0])
def test_without_a_good_sign_at_the_end_of_the_wait_it_did_not_help(well_since: float | None) -> None:
    assert outcome(31.0, well_since) == "unhealthy"


def test_one_that_flaps_after_the_end_of_the_wait_did_not_help() -> None:
    assert outcome(45.0, well_since=20.0) == "waiting"
    assert outcome(46.0, well_since=None) == "unhealthy"
