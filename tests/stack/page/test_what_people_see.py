"""What people see: incidents that move, services as they are, and what is not known said as unknown."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.stack.conftest import Open
from tests.stack.page.boards import asking, board, card, now, stamp, vital
from tests.stack.page.conftest import Serve, seen


def test_an_incident_moves_through_its_lane_as_it_happens(serve: Serve, visit: Open) -> None:
    double, opened = serve(board(open_incidents=0)), now()
    page = visit(double)
    expect(page.locator("#no-incidents")).to_have_text("No incident is open.")
    for done in range(1, 6):
        double.emit("incident", card(7, done, opened))
        expect(page.locator("#lane-7 .track [data-state=done]")).to_have_count(done)
        expect(page.locator("#lane-7 .track [aria-current=step]")).to_have_count(1)
    seen(page, double.emit("incident", card(7, 6, opened)))
    expect(page.locator("#lane-7")).to_have_count(0)
    page.click("#chips [name=closed]")
    expect(page.locator("#lane-7 .status")).to_have_text("Closed")


def test_what_waits_for_a_person_stands_first(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0))
    page = visit(double)
    double.emit("incident", asking(7, now() - timedelta(minutes=9)))
    seen(page, double.emit("incident", card(8, 2, now())))
    assert page.locator(".lane").evaluate_all("lanes => lanes.map(one => one.id)") == ["lane-7", "lane-8"]
    expect(page.locator(".tile", has_text="Waiting for a person").locator(".figure")).to_have_text("1")


def test_what_nobody_knows_is_unknown_and_never_zero_or_green(serve: Serve, visit: Open) -> None:
    page = visit(serve(board(open_incidents=0, closed=0, busy=False)))
    expect(page.locator(".rate .figure")).to_have_text("unknown")
    expect(page.locator(".service .health")).to_have_text(["unknown"] * 4)
    expect(page.locator(".service dd")).to_have_text(["unknown"] * 12)
    expect(page.locator("#fleet [data-health=ok], #services [data-health=ok]")).to_have_count(0)
    expect(page.locator(".tile").last.locator(".figure")).to_have_text("none closed")


def test_vitals_move_the_figures_and_a_service_that_falls_silent_is_unknown(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    row = page.locator(".service", has_text="user-service")
    sick = vital("user-service", random.Random(1), bad=True)
    double.emit("vitals", {"at": stamp(now()), "services": [sick]})
    expect(row.locator(".health")).to_have_text("unwell")
    expect(row.locator("dd").first).to_have_text(re.compile(r"^\d+ ms$"))
    double.emit("vitals", {"at": stamp(now() - timedelta(seconds=40)), "services": [sick | {"health": "ok"}]})
    expect(row.locator(".health")).to_have_text("unknown")
    expect(row.locator(".detail")).to_have_text(re.compile("was healthy 4. s ago"))


def test_a_service_that_is_gone_leaves_the_page_when_it_asks_for_a_board(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    row = page.locator(".service", has_text="user-service")
    expect(row).to_have_count(1)
    double.board |= {"services": [one for one in double.board["services"] if one["name"] != "user-service"]}
    double.emit("incident", card(101, 6, now()))
    expect(row).to_have_count(0)
    expect(page.locator(".service")).to_have_count(len(double.board["services"]))


def test_a_chart_reads_out_the_value_under_the_pointer_and_by_arrow_keys(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double, width=360)
    chart = page.get_by_role("slider", name="policy-service, last 10 minutes")
    tip, read = chart.locator(".tip"), re.compile(r"^\d\d:\d\d:\d\d UTC: p50 \d+ ms, errors \d+\.\d %$")
    expect(tip).to_have_text("")
    chart.hover(position={"x": 8, "y": 8})
    expect(tip).to_have_text(read)
    page.mouse.move(0, 0)
    expect(tip).to_have_text("")
    page.locator("#feed-pause").focus()
    chart.focus()
    page.keyboard.press("End")
    expect(tip).to_have_text(read)
    from_start = second_of(tip.inner_text())
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    back = tip.inner_text()
    assert (second_of(back) - from_start) % 86400 == 86400 - 5
    assert chart.get_attribute("aria-valuetext") == back
    sick = vital("policy-service", random.Random(1), bad=True)
    seen(page, double.emit("vitals", {"at": stamp(now()), "services": [sick]}))
    assert tip.inner_text() == back, "it holds on to its second while newer ones come"
    box, inside = chart.bounding_box(), tip.bounding_box()
    assert box is not None
    assert inside is not None
    assert box["x"] <= inside["x"]
    assert inside["x"] + inside["width"] <= box["x"] + box["width"] + 1
    page.keyboard.press("Home")
    for _ in range(205):
        page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("p50 unknown")
    page.locator("#feed-pause").focus()
    expect(tip).to_have_text("")


def second_of(text: str) -> int:
    """The second of the day that a readout begins with."""
    hours, minutes, seconds = text[:8].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds)


def test_a_source_that_is_away_is_named_with_the_time_since_when(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    double.emit("sources", [{"name": "kafka", "ok": False, "detail": "no broker", "at": "2026-11-22T01:02:03.000Z"}])
    expect(page.locator(".banner")).to_have_text(re.compile(r"Kafka: away since .*01:02:03 UTC: no broker"))
    double.emit("sources", [{"name": "kafka", "ok": True, "detail": "", "at": stamp(now())}])
    expect(page.locator(".banner")).to_have_count(0)


def test_an_unreadable_freeze_switch_counts_as_frozen(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    double.emit("switch", {"frozen": False, "why": "", "url": None, "readable": False})
    expect(page.locator(".banner")).to_contain_text("cannot be read: the fleet counts it as frozen")
    expect(page.locator("#freeze")).to_have_text("Unfreeze")


def test_an_incident_is_one_address_and_shows_why_not_evidence_and_the_trace(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=3))
    page = visit(double, "#/incidents/102")
    incident = page.locator("#incident")
    expect(incident.locator("h2")).to_contain_text("#102")
    expect(incident.locator(".rules [data-ok=false]")).to_contain_text("0.62 is below 0.80")
    expect(incident.locator(".rules [data-ok=null]").first).to_contain_text("no earlier restart")
    expect(incident.locator(".waterfall tbody tr")).to_have_count(14)
    links = incident.get_by_role("link")
    for name, target in (("Open the issue", "/issues/102"), ("In Jaeger", "/trace/"), ("Comment", "#issuecomment-")):
        assert target in (links.filter(has_text=name).last.get_attribute("href") or "")
    double.trace = None
    page.reload()
    expect(incident.locator(".trace")).to_contain_text("Jaeger has no such trace")


def test_with_the_first_incident_there_is_a_past_to_go_to(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0, closed=0) | {"log_from": None})
    page = visit(double)
    expect(page.locator("#when-age")).to_have_text("no log yet")
    expect(page.locator("#at")).to_be_disabled()
    double.emit("incident", card(7, 1, now() - timedelta(minutes=5)))
    expect(page.locator("#at")).to_be_enabled()


def test_a_past_moment_is_marked_and_nothing_can_be_said_in_it(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0, at=now() - timedelta(minutes=2)))
    page = visit(double)
    double.emit("incident", asking(7, now()))
    expect(page.locator("#lane-7")).to_have_count(1)
    page.click("#earlier")
    expect(page.locator("#when")).to_have_text(re.compile("^Past: "))
    expect(page.locator(".banner[data-kind=past]")).to_contain_text("You are looking at the past")
    expect(page.locator("#lane-7")).to_have_count(0)
    expect(page.locator(".rate .figure")).to_have_text("unknown")
    assert "at=" in page.url
    double.emit("incident", asking(8, now()))
    page.click("#live")
    expect(page.locator("#when")).to_have_text("Live")
    expect(page.locator("#lane-8")).to_have_count(1)
    page.goto(page.url.partition("#")[0] + f"#/incidents/7?at={stamp(now())}")
    expect(page.locator("#incident .say .tool").first).to_have_attribute("aria-disabled", "true")
    assert not double.posted


def test_the_stream_of_thoughts_can_be_paused(serve: Serve, visit: Open) -> None:
    double = serve()
    page = visit(double)
    page.click("#feed-pause")
    thought = {"at": stamp(now()), "incident": 103, "agent": "brain", "text": "one more"}
    seen(page, double.emit("thought", thought))
    expect(page.locator("#feed-pause")).to_have_text("Resume (1 new)")
    expect(page.locator("#feed li").first).not_to_contain_text("one more")
    page.click("#feed-pause")
    expect(page.locator("#feed li").first).to_contain_text("one more")


def test_on_a_telephone_nothing_is_too_wide_and_the_page_ends_where_its_content_ends(serve: Serve, visit: Open) -> None:
    page = visit(serve(), width=360)
    expect(page.locator("#feed li").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    end = page.evaluate("document.querySelector('footer').offsetHeight + document.querySelector('main').offsetHeight")
    assert page.evaluate("document.documentElement.scrollHeight") - end < 200


@pytest.mark.parametrize("seconds", [90, 250, 600])
def test_the_times_below_the_chart_are_there_and_whole_however_short_it_is(
    serve: Serve, visit: Open, seconds: int
) -> None:
    since = now().replace(hour=13, minute=10, second=41, microsecond=0)
    trade = {"from": stamp(since), "requested": [9] * seconds, "purchased": [5] * seconds, "refused": [4] * seconds}
    page = visit(serve(board() | {"business": trade}))
    inked = """(canvas, [right, bottom]) => {
        const {width, height} = canvas, pen = canvas.getContext("2d");
        const seen = pen.getImageData(right ? width - right : 0, height - bottom, right || width, bottom).data;
        return seen.some((value, at) => at % 4 === 3 && value > 0);
    }"""
    canvas = page.locator(".plot canvas")
    assert canvas.evaluate(inked, [0, 12])
    assert not canvas.evaluate(inked, [2, 30]), "a time is cut off at the right"
