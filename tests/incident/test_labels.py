"""Labels follow the log, and people's labels are theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.incident.facts import Escalated
from shared.incident.labels import CATALOGUE, JULES_FIX, plan, wanted
from shared.incident.replay import replay
from shared.incident.status import Status
from shared.testing.log import LogBuilder

OURS = {s.value for s in Status} | {"Learning: Indexed"}
PEOPLES = st.frozensets(
    st.sampled_from(
        ["bug", "wontfix", "sre:hold", "sre:freeze", "jules-fix", "Auto-Merged", "severity:minor", "service:other",
         "Status: Investigating", "status: new", "Status:Fixed", "Learning: Python", "status"]
    )
    | st.text(min_size=1, max_size=20)
)  # fmt: skip
LOGS = {status: LogBuilder().to(status) for status in Status}


@given(labels=PEOPLES, status=st.sampled_from(list(Status)))
def test_labels_of_people_are_never_removed(labels: frozenset[str], status: Status) -> None:
    log = LOGS[status]
    incident = replay(replace(log.thread(), labels=labels), log.keyring)
    assert set(plan(incident).remove) <= OURS


@given(labels=PEOPLES, stale=st.frozensets(st.sampled_from(sorted(OURS))), status=st.sampled_from(list(Status)[1:]))
def test_one_plan_leads_to_the_wanted_labels_and_the_next_is_empty(
    labels: frozenset[str], stale: frozenset[str], status: Status
) -> None:
    log = LOGS[status]
    incident = replay(replace(log.thread(), labels=labels | stale), log.keyring)
    first = plan(incident)
    after = replace(incident, labels=(incident.labels | set(first.add)) - set(first.remove))
    assert wanted(incident) <= after.labels
    kept = {"Learning: Indexed"} & (labels | stale) if incident.status is Status.CLOSED else {incident.status.value}
    assert after.labels & OURS == kept, "whether a closed incident is in the index, its log does not say"
    assert plan(after).add == plan(after).remove == ()


def test_an_issue_that_is_no_incident_gets_no_labels() -> None:
    incident = replay(replace(LOGS[Status.NEW].thread(), labels=frozenset({"bug"})), LOGS[Status.NEW].keyring)
    assert plan(incident).add == plan(incident).remove == ()


@pytest.mark.parametrize("status", [Status.ESCALATED])
def test_an_escalated_incident_carries_jules_fix(status: Status) -> None:
    log = LOGS[status]
    assert log.incident.last(Escalated) is not None
    assert JULES_FIX in wanted(log.incident)
    assert JULES_FIX not in wanted(LOGS[Status.FIXING].incident)


def test_every_label_the_fleet_wants_has_a_colour_and_a_description() -> None:
    for status, log in LOGS.items():
        for label in wanted(log.incident):
            assert label in CATALOGUE or label.startswith("service:"), (status, label)
    for colour, description in CATALOGUE.values():
        assert len(colour) == 6
        assert len(description) <= 100, "GitHub's limit"
