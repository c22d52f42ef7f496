"""Brain's adapter and its queries on a real Prometheus that scrapes a real worker's meter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.brain.analysts.gauges import QUERIES
from shared.adapters.prometheus import PrometheusMetrics
from shared.ports import Permanent
from shared.runtime.health import HealthServer
from tests.stack.prometheus import monitoring
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(120)


def test_every_query_of_brain_is_answered_by_a_real_prometheus(tmp_path: Path) -> None:
    server = HealthServer(0)
    requests = server.meter.counter("http_requests_total", "Stands in for a patient.")
    targets = tmp_path / "targets"
    targets.mkdir()
    target = {"targets": [f"127.0.0.1:{server.port}"], "labels": {"service": "quote-service"}}
    (targets / "patients.json").write_text(json.dumps([target]), encoding="utf-8")
    (targets / "workers.json").write_text("[]", encoding="utf-8")
    try:
        with monitoring(tmp_path, targets, "http://127.0.0.1:9", "x" * 16) as told:
            metrics = PrometheusMetrics(told.prometheus)

            def answered() -> bool:
                requests.add(status="500")
                now = datetime.now(UTC)
                found = {
                    gauge: metrics.ranges(query, now - timedelta(seconds=30), now, timedelta(seconds=1))
                    for gauge, query in QUERIES.items()
                }
                return all(
                    len(series) == 1 and series[0].labels == {"service": "quote-service"} and series[0].points
                    for series in found.values()
                )

            wait_for(answered, 40, "every gauge has a series")
            with pytest.raises(Permanent, match="parse error"):
                metrics.ranges("sum(", datetime.now(UTC), datetime.now(UTC), timedelta(seconds=1))
    finally:
        server.close()
