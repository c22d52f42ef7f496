"""Text on labels can be read, whatever colour somebody chose."""

import re

import pytest

from embedded.forge.pages.labels import ENOUGH, Rgb, colour_class, contrast, stylesheet
from embedded.forge.rows import Label
from tests.forge_pages.conftest import Site

COLORS = ("000000", "ffffff", "d73a4a", "0075ca", "cfd3d7", "a2eeef", "7057ff", "e4e669", "808080", "777777", "ff0000")
RULE = re.compile(r"\.c-(\w{6}) \{ background: #(\w{6}); color: #(\w{6});")


def label(color: str) -> Label:
    return Label(1, "x", color, None, default=False)


def rgb(text: str) -> Rgb:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def test_contrast_is_that_of_the_web_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def test_text_on_every_label_reaches_aa_contrast_by_day_and_by_night() -> None:
    every = [f"{r:02x}{g:02x}{b:02x}" for r in range(0, 256, 51) for g in range(0, 256, 51) for b in range(0, 256, 51)]
    rules = RULE.findall(stylesheet(label(color) for color in (*every, *COLORS)))
    assert len(rules) == 2 * len({*every, *COLORS})
    assert min(contrast(rgb(back), rgb(text)) for _, back, text in rules) >= ENOUGH


def test_a_colour_that_is_none_cannot_break_out_of_the_stylesheet() -> None:
    assert "evil" not in stylesheet([label("evil}*{x")])
    assert colour_class(label("evil}*{x")) == ""


def test_the_stylesheet_follows_the_repository(site: Site) -> None:
    site.rest("POST", "/labels", name="status:fixing", color="1d76db")
    answer = site.page("/labels.css")
    assert answer.headers["Content-Type"].startswith("text/css")
    assert ".c-1d76db { background: #1d76db;" in answer.text
