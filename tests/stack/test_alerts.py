"""A real Prometheus scrapes the stack, its alert reaches Scout through a real Alertmanager, and stands as evidence.

Durations of the shipped rules are divided (tests/stack/prometheus.py); expressions and labels are as shipped.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from shared.incident.facts import Applied, Detected, Diagnosed, Verified
from tests.deploy.test_prometheus import OWN, dashboard, names, rules, served_by
from tests.machine import free_ports
from tests.scenario.stack import Stack, running
from tests.stack.prometheus import Monitoring, monitoring
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(240)]
TOKEN: Final = "token-of-the-alerting-test"
NOWHERE: Final = "http://127.0.0.1:9"
SERVICE: Final = "quote-service"


def base_url(health: str) -> str:
    return health.removesuffix("/healthz")


def traffic(told: Monitoring) -> None:
    """Wait until a rate can be computed for the service."""
    wait_for(lambda: told.query(f'rate(http_requests_total{{service="{SERVICE}"}}[5s]) > 0'), 60, "traffic is scraped")


def heard(stack: Stack) -> bool:
    """Whether Scout has taken an alert."""
    text = requests.get(f"{base_url(stack.run.workers['scout'])}/metrics", timeout=5).text
    return re.search(r'^sre_alerts_total\{result="taken"\} [1-9]', text, re.MULTILINE) is not None


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running(SRE_ALERT_TOKEN=TOKEN, SRE_HEALTHY_FOR="6s") as one:
        yield one


@pytest.fixture
def told(stack: Stack, tmp_path: Path) -> Iterator[Monitoring]:
    scout = base_url(stack.run.workers["scout"])
    with monitoring(tmp_path, stack.state / "prometheus", scout, TOKEN) as pair:
        yield pair


def test_every_target_is_up_and_serves_every_metric_that_rules_and_dashboard_use(
    stack: Stack, told: Monitoring
) -> None:
    """Each was up at some time: a scrape has one second here, and a busy machine may miss that for one of them."""
    wanted = {*stack.run.containers, *stack.run.workers}

    def missing() -> set[str]:
        up = told.query("max_over_time(up[5m]) == 1")
        return wanted - {one["metric"].get("service") or one["metric"]["worker"] for one in up}

    wait_for(lambda: not missing(), 60, "every patient and every worker is scraped")
    urls = [base_url(u) for u in (*stack.run.containers.values(), *stack.run.workers.values())]
    served = {name for url in urls for name in served_by(requests.get(f"{url}/metrics", timeout=5).text)}
    used = {n for rule in rules() for n in names(rule["expr"])} | {
        n for panel in dashboard()["panels"] for t in panel["targets"] for n in names(t["expr"])
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert used - recorded - OWN - served == set()
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            told.query(re.sub(r"\$service", ".*", target["expr"]))


def test_an_alert_about_what_scout_has_found_itself_stands_in_its_certificate(stack: Stack, told: Monitoring) -> None:
    """The Fixer is held back until the alert has come: the fleet heals this fault before Prometheus sees it."""
    traffic(told)
    known = stack.numbers()
    with stack.held("fixer"):
        stack.inject("errors", SERVICE)
        number = stack.opened(known)
        wait_for(lambda: told.firing(SERVICE, "ErrorBudgetBurn"), 60, "the alert fires")
        wait_for(lambda: heard(stack), 60, "Scout has heard of it")
    incident = stack.closed(number, 90)
    (verified,) = incident.all(Verified)
    assert verified.outcome == "healthy"
    assert len(incident.all(Applied)) == 1
    cited = [e for e in (*incident.detected.evidence, *verified.evidence) if e.id.startswith("alert-")]
    assert any("ErrorBudgetBurn" in e.summary for e in cited), [e.summary for e in cited]
    assert stack.numbers() - known == {number}


def test_what_only_prometheus_sees_becomes_an_incident_that_is_fixed_and_certified(
    stack: Stack, tmp_path: Path
) -> None:
    """Scout is replaced by one that reaches no traces: the alert is all it has. Brain still looks for itself.

    The service has no callers: their alerts would come too, and a Scout without traces does not know who calls whom.
    """
    original = stack.pid("scout") or 0
    port = free_ports(12) + 11
    os.kill(original, signal.SIGSTOP)
    try:
        with (
            stack.extra("scout", JAEGER_URL=NOWHERE, SRE_HEALTH_PORT=str(port)),
            monitoring(tmp_path, stack.state / "prometheus", f"http://127.0.0.1:{port}", TOKEN) as told,
        ):
            traffic(told)
            wait_for(lambda: not told.query('ALERTS{service!=""}') or None, 30, "nothing fires")
            known, since = stack.numbers(), time.time()
            stack.inject("errors", "frontend")
            number = stack.opened(known, 60)
            incident = stack.closed(number, 150)
    finally:
        os.kill(original, signal.SIGCONT)
        os.kill(original, signal.SIGKILL)
    (detected,) = incident.all(Detected)
    assert (detected.service, detected.symptom) == ("frontend", "errors")
    assert detected.evidence
    assert all(e.id.startswith("alert-") for e in detected.evidence)
    (diagnosed,) = incident.all(Diagnosed)
    assert (diagnosed.service, diagnosed.cause) == ("frontend", "errors")
    assert not any(e.id.startswith("alert-") for e in diagnosed.evidence)
    assert [v.outcome for v in incident.all(Verified)] == ["healthy"]
    assert stack.restarts(since) == {"frontend": 1}


def test_an_alert_alone_names_no_cause_and_restarts_nothing(tmp_path: Path) -> None:
    with running(SRE_ALERT_TOKEN=TOKEN, JAEGER_URL=NOWHERE) as stack:
        scout = base_url(stack.run.workers["scout"])
        with monitoring(tmp_path, stack.state / "prometheus", scout, TOKEN) as told:
            traffic(told)
            since = time.time()
            stack.inject("errors", SERVICE)
            number = stack.opened(set(), 60)
            incident = stack.status(number, "Status: Needs-Human", 60)
            assert all(e.id.startswith("alert-") for e in incident.detected.evidence)
            assert incident.all(Diagnosed) == ()
            stack.undo("errors")
            incident = stack.closed(number, 150)
            assert [v.outcome for v in incident.all(Verified)] == ["recovered"]
            assert stack.restarts(since) == {}
