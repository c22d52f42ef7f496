"""Text from the world is data: whatever stands in it, the page shows it and does nothing else."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.stack.conftest import Open
from tests.stack.page.boards import Json, asking, board, now, stamp
from tests.stack.page.conftest import Serve, seen

EVIL = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}} \u202egnp.exe\u202c \u200b\U000e0041'
    + " 🦀𝕏\U0001f469\u200d\U0001f680 "
    + "w" * 900
)
KEPT = frozenset(("kind", "at", "posted_at", "opened_at", "since", "updated_at", "log_from", "from", "state", "stage"))
NAMES = frozenset(("status", "ruling", "verb", "day", "can", "id", "health", "name"))


def poisoned(value: Any, key: str = "") -> Any:
    """Every text that is not a time or a word of the contract replaced by EVIL; addresses by one that is a script."""
    if isinstance(value, dict):
        return {name: poisoned(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, key) for one in value]
    if not isinstance(value, str) or key in KEPT | NAMES:
        return value
    return "javascript:window.hacked=1" if key.endswith("url") else EVIL


def test_markup_bidi_long_words_and_astral_letters_are_inert_everywhere(serve: Serve, visit: Open) -> None:
    evil: Json = poisoned(board(open_incidents=0) | {"incidents": [asking(7, now())]})
    evil["sources"][0] |= {"ok": False}
    evil["switch"] |= {"frozen": True, "why": EVIL}
    double = serve(evil)
    for width in (1280, 360):
        page = visit(double, "#/incidents/7", width=width)
        expect(page.locator("#incident .log li").first).to_contain_text("<img src=x")
        for path in ("#/", "#/incidents/7"):
            page.goto(double.url + path)
            event = double.emit("thought", {"at": stamp(now()), "incident": 7, "agent": EVIL, "text": EVIL})
            seen(page, event)
            assert page.evaluate("window.hacked ?? null") is None
            assert page.locator("body img, body script").count() == 0
            assert page.locator("a[href^='javascript' i]").count() == 0
            assert "\u202e" not in page.inner_text("body")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width} is too wide"
    assert "🦀𝕏" in page.inner_text("#incident")
