"""How fast the dashboard's page is: `python -m bench.dashboard_page [--rounds N]`.

A headless chromium against the tests' double of the server, on this machine: first contentful paint in a fresh browser
context, server-sent event to painted, and frames while 1,000 events come in 10 s on a board with 200 open incidents.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import time
from collections.abc import Sequence
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.stack.page.boards import board, card, now
from tests.stack.page.double import Double
from tests.stack.page.storm import storm

EVENTS, STORM_S, INCIDENTS = 1_000, 10.0, 200
PAINT_MS, LATENCY_P95_MS = 1_000.0, 300.0
"""Targets: issue 7 asks event to pixel p95 < 300 ms, of which this is the browser's part."""
MARK: Final = """() => {
  const seen = document.querySelector("meta[name=seen]");
  window.painted = {};
  new MutationObserver(() => {
    const id = seen.content;
    requestAnimationFrame(() => setTimeout(() => { window.painted[id] ??= Date.now(); }));
  }).observe(seen, {attributes: true});
}"""
"""After a frame's DOM change: the next animation frame, and the task behind it, come when the change is painted."""
WATCH: Final = """() => {
  window.frames_ms = []; window.long_ms = [];
  new PerformanceObserver(list => window.long_ms.push(...list.getEntries().map(one => one.duration)))
    .observe({type: "longtask", buffered: false});
  let last = performance.now();
  const tick = t => { window.frames_ms.push(t - last); last = t; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


def first_paint(browser: Browser, double: Double) -> float:
    """Milliseconds from navigation to first contentful paint, in a context without a cache."""
    page = _opened(browser, double)
    found = page.evaluate(
        """() => new Promise(done => new PerformanceObserver(list => {
          const [one] = list.getEntriesByName("first-contentful-paint"); if (one) done(one.startTime);
        }).observe({type: "paint", buffered: true}))"""
    )
    page.context.close()
    return float(found)


def latencies(browser: Browser, double: Double, rounds: int) -> list[float]:
    """Milliseconds from the double's emit to painted, one event at a time; both clocks are this machine's."""
    page, taken = _opened(browser, double), []
    page.evaluate(MARK)
    for n in range(rounds):
        began = time.time() * 1000
        event = double.emit("incident", card(100 + n % INCIDENTS, 1 + n % 5, now()))
        page.wait_for_function("id => window.painted[id]", arg=event)
        taken.append(float(page.evaluate("id => window.painted[id]", event)) - began)
    page.context.close()
    return taken


def frames(browser: Browser, double: Double) -> tuple[list[float], list[float]]:
    """Frame times and long tasks (over 50 ms), in ms, while the storm comes."""
    page = _opened(browser, double)
    numbers = [one["number"] for one in double.board["incidents"] if not one["closed"]]
    page.evaluate(WATCH)
    last = ""
    for kind, data in storm(EVENTS, numbers):
        last = double.emit(kind, data)
        time.sleep(STORM_S / EVENTS)
    page.wait_for_function("id => document.querySelector('meta[name=seen]').content === id", arg=last)
    measured: dict[str, Any] = page.evaluate("({frames: window.frames_ms, long: window.long_ms})")
    page.context.close()
    return measured["frames"], measured["long"]


def _opened(browser: Browser, double: Double) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 860}).new_page()
    page.goto(double.url)
    page.wait_for_selector("#link[data-link=live]")
    return page


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=20)
    rounds = options.parse_args().rounds
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs a browser: apt-get install chromium")
    double = Double(board(open_incidents=INCIDENTS, closed=50))
    try:
        with sync_playwright() as playwright:
            root = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path=chromium, args=root, timeout=90_000)
            conditions = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}"
            print(f"{conditions}, chromium {browser.version}, headless, no GPU, {INCIDENTS} open incidents")
            paints = [first_paint(browser, double) for _ in range(rounds)]
            waits = latencies(browser, double, rounds)
            times, tasks = frames(browser, double)
            browser.close()
    finally:
        double.stop()
    paint, p95 = statistics.median(paints), _p95(waits)
    dropped = sum(round(one / (1000 / 60)) - 1 for one in times if one > 25)
    print(f"first contentful paint, cold, median of {rounds}: {paint:.0f} ms (target {PAINT_MS:.0f})")
    print(f"event to painted: median {statistics.median(waits):.0f} ms, p95 {p95:.0f} ms (target {LATENCY_P95_MS:.0f})")
    print(
        f"{EVENTS} events in {STORM_S:g} s: {len(times)} frames, {dropped} dropped at 60/s,"
        f" median {statistics.median(times):.1f} ms, p95 {_p95(times):.1f} ms;"
        f" {len(tasks)} long tasks, the longest {max(tasks, default=0):.0f} ms"
    )
    return 0 if paint <= PAINT_MS and p95 <= LATENCY_P95_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
