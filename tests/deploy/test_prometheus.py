"""Rules and dashboard speak of metrics that are served, and nobody's secret stands in what is shipped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from agents.scout.alerts import LONGEST_WINDOW, MEASURED, SEVERITIES
from agents.scout.inbox import Inbox
from agents.scout.look import Patrol
from mission_control.fleet.alerts import PATH
from mission_control.fleet.measures import measure_parts, measure_watched
from mission_control.fleet.roster import AGENTS
from mission_control.world.patients import SERVICES
from mission_control.world.targets import write_targets
from shared.adapters.github import Address, connect
from shared.adapters.probe import HttpProbe
from shared.runtime.clock import SystemClock
from shared.runtime.step import Stepper
from shared.runtime.worker import Pace, Worker
from tests.patients.shop import Shop
from tests.runtime.fleet import FleetInMemory, NoTraces

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
OWN = frozenset(("up", "ALERTS"))
"""What Prometheus makes itself."""
_WORDS = frozenset(("by", "on", "and", "or", "unless", "ignoring", "group_left", "group_right", "without", "bool"))


def names(expression: str) -> set[str]:
    """The metric names in a PromQL expression: what is left when everything else is taken out."""
    text = re.sub(r"\"[^\"]*\"|'[^']*'|\{[^}]*\}|\[[^\]]*\]", " ", expression)
    text = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\boffset\s+\w+", " ", text)
    found = re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text)
    return {
        m[0] for m in found if m[0] not in _WORDS and not re.match(r"\s*\(", text[m.end() :]) and m[0] != "label_values"
    }


def rules() -> Iterator[dict[str, Any]]:
    for file in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "sre-space.json").read_text(encoding="utf-8"))
    return found


def served_by(text: str) -> set[str]:
    """Names in an exposition, with those that a histogram unfolds to."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    unfolded = {
        f"{n}_{part}" for n, kind in kinds.items() if kind == "histogram" for part in ("bucket", "sum", "count")
    }
    return set(kinds) | unfolded


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What patients, as processes, and a Scout, put together as wiring does it, really serve."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    try:
        shop.open()
        patients = {
            n for p in shop.services.values() for n in served_by(requests.get(f"{p.url}/metrics", timeout=5).text)
        }
    finally:
        shop.close()
    return patients | served_by(scout_text(tmp_path_factory.mktemp("scout")))


def scout_text(folder: Path) -> str:
    fleet = FleetInMemory(folder)
    desk, clock = fleet.desk("memory"), SystemClock()
    github = connect(Address(api_url="http://127.0.0.1:9", repo="o/r", token="t"), folder, clock, login="x")
    patrol = Patrol(fleet.engine, NoTraces(), HttpProbe(), clock)
    measure_parts(desk.meter, github, None)
    measure_watched(desk.meter, Inbox(str, clock.now), patrol)
    agent, hand = fleet.agent("memory")
    scribe = fleet.scribe("memory")
    Worker(Stepper(agent, desk, scribe, hand), desk, scribe, Pace(timedelta(seconds=60)))
    try:
        return desk.meter.text()
    finally:
        patrol.stop()
        github.close()


def test_names_are_told_from_functions_labels_and_words() -> None:
    expression = 'sum by (service, le) (rate(a_total{b="c_total"}[5m])) / on (x) group_left () max(d:e) > bool 0.5'
    assert names(expression) == {"a_total", "d:e"}


def test_every_metric_in_a_rule_is_served_or_recorded(served: set[str]) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set().union(*(names(rule["expr"]) for rule in rules()))
    assert used - served - recorded - OWN == set()
    assert len(used & served) >= 8


def test_every_metric_on_the_dashboard_is_served_or_recorded(served: set[str]) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set().union(*(names(t["expr"]) for panel in dashboard()["panels"] for t in panel["targets"]))
    assert used - served - recorded - OWN == set()
    assert len(used & served) >= 15


def test_the_dashboard_is_whole() -> None:
    found = dashboard()
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert max(x for x, _ in cells) < 24
    variables = {v["name"] for v in found["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(panels))) - {"__all"} <= variables


def test_what_a_rule_says_to_scout_is_what_scout_understands() -> None:
    units = {"s": 1, "m": 60, "h": 3600}
    for rule in rules():
        labels = rule.get("labels", {})
        if "alert" in rule:
            assert labels["severity"] in SEVERITIES
        if "sre_symptom" in labels:
            assert labels["sre_symptom"] in MEASURED
        if window := labels.get("sre_window"):
            assert int(window[:-1]) * units[window[-1]] <= LONGEST_WINDOW.total_seconds()


def test_burn_rates_pair_each_long_window_with_a_twelfth_of_it() -> None:
    pairs = set()
    for rule in rules():
        if str(rule.get("alert", "")).endswith("BudgetBurn"):
            windows = re.findall(r"ratio_rate(\d+[mhd])", rule["expr"])
            factors = set(re.findall(r"> ([\d.]+) \*", rule["expr"]))
            assert rule["labels"]["sre_window"] == windows[1]
            pairs.add((*windows, *factors))
    assert pairs == {("1h", "5m", "14.4"), ("6h", "30m", "6"), ("3d", "6h", "1")}


def test_alertmanager_sends_what_names_a_service_to_scout_with_a_token_from_a_file() -> None:
    config = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8"))
    assert config["route"]["receiver"] == "people"
    (route,) = config["route"]["routes"]
    assert route["matchers"] == ['service!=""']
    (hook,) = next(r for r in config["receivers"] if r["name"] == "scout")["webhook_configs"]
    assert hook["url"].endswith(PATH)
    assert hook["send_resolved"] is True
    assert set(hook["http_config"]["authorization"]) == {"type", "credentials_file"}


def test_targets_are_the_patients_and_every_worker() -> None:
    def told(job: str, label: str) -> set[str]:
        groups = json.loads((PROMETHEUS / "targets" / f"{job}.json").read_text(encoding="utf-8"))
        return {group["labels"][label] for group in groups}

    assert told("patients", "service") == {*SERVICES, "load"}
    assert told("workers", "worker") == set(AGENTS)


def test_up_writes_targets_in_the_same_form(tmp_path: Path) -> None:
    write_targets(tmp_path, {"frontend": "http://127.0.0.1:8001/healthz"}, {"scout": "http://127.0.0.1:9/healthz"})
    read = {f.name: json.loads(f.read_text(encoding="utf-8")) for f in (tmp_path / "prometheus").iterdir()}
    assert read == {
        "patients.json": [{"targets": ["127.0.0.1:8001"], "labels": {"service": "frontend"}}],
        "workers.json": [{"targets": ["127.0.0.1:9"], "labels": {"worker": "scout"}}],
    }
