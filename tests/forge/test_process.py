"""The forge as a process: ready line, kill -9, restart, SIGTERM, secrets."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
Start = Callable[[], tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the forge on the same folder each time; whatever still runs in the end is killed."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text(
        json.dumps({"repo": "acme/shop", "accounts": [{"login": "fleet", "token": "T", "role": "admin"}]})
    )
    accounts.chmod(0o600)
    running: list[subprocess.Popen[str]] = []

    def go() -> tuple["subprocess.Popen[str]", str]:
        command = [sys.executable, "-m", "embedded.forge", "--port", "0", "--data", str(tmp_path / "d")]
        with (tmp_path / "stderr").open("a") as stderr:
            process = subprocess.Popen(
                [*command, "--accounts", str(accounts)], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        running.append(process)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        assert ready["pid"] == process.pid
        return process, ready["api"]

    yield go
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_kill_9_loses_nothing_that_was_answered(start: Start) -> None:
    process, api = start()
    with requests.Session() as session:
        session.headers["Authorization"] = "token T"
        repo = f"{api}/repos/acme/shop"
        session.post(f"{repo}/issues", json={"title": "a", "labels": ["bug"]})
        answered = [session.post(f"{repo}/issues/1/comments", json={"body": str(n)}).json()["id"] for n in range(50)]
        sha = session.get(f"{repo}/git/ref/heads/main").json()["object"]["sha"]
        session.post(f"{repo}/git/refs", json={"ref": "refs/heads/claim/1", "sha": sha})
        session.put(f"{repo}/contents/x", json={"message": "x", "content": "eA=="})
        seq = requests.get(f"{api.removesuffix('/api/v3')}/_forge/health", timeout=5).json()["seq"]
        process.kill()
        process.wait()
    _, api = start()
    with requests.Session() as session:
        session.headers["Authorization"] = "token T"
        repo = f"{api}/repos/acme/shop"
        kept = session.get(f"{repo}/issues/1/comments?per_page=100").json()
        assert [one["id"] for one in kept] == answered
        assert session.get(f"{repo}/issues/1").json()["labels"][0]["name"] == "bug"
        again = session.post(f"{repo}/git/refs", json={"ref": "refs/heads/claim/1", "sha": sha})
        assert again.json()["message"] == "Reference already exists"
        assert session.get(f"{repo}/contents/x").json()["content"].strip() == "eA=="
        new = session.post(f"{repo}/issues/1/comments", json={"body": "after"}).json()["id"]
        assert new > answered[-1]
        log = session.get(f"{api.removesuffix('/api/v3')}/_forge/log", headers={"X-Forge-Admin": "T"}).json()
        assert sum(row["method"] == "POST" and row["path"].endswith("/comments") for row in log) == 51
        health = session.get(f"{api.removesuffix('/api/v3')}/_forge/health").json()
        assert health["seq"] == seq + 1


def test_it_stops_on_sigterm_within_three_seconds_even_with_an_open_connection(start: Start) -> None:
    process, api = start()
    with requests.Session() as session:
        session.get(f"{api}/repos/acme/shop")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < 3


def test_it_stays_below_70_megabytes_and_shows_no_token(start: Start) -> None:
    process, api = start()
    with requests.Session() as session:
        session.headers["Authorization"] = "token T"
        for number in range(100):
            session.post(f"{api}/repos/acme/shop/issues", json={"title": str(number), "body": "x" * 2000})
        for _ in range(10):
            session.get(f"{api}/repos/acme/shop/issues?per_page=100")
    me = psutil.Process(process.pid)
    assert me.memory_info().rss < 70_000_000
    assert "T" not in me.cmdline()


def test_accounts_that_others_can_read_are_refused(tmp_path: Path) -> None:
    accounts = tmp_path / "a.json"
    accounts.write_text("{}")
    accounts.chmod(0o644)
    command = [sys.executable, "-m", "embedded.forge", "--data", str(tmp_path), "--accounts", str(accounts)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20, env=dict(os.environ)
    )
    assert done.returncode == 2
    assert "chmod 600" in done.stderr
    assert stat.S_IMODE(accounts.stat().st_mode) == 0o644


def test_changes_are_numbered_and_can_be_followed(start: Start) -> None:
    _, api = start()
    site = api.removesuffix("/api/v3")
    admin = {"X-Forge-Admin": "T", "Authorization": "token T"}
    before = requests.get(f"{site}/_forge/health", timeout=5).json()["seq"]
    requests.post(f"{api}/repos/acme/shop/issues", json={"title": "a", "labels": ["bug"]}, headers=admin, timeout=5)
    requests.post(f"{api}/repos/acme/shop/issues/1/comments", json={"body": "b"}, headers=admin, timeout=5)
    rows = wait_for(lambda: requests.get(f"{site}/_forge/changes?since={before}", headers=admin, timeout=5).json())
    assert [(row["kind"], row["number"]) for row in rows] == [("issue", 1), ("issue_label", 1), ("comment", 1)]
    assert [row["seq"] for row in rows] == [before + 1, before + 2, before + 3]
