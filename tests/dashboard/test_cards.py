"""Cards and details: everything shown stands in a fact; what a person can say is what the table would hear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.card import card
from dashboard.detail import detail
from dashboard.spoken import NotACommand, read_command
from shared.incident.fitting import fits
from shared.incident.labels import HOLD
from shared.incident.status import Status
from shared.testing.log import LogBuilder


def test_a_card_says_what_is_wrong_since_when_and_what_is_proposed() -> None:
    log = LogBuilder().to(Status.NEEDS_APPROVAL)
    shown = card(log.incident)
    directive = log.incident.directive
    assert directive is not None
    assert shown["service"] == "policy-service"
    assert shown["status"] == "Needs-Approval"
    assert shown["since"] == "2026-01-01T11:59:58Z"
    assert shown["cause"] == {"text": "OOM", "confidence": 0.93}
    assert shown["action"] is not None
    assert shown["action"]["digest"] == directive.digest
    assert "Waits for a person" in shown["waiting"]
    assert shown["whole"]


def test_the_commands_offered_are_those_that_fit() -> None:
    incident = LogBuilder().to(Status.NEEDS_APPROVAL).incident
    assert card(incident)["can"] == list(fits(incident))
    assert card(incident)["can"][:2] == ["/approve", "/deny"]


def test_what_is_on_hold_says_so_and_offers_to_lift_it() -> None:
    incident = replace(LogBuilder().to(Status.DIAGNOSED).incident, labels=frozenset({HOLD}))
    assert "Held" in card(incident)["waiting"]
    assert "/unhold" in card(incident)["can"]
    assert "/hold" not in card(incident)["can"]


@pytest.mark.parametrize(
    "typed", ["approve", "", "/", "/approve\n/deny", "/approve\u202e", "/" + "a" * 300, "/ approve"]
)
def test_what_is_no_single_command_is_refused(typed: str) -> None:
    with pytest.raises(NotACommand):
        read_command(typed)


def test_a_slip_gets_the_nearest_command() -> None:
    with pytest.raises(NotACommand, match="did you mean /approve"):
        read_command("/aprove")
    assert read_command("/focus h2") == ("focus", "/focus h2")


def test_why_nothing_was_done_is_told_rule_by_rule() -> None:
    shown = detail(LogBuilder().to(Status.DIAGNOSED).do("ruled:veto").incident)
    assert shown["why_not"] is not None
    assert shown["why_not"]["ruling"] == "veto"
    assert shown["why_not"]["predicates"]


def test_facts_come_in_order_with_links_and_a_pull_request_with_its_checks() -> None:
    log = LogBuilder().ready(Status.VERIFYING, "verified:ineffective")
    shown = detail(log.incident)
    assert [f["seq"] for f in shown["facts"]] == list(range(len(log.incident.entries)))
    assert shown["facts"][0]["url"].endswith("/issues/7")
    assert "#issuecomment-" in shown["facts"][1]["url"]
    (pull,) = shown["pulls"]
    assert pull["state"] == "merged"
    assert pull["checks"]
    assert shown["evidence"]
    assert all(e["sha256"] for e in shown["evidence"])


def test_a_log_that_was_touched_is_not_shown_as_whole_and_the_reason_stands_there() -> None:
    log = LogBuilder().to(Status.DIAGNOSED)
    log.edit(log.comments[0].id, log.comments[0].body.replace("sre-space:v1", "sre-space:v1 ", 1))
    shown = detail(log.incident)
    assert not shown["card"]["whole"]
    assert shown["rejected"]


def test_words_of_people_are_kept_as_they_are() -> None:
    log = LogBuilder().to(Status.DETECTED)
    log.post("<img src=x onerror=alert(1)> `code` **bold**", "mallory")
    (word,) = detail(log.incident)["words"]
    assert (word["login"], word["text"]) == ("mallory", "<img src=x onerror=alert(1)> `code` **bold**")
