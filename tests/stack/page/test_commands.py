"""What people can do here: only with their own token, in words they have read, and never by accident."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.stack.conftest import Open
from tests.stack.page.boards import asking, board, now
from tests.stack.page.conftest import Serve
from tests.stack.page.double import Double


def waiting(serve: Serve) -> Double:
    return serve(board(open_incidents=0) | {"incidents": [asking(7, now())]})


def signed_in(page: Page, login: str = "alice") -> None:
    expect(page.locator("#sign")).to_have_text(login)


def test_a_token_in_the_address_signs_in_and_is_gone_from_address_and_history(serve: Serve, visit: Open) -> None:
    page = visit(waiting(serve), "#/incidents/7?token=t-alice")
    signed_in(page)
    assert page.url.endswith("#/incidents/7")
    assert "t-alice" not in page.content()
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
    page.goto(page.url.partition("#")[0] + "#token=t-mallory")
    signed_in(page, "mallory")
    assert "token" not in page.url


def test_signed_out_people_see_what_they_could_do_and_are_asked_to_sign_in(serve: Serve, visit: Open) -> None:
    double = waiting(serve)
    page = visit(double)
    button = page.locator("#lane-7 [name='/approve']")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", "Sign in with your own GitHub token to do this.")
    button.click(force=True)
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_contain_text("To say /approve on #7")
    page.fill("#token", "t-nobody")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("GitHub does not know this token")
    page.fill("#token", "t-alice")
    page.keyboard.press("Enter")
    signed_in(page)
    expect(dialog).to_be_hidden()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    assert not double.posted


def test_an_approval_says_the_very_command_after_showing_what_it_is_bound_to(serve: Serve, visit: Open) -> None:
    double = waiting(serve)
    page = visit(double, "#token=t-alice")
    signed_in(page)
    page.click("#lane-7 [name='/approve']")
    dialog = page.get_by_role("dialog", name="/approve on #7?")
    action = double.board["incidents"][0]["action"]
    expect(dialog).to_contain_text(action["text"])
    expect(dialog).to_contain_text(action["digest"][:16])
    expect(dialog).to_contain_text(double.board["commands"]["/approve"]["does"])
    assert not double.posted
    dialog.get_by_role("button", name="Write /approve").click()
    expect(page.locator("#notice")).to_contain_text("/approve is written on #7.")
    assert double.posted == [("say 7", {"command": "/approve"})]
    expect(page.locator("#lane-7 [name='/approve']")).to_contain_text("✓")
    page.locator("#lane-7 [name='/approve']").click(force=True)
    expect(page.locator("#notice")).to_contain_text("Guardrail answers")
    assert len(double.posted) == 1


def test_who_may_only_read_is_told_so_and_nothing_is_sent(serve: Serve, visit: Open) -> None:
    double = waiting(serve)
    page = visit(double, "#token=t-mallory")
    signed_in(page, "mallory")
    page.locator("#lane-7 [name='/approve']").click(force=True)
    expect(page.locator("#notice")).to_have_text("mallory has read on this repository; /approve needs write.")
    assert not double.posted
    page.click("#lane-7 .open")
    page.click("#incident [name='/explain']")
    expect(page.get_by_role("dialog")).to_contain_text(double.board["commands"]["/explain"]["does"])


def test_a_command_with_an_argument_is_shown_as_an_example_to_change(serve: Serve, visit: Open) -> None:
    double = serve(board(open_incidents=0) | {"incidents": [asking(7, now()) | {"can": ["/silence", "/retry"]}]})
    page = visit(double, "#/incidents/7?token=t-alice")
    signed_in(page)
    page.click("#incident [name='/silence']")
    line = page.get_by_role("textbox", name="Command")
    expect(line).to_have_value("/silence 2h")
    expect(line).to_be_focused()
    line.fill("/silence 30m")
    page.get_by_role("button", name="Write /silence").click()
    expect(page.locator("#notice")).to_contain_text("/silence is written on #7.")
    assert double.posted == [("say 7", {"command": "/silence 30m"})]
    page.click("#incident [name='/retry']")
    expect(page.get_by_role("dialog")).to_contain_text("/retry")
    expect(page.get_by_role("textbox", name="Command")).to_have_count(0)


def test_freezing_takes_a_reason_and_unfreezing_a_second_word(serve: Serve, visit: Open) -> None:
    double = waiting(serve)
    page = visit(double, "#token=t-alice")
    signed_in(page)
    page.click("#freeze")
    dialog = page.locator("#dialog")
    dialog.get_by_role("button", name="Freeze").click()
    expect(dialog).to_be_visible()
    assert not double.posted
    page.fill("#why", "deploy at noon")
    page.keyboard.press("Enter")
    expect(page.locator(".banner")).to_contain_text("The fleet is frozen: deploy at noon")
    page.click("#freeze")
    dialog.get_by_role("button", name="Unfreeze").click()
    expect(page.locator(".banner")).to_have_count(0)
    assert double.posted == [("/api/freeze", {"why": "deploy at noon"}), ("/api/unfreeze", {})]
