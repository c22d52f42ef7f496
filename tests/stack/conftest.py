"""One browser for all tests that open the page, be it served by a double or by a world that runs; and the order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

WAIT_MS: Final = 20_000
"""How long something on the page is waited for, on a busy machine too."""
Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs in containers goes last: their stack is there to the end, and takes the machine from everybody else."""
    items.sort(key=lambda item: item.nodeid.startswith("tests/stack/containers/"))


class Served(Protocol):
    """What serves the page at `url`, which ends with a slash."""

    @property
    def url(self) -> str: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium, headless. Where there is none the tests fail: the page is not checked without it."""
    found = shutil.which("chromium")
    assert found, "the dashboard's tests need a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"] if os.geteuid() == 0 else [], timeout=60_000
        )
        expect.set_options(timeout=WAIT_MS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens the page: `visit(served, "#/incidents/7", width=360, dark=False, still=True)`. No script may fail on it.

    `served` is a Served or an address. `strict`: nothing at all may be complained of in the console.
    `lose`: the first request for the file of this name gets no answer; scripts may fail until it comes.
    `fails`: the test makes a script fail.
    """
    pages: list[Page] = []
    wrong: list[str] = []

    def opened(
        served: Served | str, at: str = "", *, width: int = 1280, dark: bool = True, still: bool = False,
        wait: bool = True, lose: str = "", strict: bool = False, fails: bool = False,
    ) -> Page:  # fmt: skip
        size = ViewportSize(width=width, height=800)
        choices: dict[str, Any] = {"color_scheme": "dark" if dark else "light"}
        if still:
            choices["reduced_motion"] = "reduce"
        page = browser.new_context(viewport=size, **choices).new_page()
        page.set_default_timeout(WAIT_MS)
        pages.append(page)

        def complains(said: ConsoleMessage) -> None:
            if "Content Security" in said.text or (strict and said.type in ("error", "warning")):
                wrong.append(f"{said.text} {said.location}")

        if not (lose or fails):
            page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", complains)
        if lose:
            page.route(f"**/{lose}", lambda route: route.abort("connectionaborted"), times=1)
        page.goto((served if isinstance(served, str) else served.url) + at)
        if wait:
            page.wait_for_selector("#link[data-link=live], #link[data-link=past]")
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert not wrong
