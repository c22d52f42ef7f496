"""docs/quickstart.md as a newcomer follows it: its commands, in its order, each of which must succeed."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.machine import ROOT, clean_environment, kill_marked
from tests.waiting import wait_for

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(180)]
BLOCK = re.compile(r"^```sh run(?:=(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = ROOT / "docs" / "quickstart.md"


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qs-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()
        kill_marked(Path(folder).resolve())


def test_its_commands_do_what_it_says(state: Path) -> None:
    env = clean_environment(SRE_STATE_DIR=str(state))
    done, started = [], []
    for when, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for line in text.splitlines():
            if when == "background":
                with (state / "said").open("wb") as out:
                    started.append(subprocess.Popen(["bash", "-c", line], cwd=ROOT, env=env, stdout=out, stderr=out))
                wait_for(lambda: b"up after" in (state / "said").read_bytes(), 60, "it is up")
                continue
            number = wait_for(lambda: closed(state), 60, "the incident is closed") if when == "closed" else ""
            exact = re.sub(r"\bN\b", str(number), line)
            ran = subprocess.run(["bash", "-c", exact], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
            done.append(line.split()[1])
    assert [one.wait(30) for one in started] == [0]
    assert done[-1] == "down"
    assert {"status", "explain", "verify", "report", "freeze", "doctor"} <= set(done)
    assert not (state / "run.json").exists()


def closed(state: Path) -> int:
    """The number of an incident that was closed; 0 while there is none."""
    run = json.loads((state / "run.json").read_text())["github"]
    headers = {"Authorization": f"token {run['tokens']['outsider']}"}
    query = {"labels": "incident", "state": "closed"}
    rows = requests.get(f"{run['api']}/repos/{run['repo']}/issues", query, headers=headers, timeout=5).json()
    return int(rows[0]["number"]) if rows else 0
