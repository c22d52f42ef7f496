"""For everybody: axe finds nothing serious, the keyboard reaches everything, and nothing moves for those who ask."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.stack.conftest import Open
from tests.stack.page.boards import asking, board, card, now, stamp
from tests.stack.page.conftest import Serve, seen

AXE = Axe()


def serious(page: Page) -> list[str]:
    """Serious and critical findings: rule, element."""
    found = AXE.run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (1280, False), (360, True)])
def test_axe_finds_nothing_serious(serve: Serve, visit: Open, dark: bool, width: int) -> None:
    page = visit(serve(board(open_incidents=3)), width=width, dark=dark, still=True)
    assert serious(page) == []
    page.goto(page.url.partition("#")[0] + "#/incidents/102")
    expect(page.locator("#incident .waterfall")).to_be_visible()
    assert serious(page) == []
    page.click("#sign")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.click("#earlier")
    expect(page.locator(".banner[data-kind=past]")).to_contain_text("You are looking")
    assert serious(page) == []


def test_the_keyboard_alone_opens_reads_and_leaves_an_incident(serve: Serve, visit: Open) -> None:
    page = visit(serve(board(open_incidents=3)))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("j")
    page.keyboard.press("j")
    lane = page.evaluate("document.activeElement.closest('.lane').id")
    page.keyboard.press("Enter")
    expect(page.locator("#incident-heading")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(f"#{lane} .open")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    expect(page.locator(f"#{lane} .open")).to_be_focused()
    page.keyboard.press(",")
    expect(page.locator("#when")).to_contain_text("Past")
    page.keyboard.press("l")
    expect(page.locator("#when")).to_have_text("Live")


def test_every_button_is_in_the_tab_order_with_a_name(serve: Serve, visit: Open) -> None:
    page = visit(serve(board(open_incidents=3)))
    expected = page.locator("button:visible:enabled").count()
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        focus = page.evaluate("(e => [e.tagName, e.id, e.name, e.closest('.lane')?.id])(document.activeElement)")
        if focus[0] == "BODY":
            break
        if focus[0] == "BUTTON":
            reached.add(tuple(focus))
    assert len(reached) == expected
    assert page.locator("button").evaluate_all("all => all.every(b => b.ariaLabel || b.textContent.trim())")


def test_focus_stays_when_the_incident_changes(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0) | {"incidents": [asking(7, now())]})
    page = visit(double, "#/incidents/7")
    page.focus("#incident .say [name='/deny']")
    seen(page, double.emit("incident", asking(7, now(), summary="now it is worse")))
    expect(page.locator("#incident .summary")).to_have_text("now it is worse")
    expect(page.locator("#incident .say [name='/deny']")).to_be_focused()


def test_what_is_unfolded_stays_so_and_has_the_focus_when_the_log_grows(serve: Serve, visit: Open) -> None:
    opened = now()
    double = serve(board(open_incidents=0) | {"incidents": [card(7, 2, opened)]})
    page = visit(double, "#/incidents/7")
    rows = page.locator("#incident .log[data-what=facts] > li")
    rows.locator("summary").first.click()
    before = rows.count()
    double.emit("incident", card(7, 4, opened))
    expect(rows.nth(before)).to_be_visible()
    assert rows.locator("details[open]").count() == 1
    expect(rows.locator("summary").first).to_be_focused()


def test_screen_readers_hear_of_beginnings_and_ends_and_not_of_each_thought(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0))
    page = visit(double)
    for n in range(20):
        double.emit("thought", {"at": stamp(now()), "incident": 7, "agent": "brain", "text": f"thought {n}"})
    double.emit("incident", card(7, 1, now()))
    expect(page.locator("#say")).to_contain_text("New: Incident 7")
    assert "thought" not in page.inner_text("#say")
    live = page.locator("[aria-live=polite], [aria-live=assertive], [role=status], [role=alert]")
    assert set(live.evaluate_all("all => all.map(one => one.id)")) == {"say", "notice"}


def test_nothing_moves_for_those_who_ask_for_less_motion(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=3))
    moves = "getComputedStyle(document.querySelector('.track [data-state=now] .knob')).animationName"
    assert visit(double).evaluate(moves) == "breathe"
    page = visit(double, still=True)
    assert page.evaluate(moves) == "none"
    page.click("#help")
    assert page.evaluate("document.getAnimations().filter(a => a.playState === 'running').length") == 0
