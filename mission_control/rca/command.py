"""`rca`: diagnose two Jaeger exports or a live Jaeger, no fleet needed. `bench rca`: how good that is, on records."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mission_control.exits import Exit
from mission_control.terminal.options import AsJson, settings_of
from mission_control.terminal.printable import printable, printable_lines

if TYPE_CHECKING:
    from mission_control.terminal.console import Tell
    from shared.analysis.rca.metrics import Rows
    from shared.analysis.rca.rank import Diagnosis
    from shared.analysis.rca.table import Table

Export = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, readable=True, help="Jaeger's JSON, legacy or v3 (OTLP); may be .gz."),
]


def rca(
    baseline: Export = None,
    incident: Export = None,
    metrics: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help='{"columns": […], "rows": [[…], …]}, may be .gz.')
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="10m", help="Live: the time up to now, against the time before it.")
    ] = None,
    trace_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Live: this trace and what surrounds it, against the time before.")
    ] = None,
    service: Annotated[str | None, typer.Option(metavar="S", help="With --since: traces through S alone.")] = None,
    jaeger: Annotated[
        str | None, typer.Option(metavar="URL", help="Jaeger's query address (JAEGER_URL, else the running `up`).")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="State folder of the running `up` (SRE_STATE_DIR).")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Find the root cause: --baseline and --incident FILE, or live by --since or --trace-id."""
    from mission_control.terminal.console import progress
    from shared.ports import Permanent, Transient

    try:
        _one_way(baseline, incident, since, trace_id)
        with progress("reading spans") as tell:
            began = time.perf_counter()
            if baseline is not None and incident is not None:
                table, rows = _from_files(baseline, incident, metrics, tell)
            else:
                table, rows = _live(since, trace_id, service, _jaeger(jaeger, state), tell), None
    except (Transient, Permanent) as failure:
        typer.echo(printable(f"rca: {failure}"), err=True)
        return Exit.ERROR
    read = time.perf_counter()
    from shared.analysis.rca.rank import diagnose

    with progress("ranking suspects"):
        found = diagnose(table, rows)
    document = as_document(found) | {
        "seconds": round(time.perf_counter() - began, 4),
        "seconds_reading": round(read - began, 4),
    }
    typer.echo(json.dumps(document) if as_json else printable_lines(as_text(found, document["seconds"])), nl=as_json)
    return 0


def _one_way(baseline: Path | None, incident: Path | None, since: str | None, trace_id: str | None) -> None:
    """Raises BadSettings unless exactly one of the three ways is asked for."""
    from mission_control.settings import BadSettings

    files = baseline is not None and incident is not None
    if (baseline is None) != (incident is None) or [files, since is not None, trace_id is not None].count(True) != 1:
        raise BadSettings(("rca: give either --baseline and --incident, or --since, or --trace-id",))


def _from_files(baseline: Path, incident: Path, metrics: Path | None, tell: Tell) -> tuple[Table, Rows | None]:
    """Raises BadSettings when a file is not what it should be."""
    from mission_control.rca.files import Unreadable, add_export, read_rows
    from mission_control.settings import BadSettings
    from shared.analysis.rca.table import Builder

    builder = Builder()
    try:
        for done, (file, is_incident) in enumerate(((baseline, False), (incident, True))):
            tell(done, 2)
            add_export(builder, file, incident=is_incident)
        tell(2, 2)
        return builder.table(), read_rows(metrics) if metrics else None
    except Unreadable as failure:
        raise BadSettings((str(failure),)) from failure


def _live(since: str | None, trace_id: str | None, service: str | None, url: str, tell: Tell) -> Table:
    """Raises Transient, Permanent or BadSettings."""
    from mission_control.rca import live
    from mission_control.settings import BadSettings, duration
    from shared.adapters.jaeger import JaegerTraces

    try:
        span = duration(since) if since is not None else None
    except ValueError as failure:
        raise BadSettings((f"--since {failure}",)) from failure
    traces = JaegerTraces(url)
    window = live.since(span, datetime.now(UTC), service) if span is not None else live.around(traces, trace_id or "")
    return live.read(traces, window, tell)


def _jaeger(url: str | None, state: Path | None) -> str:
    """Raises BadSettings or NotRunning."""
    from mission_control.settings import BadSettings
    from mission_control.world import record

    settings = settings_of(state)
    found = url or settings.jaeger_url or record.read(settings.state_dir.resolve()).traces["query"]
    if not found:
        raise BadSettings(("--jaeger or JAEGER_URL must say where Jaeger is",))
    return found


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
        from mission_control.terminal.console import progress

        with progress("diagnosing cases") as tell:
            found = run(cases, traces_only=traces_only, held_out=held_out, tell=tell)
    except (ValueError, OSError, ModuleNotFoundError) as failure:
        typer.echo(f"bench rca: {failure}", err=True)
        return Exit.USAGE
    text = found.pop("text")
    typer.echo(json.dumps(found) if as_json else text)
    return 0


def register(app: typer.Typer, bench: typer.Typer) -> None:
    """Hang the two commands in: `rca` under `app`, `rca` under its group `bench`."""
    app.command("rca")(rca)
    bench.command("rca")(bench_rca)
