"""What is shipped as the page: small, of known origin, and nothing that a strict policy would have to allow."""

from __future__ import annotations

import base64
import hashlib
import re

from dashboard.guard import FIRST
from tests.stack.page.double import STATIC

UPLOT = "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"
OURS = sorted([*STATIC.glob("*.js"), *STATIC.glob("*.css"), STATIC / "index.html"])


def test_the_whole_page_is_under_150_kb_before_compression() -> None:
    shipped = [file for file in STATIC.rglob("*") if file.suffix in (".js", ".css", ".html")]
    assert sum(file.stat().st_size for file in shipped) < 150 * 1024


def test_uplot_is_the_file_of_the_npm_package_with_its_licence_beside_it() -> None:
    vendor = STATIC / "vendor"
    assert hashlib.sha256((vendor / "uPlot.iife.min.js").read_bytes()).hexdigest() == UPLOT
    assert UPLOT in (vendor / "README.md").read_text()
    assert "MIT License" in (vendor / "uPlot.LICENSE").read_text()


def test_one_script_is_inline_named_by_its_hash_and_nothing_is_parsed_as_markup_or_code() -> None:
    page = (STATIC / "index.html").read_text()
    (first,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert "sha256-" + base64.b64encode(hashlib.sha256(first.encode()).digest()).decode() == FIRST
    assert not re.search(r"\sstyle=|<style|\son\w+=", page)
    for file in OURS:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", file.read_text()), file


def test_nothing_is_fetched_from_elsewhere() -> None:
    for file in OURS:
        addresses = re.findall(r"https?://[^\s\"'`)]+", file.read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg", "https://html.spec.whatwg.org/#parsing-an-event-stream"}


def test_every_module_is_reached_from_the_page() -> None:
    reached, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        imports = re.findall(r'from "\./([\w.]+)"', (STATIC / name).read_text())
        waiting += [one for one in imports if one not in reached]
    assert reached == {file.name for file in STATIC.glob("*.js")}
