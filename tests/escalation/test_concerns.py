"""Which issues Escalation looks at: what is handed on, and what a person hands on by the label."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from agents.escalation.look import Escalation
from shared.incident.labels import JULES_FIX, plan
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.ports import Issues, People
from shared.testing.log import LogBuilder

ESCALATION = Escalation(cast(People, None), cast(Issues, None), frozenset())


def escalated(*labels: str) -> Incident:
    return replace(LogBuilder().to(Status.ESCALATED).incident, labels=frozenset(labels))


def test_what_is_handed_on_is_looked_at_before_its_label_has_followed() -> None:
    assert ESCALATION.concerns(escalated("incident", "Status: Diagnosed"))
    assert ESCALATION.concerns(escalated("incident", JULES_FIX, "Status: Escalated"))


def test_a_person_who_takes_the_label_off_takes_it_back() -> None:
    assert not ESCALATION.concerns(escalated("incident", "Status: Escalated"))


def test_the_label_comes_before_the_status_that_says_it_has_come() -> None:
    added = plan(escalated("incident", "Status: Diagnosed")).add
    assert added.index(JULES_FIX) < added.index("Status: Escalated")


@pytest.mark.parametrize("status", [Status.DETECTED, Status.NEEDS_HUMAN])
def test_what_is_not_handed_on_is_looked_at_for_the_label_alone(status: Status) -> None:
    incident = LogBuilder().to(status).incident
    assert not ESCALATION.concerns(replace(incident, labels=frozenset()))
    assert ESCALATION.concerns(replace(incident, labels=frozenset({JULES_FIX})))
