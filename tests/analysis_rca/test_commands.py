"""`rca` and `bench rca`: two exports in, a diagnosis out; broken files are said to be broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.rca_generate import Fault, World, gauges, window
from mission_control.cli import app
from mission_control.rca.files import CHUNK, Unreadable, read_rows, read_traces

WORLD = World(1, logs=True)
FAULT = Fault("cpu", "payment")


def case(folder: Path, world: World, fault: Fault | None) -> Path:
    folder.mkdir(parents=True)
    incident = window(world, incident=True, fault=fault)
    for name, document in (
        ("baseline", window(world, incident=False)),
        ("incident", incident),
        ("metrics", gauges(world, incident, fault)),
    ):
        with gzip.open(folder / f"{name}.json.gz", "wt") as file:
            json.dump(document, file)
    if fault:
        (folder / "truth.json").write_text(json.dumps({"service": fault.service, "fault": fault.kind}))
    return folder


def test_two_exports_give_a_ranking_as_json(tmp_path: Path) -> None:
    folder = case(tmp_path / "a-day1-1", WORLD, FAULT)
    command = ["rca", "--baseline", str(folder / "baseline.json.gz"), "--incident", str(folder / "incident.json.gz")]
    command += ["--metrics", str(folder / "metrics.json.gz")]
    result = CliRunner().invoke(app, [*command, "--json"])
    found = json.loads(result.stdout)
    first = found["ranked"][0]
    assert (first["service"], first["cause"], found["unknown"]) == ("payment", "cpu", False)
    assert first["operation"] == "charge"
    assert first["instance"].startswith("payment-")
    assert 0.5 < first["probability"] <= 1
    assert {"id", "sha256", "summary"} <= first["evidence"][0].keys()
    assert found["seconds"] > 0
    text = CliRunner().invoke(app, command).stdout
    assert text.startswith("1. ")
    assert "payment charge" in text


def test_a_quiet_pair_says_unknown_and_why(tmp_path: Path) -> None:
    folder = case(tmp_path / "a-day1-1", WORLD, None)
    command = ["rca", "--baseline", str(folder / "baseline.json.gz"), "--incident", str(folder / "incident.json.gz")]
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert found["unknown"]
    assert "no metrics" in found["because"]


@pytest.mark.parametrize(
    "content", ["", "no", "{", '{"data": [{"spans": [}]}', '{"data": [{"traceID": "1"', '{"other": 1}']
)
def test_a_file_that_is_no_export_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(content)
    result = CliRunner().invoke(app, ["rca", "--baseline", str(broken), "--incident", str(broken)])
    assert result.exit_code == 2
    assert "broken.json" in result.stderr


def test_an_export_is_read_trace_by_trace_however_it_is_laid_out(tmp_path: Path) -> None:
    document = window(World(2, traces=900, logs=True), incident=False)
    for n, text in enumerate(
        (
            json.dumps(document),
            json.dumps(document, indent=1),
            json.dumps(document["data"]),
            json.dumps({"total": 0, **document}),
        )
    ):
        path = tmp_path / f"{n}.json"
        path.write_text(text)
        assert n > 0 or len(text) > 2 * CHUNK
        assert list(read_traces(path)) == document["data"]


def test_metric_files_must_have_columns_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"columns": ["timestamp"]}')
    with pytest.raises(Unreadable, match=r"m\.json"):
        read_rows(path)


def test_the_bench_measures_ours_and_the_peers_on_a_folder_of_cases(tmp_path: Path) -> None:
    for n, (kind, service) in enumerate((("cpu", "payment"), ("network", "stock"), ("exception", "catalog"))):
        case(tmp_path / f"shop-day{n}-{n}", World(20 + n, traces=60), Fault(kind, service))
    result = CliRunner().invoke(app, ["bench", "rca", "--cases", str(tmp_path), "--traces-only", "--json"])
    found = json.loads(result.stdout)
    assert found["methods"]["ours"]["accuracy"]["all"]["AC@1"] == 1.0
    assert {"random", "most errors", "like MicroRank", "like TraceRCA"} < found["methods"].keys()
    assert found["methods"]["ours"]["quiet_unknown"] >= 0.5
    assert "AC@3" in CliRunner().invoke(app, ["bench", "rca", "--cases", str(tmp_path)]).stdout


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["bench", "rca", "--cases", str(tmp_path)]).exit_code == 2


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--baseline", __file__],
        ["--since", "5m", "--trace-id", "a"],
        ["--since", "5m", "--baseline", __file__, "--incident", __file__],
    ],
)
def test_exactly_one_source_of_traces_must_be_named(given: list[str]) -> None:
    result = CliRunner().invoke(app, ["rca", *given])
    assert result.exit_code == 2
    assert "--trace-id" in result.stderr


def test_a_span_of_time_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(app, ["rca", "--since", "soon", "--jaeger", "http://127.0.0.1:1"])
    assert result.exit_code == 2
    assert "--since must be a duration" in result.stderr


def as_otlp(document: dict[str, Any]) -> dict[str, Any]:
    """A legacy export as /api/v3/traces answers it."""
    resources = []
    for trace in document["data"]:
        for span in trace["spans"]:
            service = trace["processes"][span["processID"]]["serviceName"]
            wire = {
                "traceId": span["traceID"].rjust(32, "0"),
                "spanId": span["spanID"].rjust(16, "0"),
                "parentSpanId": span["references"][0]["spanID"].rjust(16, "0") if span["references"] else "",
                "name": span["operationName"],
                "startTimeUnixNano": str(span["startTime"] * 1000),
                "endTimeUnixNano": str((span["startTime"] + span["duration"]) * 1000),
            }
            attributes = [{"key": "service.name", "value": {"stringValue": service}}]
            resources.append({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [wire]}]})
    return {"result": {"resourceSpans": resources}}


def test_an_export_of_the_v3_api_is_diagnosed_like_the_legacy_one(tmp_path: Path) -> None:
    ranked = []
    for name, shape in (("legacy", lambda document: document), ("otlp", as_otlp)):
        paths = []
        for incident in (False, True):
            path = tmp_path / f"{name}-{incident}.json"
            path.write_text(json.dumps(shape(window(World(1), incident=incident, fault=FAULT if incident else None))))
            paths.append(str(path))
        command = ["rca", "--baseline", paths[0], "--incident", paths[1], "--json"]
        found = json.loads(CliRunner().invoke(app, command).stdout)
        ranked.append([(s["service"], s["cause"]) for s in found["ranked"][:3]])
    assert ranked[0] == ranked[1]
    assert ranked[0][0] == ("payment", "cpu")


def test_a_broken_export_of_the_v3_api_is_refused_with_its_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"result": {"resourceSpans": [{"resource"')
    result = CliRunner().invoke(app, ["rca", "--baseline", str(broken), "--incident", str(broken)])
    assert result.exit_code == 2
    assert "broken.json" in result.stderr
