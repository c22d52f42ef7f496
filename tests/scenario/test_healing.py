"""Every kind of fault, on a stack as a person starts it: one issue, the right cause, one restart, closed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from shared.incident.facts import Applied, Detected, Diagnosed, Verified
from shared.runtime.tracing import incident_trace_id
from tests.scenario.stack import Stack, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

QUIET = 20.0
"""Seconds without a fault; they are the detectors' baseline too."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as one:
        yield one


def test_without_a_fault_nothing_is_opened_touched_or_fetched_anew(stack: Stack) -> None:
    began = time.time()
    time.sleep(QUIET)  # the control period itself
    assert stack.numbers() == set()
    assert stack.restarts(0.0) == {}
    asked = stack.fleet_log(began + 2.0)
    assert asked, "the fleet asks nothing at all"
    assert [(r.method, r.path, r.status) for r in asked if r.status != 304] == []


@pytest.mark.parametrize(
    ("fault", "service", "symptom", "cause"),
    [
        ("errors", "quote-service", "errors", "errors"),
        ("latency", "user-service", "latency", "slow"),
        ("oom", "policy-service", "oom", "oom"),
        ("crash", "quote-service", "crash", "crash"),
        ("hang", "user-service", "unresponsive", "hang"),
    ],
)
def test_a_fault_becomes_one_issue_one_restart_and_a_closed_log(
    stack: Stack, fault: str, service: str, symptom: str, cause: str
) -> None:
    known, since = stack.numbers(), time.time()
    stack.inject(fault, service)
    number = stack.opened(known)
    incident = stack.closed(number)
    stack.indexed(number)
    assert stack.numbers() - known == {number}
    assert [(d.service, d.symptom) for d in incident.all(Detected)] == [(service, symptom)]
    assert [(d.service, d.cause) for d in incident.all(Diagnosed)] == [(service, cause)]
    assert [v.outcome for v in incident.all(Verified)] == ["healthy"]
    assert len(incident.all(Applied)) == 1
    assert (incident.rejected, incident.gaps) == ((), ())
    assert (stack.restarts(since), stack.starts(since)) == ({service: 1}, {service: 1})
    asked = [r for r in stack.fleet_log(since) if r.mutates]
    acted = stack.acted(service, since)
    assert sum(r.creates and r.at <= acted for r in asked) == 4, "four writes from the detection to the restart"
    assert sum(r.creates for r in asked) <= 10
    assert len(asked) <= 30
    assert stack.verify(number) == 0


def test_an_incident_is_one_trace_through_all_processes_linked_to_the_patients_own(stack: Stack) -> None:
    number = next(n for n in sorted(stack.numbers()) if stack.incident(n).detected.symptom == "latency")
    incident = stack.incident(number)
    cited = {e.trace_id for d in incident.all(Detected) for e in d.evidence if e.trace_id}
    assert cited
    query = f"{stack.run.traces['query']}/api/v3/traces/{incident_trace_id(incident.repo, number)}"

    def spans() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(query, timeout=5).json()["result"]["resourceSpans"]
        return found

    def told() -> set[str]:
        attributes = [a for r in spans() for a in r["resource"]["attributes"]]
        return {a["value"]["stringValue"] for a in attributes if a["key"] == "service.name"}

    everyone = {"sre-scout", "sre-brain", "sre-guardrail", "sre-fixer", "sre-memory"}
    wait_for(lambda: told() >= everyone, 10.0, "spans of every process in the incident's trace")
    steps = [step for r in spans() for scope in r["scopeSpans"] for step in scope["spans"]]
    assert cited <= {link["traceId"] for step in steps for link in step.get("links", ())}


def test_what_was_healed_is_found_again_is_forgotten_and_is_made_again_from_github_alone(stack: Stack) -> None:
    number = next(n for n in sorted(stack.numbers()) if stack.incident(n).detected.symptom == "oom")

    def status() -> dict[str, Any]:
        done = stack.memory("status", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def found() -> list[dict[str, Any]]:
        words = ("killed by the kernel, out of memory", "--service", "policy-service", "--kind", "incident", "--json")
        done = stack.memory("similar", *words)
        rows: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        return rows

    before = status()
    assert (before["missing"], before["unsound"]) == (0, 0)
    assert before["documents"]["incident"] == sum(stack.incident(n).closed for n in stack.numbers())
    first = found()[0]
    assert (first["issue"], first["ending"], first["source"]) == (number, "worked", stack.incident(number).url)
    stack.kill("chroma")
    assert wait_for(found, 20.0, "Chroma is back with what it had")[0]["issue"] == number
    assert stack.memory("forget", f"incident-{number}-1").returncode == 0
    assert "sre:forget" in stack.labels(number)
    wait_for(lambda: "Learning: Indexed" not in stack.labels(number), 10.0, "the label is gone")
    assert number not in [row["issue"] for row in found()]
    assert stack.memory("rebuild").returncode == 0
    after = status()
    assert after["documents"] == before["documents"] | {"incident": before["documents"]["incident"] - 1}
    assert number not in [row["issue"] for row in found()]
