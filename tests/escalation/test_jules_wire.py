"""What Jules says is read as it is meant, bounded, and total on odd answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.escalation.backends import jules_wire as wire
from shared.ports import PullRef

REPO = "acme/market"


def session(*outputs: Any, state: str = "COMPLETED", activities: tuple[Any, ...] = ()) -> Any:
    value = {"id": "123", "state": state, "url": "https://jules.google.com/session/123", "outputs": list(outputs)}
    return wire.session(value, activities, REPO)


def pull(url: str = "https://github.com/acme/market/pull/7", head: str = "mend-it-123") -> dict[str, Any]:
    return {"pullRequest": {"url": url, "title": "t", "description": "d", "baseRef": "main", "headRef": head}}


def change(patch: str) -> dict[str, Any]:
    return {"changeSet": {"source": "sources/x", "gitPatch": {"unidiffPatch": patch, "baseCommitId": "a" * 40}}}


def test_a_pull_request_of_the_repository_is_the_outcome_and_a_patch_beside_it_is_not() -> None:
    found = session(change("diff"), pull())
    assert found.pull == PullRef(7, "https://github.com/acme/market/pull/7", "mend-it-123")
    assert (found.made, found.detail) == (None, "")


def test_a_change_set_alone_is_no_outcome_and_said() -> None:
    found = session(change("diff --git"))
    assert (found.pull, found.made, found.detail) == (None, None, "it made a change set and no pull request")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/evil/market/pull/7",
        "https://github.com/acme/market/pull/7?x=1",
        "https://github.com/acme/market/issues/7",
        "javascript:alert(1)",
        "https://github.com/a/acme/market/pull/7",
    ],
)
def test_a_pull_request_elsewhere_is_none_and_said(url: str) -> None:
    found = session(pull(url))
    assert found.pull is None
    assert found.detail == "it names a pull request that is not in acme/market"


def test_a_branch_that_does_not_end_in_the_sessions_number_is_said() -> None:
    assert "does not end in the session's number" in session(pull(head="something-else")).detail


def test_of_several_pull_requests_the_first_counts() -> None:
    found = session(pull("https://github.com/acme/market/pull/9"), pull())
    assert found.pull.number == 7
    assert "2 pull requests" in found.detail


def test_the_newest_plan_is_shown_a_step_a_line_with_nothing_hidden_in_it() -> None:
    old = {"planGenerated": {"plan": {"id": "p", "steps": [{"title": "old"}]}}}
    steps = [{"title": "One\n## two", "description": "a\u202eb"}, {"description": "only this"}, "odd", {}]
    new = {"planGenerated": {"plan": {"id": "q", "steps": steps}}}
    found = session(state="AWAITING_PLAN_APPROVAL", activities=(old, new))
    assert found.plan == "1. One ## two: a b\n2. only this\n3. "


def test_a_plan_fits_a_fact_and_says_what_it_left_out() -> None:
    steps = [{"title": "t" * 500, "description": "d" * 500}] * 45
    made = {"planGenerated": {"plan": {"id": "p", "steps": steps}}}
    plan = session(state="AWAITING_PLAN_APPROVAL", activities=(made,)).plan
    assert plan
    assert len(plan) <= 4_000
    assert plan.endswith("\n… the rest is cut")


def test_a_plan_is_only_told_where_it_waits() -> None:
    made = {"planGenerated": {"plan": {"id": "p", "steps": [{"title": "x"}]}}}
    assert session(state="IN_PROGRESS", activities=(made,)).plan is None


def test_a_failure_without_a_reason_says_so() -> None:
    assert session(state="FAILED", activities=({"sessionFailed": {}},)).detail == "it gives no reason"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)
NAMES = ("state", "outputs", "url", "title", "createTime", "pullRequest", "changeSet", "planGenerated", "sessionFailed")


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.lists(st.dictionaries(st.sampled_from(NAMES), JSON)))
def test_no_answer_whatever_makes_it_raise(value: dict[str, Any], activities: list[dict[str, Any]]) -> None:
    found = wire.session({"id": "123", **value}, activities, REPO)
    assert found.id == "123"
    assert len(found.detail) <= wire.LONGEST_DETAIL
    wire.row(value)
    wire.row({"id": "1", **value})


@pytest.mark.parametrize(
    ("text", "there"),
    [("2026-01-01T12:00:00Z", True), ("2026-01-01T12:00:00.123456789Z", True), ("yesterday", False), (7, False)],
)
def test_times_are_read_with_up_to_nine_digits_and_only_with_a_zone(text: Any, there: bool) -> None:
    assert (wire.moment(text) is not None) is there
    assert wire.moment("2026-01-01T12:00:00") is None
