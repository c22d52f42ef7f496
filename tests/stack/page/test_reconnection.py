"""A stream that breaks: nothing is missed, nothing is shown twice, and meanwhile the page says how old it is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.stack.conftest import Open
from tests.stack.page.boards import board, card, now, stamp
from tests.stack.page.conftest import Serve, seen
from tests.stack.page.double import Double


def think(double: Double, *names: str) -> str:
    last = ""
    for name in names:
        last = double.emit("thought", {"at": stamp(now()), "incident": 101, "agent": "brain", "text": f"<{name}>"})
    return last


def heard(page: Page) -> list[str]:
    texts: list[str] = page.locator("#feed li p").all_inner_texts()
    return [text for text in reversed(texts) if re.fullmatch("<.*>", text)]


def test_a_server_that_was_killed_and_is_back_is_caught_up_with_by_id(serve: Serve, visit: Open) -> None:
    double = serve(board(busy=True) | {"thoughts": []})
    page = visit(double)
    seen(page, last := think(double, "a", "b"))
    double.stop()
    expect(page.locator("#link")).to_have_attribute("data-link", re.compile("connecting|away"))
    think(double, "c", "d")
    double.start()
    seen(page, think(double, "e"))
    assert heard(page) == ["<a>", "<b>", "<c>", "<d>", "<e>"]
    assert double.listened[-1] == last
    expect(page.locator("#link")).to_have_attribute("data-link", "live")


def test_a_server_of_another_boot_gives_a_fresh_board(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=3))
    page = visit(double)
    seen(page, think(double, "a"))
    double.stop()
    double.reboot(board(open_incidents=0) | {"incidents": [card(55, 2, now())]})
    double.start()
    expect(page.locator(".lane")).to_have_count(1)
    expect(page.locator("#lane-55")).to_have_count(1)


def test_while_the_server_is_away_the_page_says_so_and_nothing_stays_green(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    expect(page.locator("#services [data-health=ok]").first).to_be_visible()
    double.stop()
    away = page.locator(".banner[data-kind=bad]")
    expect(away).to_have_text(re.compile(r"server is away since .* UTC\. What is shown is \d.* old"), timeout=20_000)
    expect(page.locator("#services [data-health=ok], #fleet [data-health=ok]")).to_have_count(0)
    expect(page.locator("#link-text")).to_contain_text("old")
    double.start()
    expect(page.locator("#link")).to_have_attribute("data-link", "live", timeout=20_000)
    expect(away).to_have_count(0)


def test_an_event_that_comes_twice_counts_once_and_a_hole_asks_for_a_board(serve: Serve, visit: Open) -> None:
    double = serve(board(busy=True) | {"thoughts": []})
    page = visit(double)
    seen(page, think(double, "a"))
    with page.expect_request("**/api/board"):
        double.seq += 5
        think(double, "b")
    double.seq -= 1
    double.emit("thought", {"at": stamp(now()), "incident": 1, "agent": "brain", "text": "<b, again>"})
    seen(page, think(double, "c"))
    assert "<b, again>" not in heard(page)


def test_an_event_that_cannot_be_shown_is_an_error_of_the_page_and_the_stream_goes_on(
    serve: Serve, visit: Open
) -> None:
    double = serve(board(busy=True) | {"thoughts": []})
    page = visit(double, fails=True)
    with page.expect_event("pageerror"):
        double.emit("vitals", {"at": stamp(now()), "services": None})
    seen(page, think(double, "a"))
    assert heard(page) == ["<a>"]
    assert len(double.listened) == 1


def test_the_wire_format_is_read_however_it_is_cut(serve: Serve, visit: Open) -> None:
    page = visit(serve())
    wire = 'id: b-1\r\nevent: thought\r\ndata: {"x":\r\ndata: 1}\r\n\r\n: alive\n\nid: b-2\ndata: ü\n\n'
    read = page.evaluate(
        """async wire => {
          const {Reader} = await import("/static/stream.js"), all = [];
          for (let size = 1; size < 9; size++) {
            const reader = new Reader(), read = [];
            for (let at = 0; at < wire.length; at += size) read.push(...reader.feed(wire.slice(at, at + size)));
            all.push(JSON.stringify(read));
          }
          return all;
        }""",
        wire,
    )
    assert len(set(read)) == 1
    assert read[0] == (
        '[{"id":"b-1","event":"thought","data":"{\\"x\\":\\n1}"},{"id":"b-2","event":"message","data":"ü"}]'
    )


def test_a_second_without_news_is_a_hole_in_the_line_and_not_a_zero(serve: Serve, visit: Open) -> None:
    page = visit(serve())
    series = page.evaluate(
        """async () => {
          const {Series, conversion} = await import("/static/series.js");
          const s = new Series(["requested", "purchased"], null);
          s.put("2026-01-01T00:00:00Z", {requested: 4, purchased: 3});
          s.put("2026-01-01T00:00:03Z", {requested: 4, purchased: 1});
          s.put("2025-12-31T23:59:00Z", {requested: 9, purchased: 9});
          return [s.values.requested, conversion(s), s.last("requested", 60)];
        }"""
    )
    assert series == [[4, None, None, 4], [0.75, None, None, 0.5], {"sum": 8, "known": 2}]


@pytest.mark.parametrize("lost", ["main.js", "words.js", "app.css", "uPlot.iife.min.js"])
def test_a_page_of_which_a_file_was_lost_on_the_way_is_asked_for_again(serve: Serve, visit: Open, lost: str) -> None:
    """Chromium drops what it loads when a network interface comes or goes, and each container that starts has one."""
    page = visit(serve(board(open_incidents=3)), lose=lost)
    page.wait_for_function("() => performance.getEntriesByType('navigation')[0].type === 'reload'")
    expect(page.locator(".lane")).to_have_count(3)
