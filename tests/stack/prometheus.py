"""A real Prometheus and Alertmanager on the shipped files, with addresses and durations of a test."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from mission_control.fleet.alerts import PATH
from tests.machine import ROOT, free_ports
from tests.waiting import wait_for

SHIPPED: Final = ROOT / "deploy" / "prometheus"
FASTER: Final = 60
"""Every duration of rules and configuration is divided by this, to no less than a second."""
SCRAPES_FASTER: Final = 5
"""Scrapes are a second apart and not five, so `for`, which is a number of scrapes, is divided by this only."""
NEEDED: Final = {
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "prometheus-alertmanager": "apt-get install prometheus-alertmanager",
    "amtool": "apt-get install prometheus-alertmanager",
}
_DURATION: Final = re.compile(r"(\bfor: )?(?<![\w.])(\d+)(s|m|h|d)\b")
_RECORDED: Final = re.compile(r"(ratio_rate)(\d+[mhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def program(name: str) -> str:
    """Its path. Fails, and does not skip, where it is missing: says which, and how to have it."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: {NEEDED[name]}"
    return found


def faster(text: str) -> str:
    """`text` with every duration divided, by SCRAPES_FASTER or FASTER; names of recorded series keep theirs."""

    def divided(found: re.Match[str]) -> str:
        held, count, unit = found.groups(default="")
        return f"{held}{max(int(count) * _SECONDS[unit] // (SCRAPES_FASTER if held else FASTER), 1)}s"

    kept = _RECORDED.sub(lambda m: f"{m[1]}_{m[2]}_", text)
    return re.sub(r"(ratio_rate)_(\d+[mhd])_", r"\1\2", _DURATION.sub(divided, kept))


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A running pair. URLs without a slash at the end."""

    prometheus: str
    alertmanager: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=5)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self, service: str, alertname: str) -> bool:
        return bool(self.query(f'ALERTS{{alertstate="firing", service="{service}", alertname="{alertname}"}}'))


@contextmanager
def monitoring(folder: Path, targets: Path, scout: str, token: str) -> Iterator[Monitoring]:
    """Both programs, until the end. `targets`: what `up` wrote; `scout`: base URL of the Scout that is told."""
    base = free_ports(2)
    made = folder / "prometheus"
    shutil.copytree(SHIPPED, made)
    for file in (made / "prometheus.yml", made / "alertmanager.yml", *(made / "rules").glob("*.yml")):
        file.write_text(faster(file.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(targets, made / "targets", dirs_exist_ok=True)
    (made / "targets" / "alertmanagers.json").write_text(
        json.dumps([{"targets": [f"127.0.0.1:{base + 1}"]}]), encoding="utf-8"
    )
    secret = folder / "alert-token"
    secret.write_text(token, encoding="utf-8")
    config = made / "alertmanager.yml"
    text = re.sub(r"http://\S+" + re.escape(PATH), scout + PATH, config.read_text(encoding="utf-8"))
    config.write_text(text.replace("/run/secrets/sre_alert_token", str(secret)), encoding="utf-8")
    one = [
        program("prometheus"), f"--config.file={made / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{base}",
    ]  # fmt: skip
    two = [
        program("prometheus-alertmanager"), f"--config.file={config}", f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{base + 1}", "--cluster.listen-address=",
    ]  # fmt: skip
    running = []
    with (folder / "monitoring.log").open("wb") as log:
        try:
            running = [subprocess.Popen(a, stdout=log, stderr=log, stdin=subprocess.DEVNULL) for a in (one, two)]
            found = Monitoring(f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}")
            for url in (found.prometheus, found.alertmanager):
                wait_for(lambda url=url: _ready(url), 30, f"{url} is ready")  # type: ignore[misc]
            yield found
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(15)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def seconds_until(reached: Callable[[], bool], within: float, what: str) -> float:
    """How long it took, for the record."""
    begun = time.monotonic()
    wait_for(reached, within, what)
    return time.monotonic() - begun
