"""`status`: what runs and what is open, from run.json, the engine and the control repository."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil

from mission_control.exits import Exit
from mission_control.github import GithubSaysNo, Repository
from mission_control.settings import Settings
from mission_control.terminal.glance import memory
from mission_control.terminal.incidents import IncidentRow, Wanted, read_rows
from mission_control.world import record
from mission_control.world.engine_view import ContainerRow, EngineSilent, EngineView

if TYPE_CHECKING:
    from mission_control.terminal.shapes import ProcessShape, StatusShape


def status(settings: Settings, as_json: bool) -> Exit:
    """OK when everything that should run does, DEGRADED when something is missing or unwell. Raises NotRunning."""
    state = settings.state_dir.resolve()
    running = record.read(state)
    if record.owner(state) is None:
        raise record.NotRunning(f"the supervisor of {state} (pid {running.supervisor}) is gone; run down, then up")
    processes: dict[str, ProcessShape] = {
        name: {"pid": pid, "alive": psutil.pid_exists(pid), "mb": memory(pid)}
        for name, pid in running.processes.items()
    }
    containers, engine_trouble = _containers(running)
    incidents, github_trouble = _incidents(running)
    troubles = [trouble for trouble in (engine_trouble, github_trouble) if trouble]
    healthy = {row.name for row in containers if row.health in ("healthy", "none") and row.status == "running"}
    troubles += [f"{name} is not healthy" for name in running.containers if name not in healthy]
    troubles += [f"{name} does not run" for name, row in processes.items() if not row["alive"]]
    if as_json:
        document: StatusShape = {
            "state": running.state,
            "supervisor": running.supervisor,
            "dashboard": running.dashboard,
            "processes": processes,
            "containers": [{"name": one.name, "status": one.status, "health": one.health} for one in containers],
            "incidents": [row.shape() for row in incidents],
            "troubles": troubles,
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _as_text(running, processes, containers, incidents, troubles)
    return Exit.DEGRADED if troubles else Exit.OK


def _containers(running: record.Record) -> tuple[tuple[ContainerRow, ...], str | None]:
    if not running.containers or running.docker_readonly is None:
        return (), None
    try:
        found = EngineView(running.docker_readonly).containers()
    except EngineSilent as silent:
        return (), str(silent)
    return tuple(row for row in found if row.name in running.containers), None


def _incidents(running: record.Record) -> tuple[tuple[IncidentRow, ...], str | None]:
    github = running.github
    repository = Repository(github["api"], github["repo"], github["tokens"]["fleet"])
    try:
        return read_rows(repository, Wanted(), datetime.now(UTC)), None
    except GithubSaysNo as no:
        return (), str(no)


def _as_text(
    running: record.Record,
    processes: dict[str, ProcessShape],
    containers: tuple[ContainerRow, ...],
    incidents: tuple[IncidentRow, ...],
    troubles: list[str],
) -> None:
    from rich.text import Text

    from mission_control.terminal.console import console
    from mission_control.terminal.glance import ProcessRow
    from mission_control.terminal.printable import printable
    from mission_control.terminal.table import container_table, incident_table, process_table

    out = console()
    out.print(Text(f"incidents    {running.github['url']}/{running.github['repo']}/issues"))
    out.print(Text(f"marketplace  {running.marketplace or '–'}"))
    out.print(Text(f"dashboard    {running.dashboard or '–'}"))
    out.print()
    rows = (ProcessRow(n, row["pid"], "up" if row["alive"] else "gone", row["mb"]) for n, row in processes.items())
    out.print(process_table(rows, history=False))
    out.print()
    if containers:
        out.print(container_table(containers))
        out.print()
    out.print(incident_table(incidents, datetime.now(UTC), out.width))
    for trouble in troubles:
        out.print(Text(printable(trouble), style="red"))
