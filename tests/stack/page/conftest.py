"""A server's double for each test of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.stack.page.boards import Json, board
from tests.stack.page.double import Double

Serve = Callable[..., Double]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts doubles: `serve(board)`; stopped at the end."""
    running: list[Double] = []

    def start(given: Json | None = None) -> Double:
        running.append(Double(given if given is not None else board()))
        return running[-1]

    yield start
    for double in running:
        double.stop()


def seen(page: Page, event: str) -> None:
    """Waits until what came with this event, and before, is drawn."""
    page.wait_for_function(
        "id => { const [b, s] = document.querySelector('meta[name=seen]').content.split('-');"
        " const [c, t] = id.split('-'); return b === c && Number(s) >= Number(t); }",
        arg=event,
    )
