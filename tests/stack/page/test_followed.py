"""Incidents of a real world on the page, in a real browser: followed, approved and frozen as a person does it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from shared.incident.facts import Applied
from tests.machine import ROOT, clean_environment
from tests.scenario.stack import Stack, running
from tests.stack.conftest import Open
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]

STAGES: Final = ("detect", "diagnose", "rule", "act", "verify")
REMEMBER: Final = """() => {
    window.moves = [];
    const look = () => {
        for (const lane of document.querySelectorAll('.lane')) {
            const stages = [...lane.querySelectorAll('.track > li')].map(one => one.dataset.state);
            const last = window.moves.findLast(one => one.lane === lane.id);
            if (JSON.stringify(last?.stages) !== JSON.stringify(stages)) window.moves.push({lane: lane.id, stages});
        }
    };
    const options = {subtree: true, childList: true, attributes: true, attributeFilter: ['data-state']};
    new MutationObserver(look).observe(document.getElementById('incidents'), options);
}"""
"""Keeps each state of each lane that was ever on the page; what is kept is gone when the page is loaded again."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With a policy that asks a person about quote-service."""
    policy = yaml.safe_load((ROOT / "deploy" / "policy.yaml").read_text(encoding="utf-8"))
    policy["services"]["quote-service"]["approval"] = True
    file: Path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(yaml.safe_dump(policy), encoding="utf-8")
    with running(SRE_POLICY=str(file)) as one:
        yield one


def operators_link(stack: Stack) -> str:
    """As `./mission-control.sh dashboard` prints it."""
    argv = [sys.executable, "-P", "-m", "mission_control", "dashboard", "--state", str(stack.state)]
    done = subprocess.run(argv, env=clean_environment(), capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.splitlines()[0]


def signed_in(stack: Stack, visit: Open) -> Page:
    """The operator's page, with every incident on it, open or closed; what moves on it is kept."""
    page = visit(operators_link(stack))
    expect(page.locator("#sign")).to_have_text("olivia")
    assert "token" not in page.url
    return with_all(page)


def with_all(page: Page) -> Page:
    page.click("#chips [name=all]")
    page.evaluate(REMEMBER)
    return page


def lane(page: Page, number: int) -> Locator:
    return page.locator(f"#lane-{number}")


def moves(page: Page, number: int) -> list[list[str]]:
    """The states of the five stages up to verify, each once, as they followed each other on the page."""
    kept: list[dict[str, Any]] = page.evaluate("window.moves")
    found = [one["stages"][: len(STAGES)] for one in kept if one["lane"] == f"lane-{number}"]
    return [one for n, one in enumerate(found) if n == 0 or one != found[n - 1]]


def said(stack: Stack, number: int, words: str) -> list[dict[str, Any]]:
    """The comments on the issue that say just this."""
    return [comment for comment in stack.comments(number) if comment["body"] == words]


def ends_closed(page: Page, number: int) -> None:
    """The lane says closed, with every stage behind it."""
    expect(lane(page, number).locator(".status")).to_have_text("Closed", timeout=60_000)
    expect(lane(page, number).locator(".track [data-state=done]")).to_have_count(6)


def test_a_fault_is_followed_on_the_page_from_detection_to_closed_without_a_reload(stack: Stack, visit: Open) -> None:
    page = with_all(visit(f"{stack.run.dashboard}/", strict=True))
    expect(page.locator("#services .health")).to_have_text(["healthy"] * 4, timeout=40_000)
    expect(page.locator(".rate .figure")).to_contain_text("%", timeout=40_000)
    known, since = stack.numbers(), time.time()
    stack.inject("crash", "policy-service")
    number = stack.opened(known)
    expect(lane(page, number)).to_contain_text("policy-service")
    ends_closed(page, number)
    seen = moves(page, number)
    behind = [one.count("done") for one in seen]
    assert behind == sorted(behind)
    assert behind[-1] == len(STAGES)
    assert len(set(behind)) >= 2, f"it stood still, then was over: {seen}"  # a busy machine may take some in one step
    assert all(set(one[:done]) == {"done"} for one, done in zip(seen, behind, strict=True)), seen
    assert any(one[4] == "now" for one in seen), "while it was verified"
    thinkers = set(page.locator("#feed li:not([data-act]) b").all_text_contents())
    assert thinkers >= {"scout", "brain", "guardrail", "fixer", "memory"}
    lane(page, number).locator(".open").click()
    facts = page.locator("#incident .log[data-what=facts] > li")
    expect(facts.and_(page.locator("[data-kind=verified]"))).to_have_count(1)
    assert stack.restarts(since) == {"policy-service": 1}
    assert stack.closed(number).whole


def test_the_operator_approves_on_the_page_and_the_fleet_acts(stack: Stack, visit: Open) -> None:
    page = signed_in(stack, visit)
    known, since = stack.numbers(), time.time()
    stack.inject("crash", "quote-service")
    number = stack.opened(known)
    approve = lane(page, number).locator("[name='/approve']")
    expect(approve).to_be_enabled(timeout=40_000)
    expect(lane(page, number).locator(".status")).to_have_text("Needs approval")
    expect(page.locator(".tile", has_text="Waiting for a person")).to_contain_text(f"#{number}")
    assert stack.restarts(since) == {}
    approve.click()
    dialog = page.get_by_role("dialog", name=f"/approve on #{number}?")
    expect(dialog).to_contain_text("restart quote-service")
    expect(dialog).to_contain_text("olivia (maintain)")
    dialog.get_by_role("button", name="Write /approve").click()
    expect(page.locator("#notice")).to_contain_text(f"/approve is written on #{number}.")
    ends_closed(page, number)
    assert [c["user"]["login"] for c in said(stack, number, "/approve")] == ["olivia"]
    assert stack.restarts(since) == {"quote-service": 1}


def test_frozen_from_the_page_nothing_is_done_until_the_page_unfreezes(stack: Stack, visit: Open) -> None:
    page = signed_in(stack, visit)
    page.click("#freeze")
    page.fill("#why", "a deploy by hand")
    page.get_by_role("dialog").get_by_role("button", name="Freeze").click()
    expect(page.locator(".banner")).to_contain_text("The fleet is frozen: a deploy by hand")
    known, since = stack.numbers(), time.time()
    stack.inject("crash", "user-service")
    number = stack.opened(known)
    expect(lane(page, number).locator(".status")).to_have_text("Diagnosed", timeout=40_000)
    lane(page, number).locator(".open").click()
    page.locator("#incident [name='/explain']").click()
    page.get_by_role("dialog").get_by_role("button", name="Write /explain").click()
    asked = wait_for(lambda: said(stack, number, "/explain"), 20, "the question is written")
    stack.answered(number, asked[0]["id"], 30)  # Guardrail has had its turn, and more than one
    expect(page.locator("#incident .status")).to_have_text("Diagnosed")
    assert stack.restarts(since) == {}
    page.click("#freeze")
    page.get_by_role("dialog").get_by_role("button", name="Unfreeze").click()
    expect(page.locator(".banner")).to_have_count(0)
    expect(page.locator("#incident .status")).to_have_text("Closed", timeout=60_000)
    assert len(stack.closed(number).all(Applied)) == 1
    assert stack.restarts(since) == {"user-service": 1}
