"""Budgets, trust and days: counted from the logs, by GitHub's clock; what was not measured is not zero."""

from __future__ import annotations

from datetime import timedelta

from dashboard.tally import DAYS, budgets, days, past_of, trust
from shared.incident.status import Status
from shared.testing.log import LogBuilder
from shared.testing.samples import START
from tests.policy_file import shipped_policy

HEALED = LogBuilder().to(Status.VERIFYING).do("verified:healthy", "learned").incident
LATER = START + timedelta(minutes=10)


def test_an_action_counts_against_its_service_and_against_all_within_the_window() -> None:
    policy = shipped_policy()
    past = [past_of(HEALED)]
    used = {b["name"]: b["used"] for b in budgets(past, policy, LATER)}
    assert used["all services"] == used["policy-service"] == 1
    assert used["frontend"] == 0
    later = budgets(past, policy, START + policy.limits.window + timedelta(minutes=1))
    assert {b["used"] for b in later} == {0}
    assert {b["used"] for b in budgets(past, policy, START)} == {0}  # not yet


def test_trust_is_what_was_verified() -> None:
    (row,) = trust([past_of(HEALED)], shipped_policy(), LATER)
    assert (row["service"], row["cause"], row["verb"]) == ("policy-service", "oom", "restart")
    assert (row["helped"], row["failed"], row["undone"]) == (1, 0, 0)
    assert trust([past_of(LogBuilder().to(Status.DETECTED).incident)], shipped_policy(), LATER) == []


def test_days_are_means_over_closing_accounts_and_an_empty_day_has_none() -> None:
    told = days([past_of(HEALED)], LATER)
    assert len(told) == DAYS
    assert (told[-1]["day"], told[-1]["closed"]) == ("2026-01-01", 1)
    assert told[-1]["mttr_s"] is not None
    assert (told[0]["closed"], told[0]["mttr_s"]) == (0, None)
    assert days([past_of(HEALED)], START)[-1]["closed"] == 0
