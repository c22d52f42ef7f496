"""Alertmanager's notifications are read strictly, kept once, and open nothing for what Scout does not watch."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.scout.alerts import MOST_ALERTS, Alert, Malformed, Unusable, parse
from agents.scout.inbox import Inbox
from agents.scout.watch import Watch
from shared.incident.facts import Detected
from shared.incident.render import render
from shared.redaction import Redactor
from tests.scout.notifications import alert, notification
from tests.scout.world import SERVICES, START, World, opened, patrol

NOW = START + timedelta(seconds=10)
LISTED = frozenset(SERVICES)


def clean(text: str) -> str:
    return Redactor().text(text)


def one(**changes: Any) -> Alert:
    (found,) = parse(notification(alert(**changes)), clean, NOW)
    assert isinstance(found, Alert)
    return found


def inbox() -> Inbox:
    return Inbox(clean, lambda: NOW)


def test_an_alert_is_read_with_its_service_symptom_severity_and_window() -> None:
    found = one(sre_window="30m")
    assert (found.service, found.symptom, found.severity) == ("policy-service", "errors", "critical")
    assert found.started == datetime(2026, 3, 1, 12, 0, 5, 123456, UTC)
    assert found.window == timedelta(minutes=30)
    assert found.firing


@pytest.mark.parametrize("claim", ["oom", "crash", "unresponsive", "conversion", "", "root"])
def test_an_alert_cannot_claim_a_state_that_would_name_the_cause(claim: str) -> None:
    assert one(sre_symptom=claim).symptom == "alert"


def test_an_alert_that_starts_in_the_future_started_now() -> None:
    assert one(startsAt="2031-01-01T00:00:00Z").started == NOW


def test_the_container_label_names_the_service_where_there_is_no_other() -> None:
    labels = {"alertname": "x", "container": "frontend"}
    (found,) = parse(notification(alert() | {"labels": labels}), clean, NOW)
    assert isinstance(found, Alert)
    assert (found.service, found.severity, found.symptom) == ("frontend", "major", "alert")


@pytest.mark.parametrize("service", ["", "a b", "../etc", "évil", "x" * 101])
def test_an_alert_without_a_usable_service_is_put_aside(service: str) -> None:
    assert parse(notification(alert(service)), clean, NOW) == (Unusable("unlabelled"),)


def test_an_alert_for_information_is_put_aside() -> None:
    assert parse(notification(alert(severity="info")), clean, NOW) == (Unusable("severity"),)


def test_texts_are_redacted_and_cut() -> None:
    found = one(annotations={"summary": "password=hunter2secret " + "x" * 5000}, alertname="y" * 500)
    assert "hunter2secret" not in found.summary
    assert len(found.summary) <= 160
    assert len(found.name) <= 80
    assert "hunter2secret" not in found.evidence.summary


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        b"[]",
        b'"4"',
        notification(version="3"),
        notification().replace(b'"alerts": []', b'"alerts": {}'),
        notification(*[alert()] * (MOST_ALERTS + 1)),
        notification(None),
        notification(alert() | {"status": "pending"}),
        notification(alert() | {"fingerprint": "<script>"}),
        notification(alert() | {"startsAt": "yesterday"}),
        notification(alert() | {"startsAt": "2026-03-01T12:00:00"}),
        notification(alert() | {"startsAt": "0001-01-01T00:00:00+14:00"}),
        notification(alert() | {"labels": ["service"]}),
        notification(alert() | {"labels": {"service": 7}}),
        notification(alert() | {"annotations": "x"}),
    ],
)
def test_what_is_not_a_notification_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, clean, NOW)


def test_one_firing_is_taken_once_and_its_resolution_is_the_last_word() -> None:
    box = inbox()
    results = [box.take(notification(alert(resolved=gone)), LISTED).taken for gone in (False, False, True, True, False)]
    assert results == [1, 0, 1, 0, 0]
    assert [a.firing for a in box.collect()] == [False]
    assert box.collect() == ()
    assert box.counts["doubled"] == 3


def test_a_new_start_is_a_new_firing() -> None:
    box = inbox()
    box.take(notification(alert(), alert(startsAt="2026-03-01T12:00:07Z")), LISTED)
    assert len(box.collect()) == 2


def test_services_that_scout_does_not_watch_are_ignored_and_counted() -> None:
    box = inbox()
    taken = box.take(notification(alert("billing"), alert("sre-scout"), alert("")), LISTED)
    assert (taken.taken, taken.ignored) == (0, 3)
    assert box.collect() == ()
    assert (box.counts["unlisted"], box.counts["unlabelled"]) == (2, 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(alphabet=st.characters(), max_size=30) | st.just("\ud800") | st.just("a@everyone <b>`|")
services = st.sampled_from(["policy-service", "billing", "sre-brain", "../x", ""]) | texts
near_alerts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["firing", "resolved"]) | json_values,
        "labels": st.fixed_dictionaries(
            {}, optional={"service": services, "container": services, "alertname": texts, "severity": texts,
                          "sre_symptom": texts | st.sampled_from(["errors", "oom"]), "sre_window": texts}
        ) | json_values,
        "fingerprint": st.from_regex(r"[0-9a-f]{16}", fullmatch=True) | json_values,
        "startsAt": st.datetimes(timezones=st.just(UTC)).map(lambda t: t.isoformat()) | texts | json_values,
    },
    optional={"annotations": st.dictionaries(texts, texts, max_size=3) | json_values, "generatorURL": texts},
)  # fmt: skip
near_notifications = st.fixed_dictionaries(
    {"version": st.just("4"), "alerts": st.lists(near_alerts | json_values, max_size=4) | json_values}
)


@given(st.binary(max_size=200) | (json_values | near_notifications).map(lambda v: json.dumps(v).encode()))
def test_no_body_raises_anything_but_malformed_or_opens_anything_for_an_unlisted_service(body: bytes) -> None:
    world = World()
    watch, box = Watch(world), inbox()
    patrol(watch, 3)
    try:
        box.take(body, LISTED)
    except Malformed:
        assert box.collect() == ()
        return
    world.extra["alerts"] = box.collect()
    for fact in opened(patrol(watch, 2)):
        assert fact.service in LISTED
        assert fact.symptom in ("errors", "latency", "alert")
        Detected.model_validate_json(fact.model_dump_json())
        assert "@everyone" not in render(fact)
