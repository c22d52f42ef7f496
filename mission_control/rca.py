"""`rca`: diagnose two Jaeger exports, no fleet needed. `bench rca`: how good the diagnosis is on recorded incidents."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from shared.analysis.rca.metrics import Rows
    from shared.analysis.rca.rank import Diagnosis

Export = Annotated[Path, typer.Option(exists=True, dir_okay=False, readable=True, help="Jaeger's JSON, may be .gz.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def rca(
    baseline: Export,
    incident: Export,
    metrics: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help='{"columns": […], "rows": [[…], …]}, may be .gz.')
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Find the root cause from traces: --baseline when all was well, --incident when it was not."""
    from mission_control.rca_files import Unreadable, read_rows, read_traces
    from shared.analysis.rca.rank import diagnose
    from shared.analysis.rca.table import Builder

    began = time.perf_counter()
    builder = Builder()
    try:
        builder.add_jaeger(read_traces(baseline), incident=False)
        builder.add_jaeger(read_traces(incident), incident=True)
        rows: Rows | None = read_rows(metrics) if metrics else None
    except Unreadable as failure:
        typer.echo(f"rca: {failure}", err=True)
        return 2
    read = time.perf_counter()
    found = diagnose(builder.table(), rows)
    document = as_document(found) | {
        "seconds": round(time.perf_counter() - began, 4),
        "seconds_reading": round(read - began, 4),
    }
    typer.echo(json.dumps(document) if as_json else as_text(found, document["seconds"]))
    return 0


def as_document(found: Diagnosis) -> dict[str, Any]:
    """JSON types: {"ranked": [{"service", "operation", "cause", "probability", "evidence": […]}], "unknown", …}."""
    aside = found.set_aside
    return {
        "ranked": [
            {
                "service": s.service,
                "operation": s.operation,
                "instance": s.instance,
                "cause": s.cause,
                "probability": s.probability,
                "evidence": [
                    {
                        "id": p.id,
                        "kind": p.kind,
                        "summary": p.summary,
                        "sha256": p.sha256,
                        "trace_id": p.trace_id,
                        "span_id": p.span_id,
                        "verbatim": dict(p.verbatim),
                    }
                    for p in s.evidence
                ],
            }
            for s in found.ranked
        ],
        "unknown": found.unknown,
        "because": found.because,
        "none_probability": found.none,
        "missing": list(found.missing),
        "spans": found.spans,
        "set_aside": {
            "corrupt": aside.corrupt,
            "duplicates": aside.duplicates,
            "orphans": aside.orphans,
            "cycles": aside.cycles,
            "skewed": aside.skewed,
        },
    }


def as_text(found: Diagnosis, seconds: float) -> str:
    """The same for people."""
    lines = [f"unknown: {found.because}"] if found.unknown else []
    for n, suspect in enumerate(found.ranked[:5], 1):
        where = " ".join(x for x in (suspect.service, suspect.operation, suspect.instance) if x)
        lines.append(f"{n}. {suspect.probability:.2f}  {suspect.cause:17}  {where}")
        lines += [f"      [{proof.id}] {proof.summary}" for proof in suspect.evidence]
    lines.append(f"{found.spans} spans, {seconds:.2f} s")
    return "\n".join(lines)


def bench_rca(
    cases: Annotated[Path, typer.Option(exists=True, file_okay=False, help="A folder of recorded incidents.")],
    traces_only: Annotated[bool, typer.Option("--traces-only", help="Neither span logs nor metrics.")] = False,
    held_out: Annotated[
        str, typer.Option(metavar="day|system", help="Judge each case by weights learned without its day or system.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Measure the diagnosis on recorded incidents, peers beside it."""
    try:
        from bench.rca import run

        found = run(cases, traces_only=traces_only, held_out=held_out)
    except (ValueError, OSError, ModuleNotFoundError) as failure:
        typer.echo(f"bench rca: {failure}", err=True)
        return 2
    text = found.pop("text")
    typer.echo(json.dumps(found) if as_json else text)
    return 0


def register(app: typer.Typer, bench: typer.Typer) -> None:
    """Hang the two commands in: `rca` under `app`, `rca` under its group `bench`."""
    app.command("rca")(rca)
    bench.command("rca")(bench_rca)
