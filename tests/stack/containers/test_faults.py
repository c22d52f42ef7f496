"""Every kind of fault on real containers: the kernel kills, the fleet restarts once, the issue closes verified."""

from __future__ import annotations

import time

import pytest

from shared.incident.facts import Applied, Detected, Diagnosed, Verified
from tests.stack.containers.stack import RealStack

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("fault", "service", "symptom", "cause"),
    [
        ("oom", "policy-service", "oom", "oom"),
        ("crash", "quote-service", "crash", "crash"),
        ("hang", "user-service", "unresponsive", "hang"),
        ("latency", "user-service", "latency", "slow"),
        ("errors", "quote-service", "errors", "errors"),
    ],
)
def test_a_fault_becomes_one_issue_one_restart_of_exactly_that_container_and_a_closed_log(
    calm: RealStack, fault: str, service: str, symptom: str, cause: str
) -> None:
    stack = calm
    before, known = stack.client.containers.get(service), stack.numbers()
    since = stack.inject(fault, service)
    number = stack.opened_for(service, known)
    incident = stack.closed(number, 90)
    assert stack.of(service, known) == {number}
    assert [(d.service, d.symptom) for d in incident.all(Detected)] == [(service, symptom)]
    assert [(d.service, d.cause) for d in incident.all(Diagnosed)] == [(service, cause)]
    assert [v.outcome for v in incident.all(Verified)] == ["healthy"]
    assert (incident.rejected, incident.gaps) == ((), ())
    # dockerd's own events are the witness
    assert (stack.restarts(since)[service], stack.starts(since)[service]) == (1, 1)
    stack.every_restart_was_directed(known, since)
    assert len(stack.events(service, "oom", since)) == (1 if fault == "oom" else 0)
    (applied,) = incident.all(Applied)
    after = stack.client.containers.get(service)
    assert after.id == before.id == applied.before.container_id
    assert applied.before.started_at == before.attrs["State"]["StartedAt"]
    assert applied.after.started_at == after.attrs["State"]["StartedAt"]


def test_a_kill_by_the_kernel_is_told_apart_from_a_crash_with_the_same_exit_code(calm: RealStack) -> None:
    known, since = calm.numbers(), time.time()
    calm.sigkill("frontend")
    number = calm.opened_for("frontend", known)
    incident = calm.closed(number, 90)
    assert incident.detected.symptom == "crash"
    assert calm.events("frontend", "oom", since) == []
    assert calm.restarts(since)["frontend"] == 1
    calm.every_restart_was_directed(known, since)
