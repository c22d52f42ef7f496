"""A bad commit is taken back by a pull request that is proved first, on a stack as a person starts it.

The embedded world; here because each takes half a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mission_control.world.as_developer import STACK, value_in
from shared.incident.change import RevertCommit
from shared.incident.facts import Applied, Deployed, Diagnosed, Merged, Proposed, Proved, Verified
from tests.scenario.changes import file_on_main, pulls, said, statuses
from tests.scenario.stack import Stack, running
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

WARM = 80
"""Purchases before the first commit: what is usual must be known."""
DETECTED_WITHIN = 60.0
HEALED_WITHIN = 150.0
"""The proof starts the marketplace twice, on a machine that may be busy."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running() as one:
        wait_for(lambda: one.sold() > WARM, 90.0, "purchases", every=1.0)
        yield one


def test_a_bad_commit_is_reverted_proved_merged_deployed_and_verified_and_a_harmless_one_is_left(stack: Stack) -> None:
    known, since = stack.numbers(), time.time()
    told = stack.committed("conversion", "--herring")
    number = stack.opened(known, DETECTED_WITHIN)
    incident = stack.closed(number, HEALED_WITHIN)
    assert [blamed(d) for d in said(incident, Diagnosed)] == [told["commit"]]

    (pull,) = pulls(stack)
    assert changed_lines(stack, pull) == [("-", '"0.5"'), ("+", '"1.8"')]
    assert pull["user"]["login"] == pull["merged_by"]["login"] == stack.repository("fleet").login()
    assert {label["name"] for label in pull["labels"]} == {"sre-auto-fix", "Auto-Merged"}
    assert pull["merged_at"] <= stack.issue(number)["closed_at"]
    proof = statuses(stack, pull["head"]["sha"])
    shown = ("sre-space/base-is-red", "sre-space/head-is-green", "sre-space/tests")
    assert [proof[name] for name in shown] == ["success"] * 3
    assert statuses(stack, pull["merge_commit_sha"])["sre-space/deploy"] == "success"

    (proved,), (merged,), (deployed,) = said(incident, Proved), said(incident, Merged), said(incident, Deployed)
    assert (proved.verdict, proved.merge, proved.head_sha) == ("proved", "policy", pull["head"]["sha"])
    assert merged.merge_sha == deployed.sha == pull["merge_commit_sha"]
    assert [v.outcome for v in said(incident, Verified)] == ["healthy"]
    assert (incident.rejected, incident.gaps) == ((), ())
    assert stack.verify(number) == 0

    desired = file_on_main(stack, STACK)
    assert value_in(desired, "policy-service", "MAX_RISK_FACTOR") == "1.8"
    assert value_in(desired, "frontend", "FEATURE_YEARLY_PRICE") == "on", "the harmless commit stands"
    assert (stack.restarts(since), incident.all(Applied)) == ({}, ())
    assert set(stack.starts(since)) == {"policy-service", "frontend"}, "what was deployed, and nothing else"
    assert stack.numbers() - known == {number}
    sold = stack.sold()
    wait_for(lambda: stack.sold() > sold, 10.0, "customers buy again")


def test_where_every_merge_is_a_persons_the_pull_request_waits_and_its_merge_on_github_is_enough(stack: Stack) -> None:
    before, since = {pull["number"] for pull in pulls(stack)}, time.time()
    with stack.instead("fixer", SRE_MERGE="propose"):
        told = stack.committed("conversion")
        number = stack.open_now(DETECTED_WITHIN)
        waiting = stack.status(number, "Status: Needs-Approval", HEALED_WITHIN)
        assert [(p.verdict, p.merge) for p in said(waiting, Proved)] == [("proved", "person")]
        (pull,) = (pull for pull in pulls(stack) if pull["number"] not in before)
        assert (pull["state"], pull["merged_at"]) == ("open", None)
        assert value_in(file_on_main(stack, STACK), "policy-service", "MAX_RISK_FACTOR") == "0.5"
        operator = stack.repository("operator")
        operator.call("PUT", f"/pulls/{pull['number']}/merge", json={"sha": pull["head"]["sha"]})
        incident = stack.closed(number, HEALED_WITHIN)
    assert [blamed(d) for d in said(incident, Diagnosed)] == [told["commit"]]
    assert [p.number for p in said(incident, Proposed)] == [pull["number"]]
    assert [m.by for m in said(incident, Merged)] == [operator.login()]
    assert [v.outcome for v in said(incident, Verified)] == ["healthy"]
    assert "Auto-Merged" not in {label["name"] for label in stack.issue(pull["number"])["labels"]}
    assert value_in(file_on_main(stack, STACK), "policy-service", "MAX_RISK_FACTOR") == "1.8"
    assert stack.restarts(since) == {}
    assert (incident.rejected, incident.gaps) == ((), ())


def blamed(diagnosed: Diagnosed) -> str | None:
    change = diagnosed.directive.change
    return change.commit if isinstance(change, RevertCommit) else None


def changed_lines(stack: Stack, pull: dict[str, Any]) -> list[tuple[str, str]]:
    """Sign and value of each line that differs: all of MAX_RISK_FACTOR, and in the stack file alone."""
    (file,) = stack.repository().pages(f"/pulls/{pull['number']}/files")
    assert file["filename"] == STACK
    lines = [line for line in file["patch"].splitlines() if line[:1] in "+-"]
    assert all("MAX_RISK_FACTOR:" in line for line in lines)
    return [(line[0], line.split()[2]) for line in lines]
