"""200 open incidents and 1,000 events: everything arrives, the page stays as small as it was and answers meanwhile."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.stack.conftest import Open
from tests.stack.page.boards import board
from tests.stack.page.conftest import Serve, seen
from tests.stack.page.storm import storm


def test_two_hundred_incidents_and_a_thousand_events_arrive_and_leave_no_litter(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=200, closed=50))
    page = visit(double)
    expect(page.locator(".lane")).to_have_count(200)
    before = page.evaluate("document.querySelectorAll('*').length")
    last = ""
    for kind, data in storm(1_000, [one["number"] for one in double.board["incidents"][:200]]):
        last = double.emit(kind, data)
    seen(page, last)
    assert page.locator("#feed li").count() == 100
    assert page.locator(".lane").count() >= 199
    assert page.evaluate("document.querySelectorAll('*').length") < 1.2 * before + 500
    all_of_them = page.locator(".lane").count()
    page.fill("#filter", "policy-service critical")
    expect(page.locator(".lane")).not_to_have_count(all_of_them)
    assert 0 < page.locator(".lane").count() < 100
