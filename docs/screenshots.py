"""Take the pictures of docs/images from a running world: `python docs/screenshots.py --state DIR`.

It breaks one service (`trigger_chaos.py oom`), and photographs the dashboard while the fleet heals it, the incident's
page and the issue once it is closed. Needs Debian's chromium and the development tools.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mission_control.github import Repository
from mission_control.settings import REPOSITORY_ROOT
from mission_control.world import record

IMAGES = Path(__file__).with_name("images")
SIZE: Any = {"width": 1280, "height": 860}
WITHIN = 60.0


def main() -> None:
    """Break, look, wait, look again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    state: Path = parser.parse_args().state.resolve()
    run = record.read(state)
    github, token = run.github, run.github["tokens"]["operator"]
    repository = Repository(github["api"], github["repo"], token)
    known = {row["number"] for row in repository.pages("/issues", labels="incident", state="all")}
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(f"{run.dashboard}/#token={token}")
        page.wait_for_timeout(60_000)  # a minute of quiet, so that the charts have something to show
        subprocess.run(
            [sys.executable, "trigger_chaos.py", "oom", "--state", str(state)], cwd=REPOSITORY_ROOT, check=True
        )
        page.locator(".lane").first.wait_for(timeout=WITHIN * 1000)
        page.wait_for_timeout(2_000)
        save(page, "dashboard")
        number = closed(repository, known)
        page.goto(f"{run.dashboard}/#/incidents/{number}")
        page.locator("#incident .log li").first.wait_for(timeout=WITHIN * 1000)
        page.wait_for_timeout(1_000)
        save(page, "incident")
        light = browser.new_page(viewport=SIZE, color_scheme="light")
        light.goto(f"{github['url']}/{github['repo']}/issues/{number}")
        save(light, "issue")
        browser.close()


def closed(repository: Repository, known: set[int]) -> int:
    """The number of the new incident, once it is closed. Raises TimeoutError."""
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        for row in repository.pages("/issues", labels="incident", state="closed"):
            if row["number"] not in known:
                return int(row["number"])
        time.sleep(0.5)
    raise TimeoutError("the incident is not closed")


def save(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=72)


if __name__ == "__main__":
    main()
