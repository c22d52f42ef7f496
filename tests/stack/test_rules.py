"""What is shipped for Prometheus and Alertmanager, judged by their own tools. A missing tool fails the test."""

from __future__ import annotations

import subprocess

from tests.machine import ROOT
from tests.stack.prometheus import SHIPPED, faster, program


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    assert "16 rules found" in run(program("promtool"), "check", "config", str(SHIPPED / "prometheus.yml"))


def test_alertmanager_takes_its_configuration() -> None:
    run(program("amtool"), "check-config", str(SHIPPED / "alertmanager.yml"))


def test_the_rules_fire_when_they_should_and_else_not() -> None:
    files = sorted(map(str, (SHIPPED / "tests").glob("*.yml")))
    assert len(files) == 3
    assert run(program("promtool"), "test", "rules", *files).count("SUCCESS") == 3


def test_faster_divides_durations_keeps_the_scrapes_that_for_counts_and_leaves_names_alone() -> None:
    assert faster("x:ratio_rate1h[1h] for: 30s sre_window: 6h") == "x:ratio_rate1h[60s] for: 6s sre_window: 360s"
