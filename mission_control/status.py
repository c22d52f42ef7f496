"""`status`: what runs and what is open, from run.json, the engine and the control repository."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from mission_control import record
from mission_control.github import GithubSaysNo, Repository
from mission_control.settings import Settings
from mission_control.watch import OpenIncident, memory, open_incidents


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """One container as the engine says it."""

    name: str
    status: str
    health: str


def status(settings: Settings, as_json: bool) -> int:
    """0 when everything that should run does, 3 when something is missing or not healthy. Raises NotRunning."""
    state = settings.state_dir.resolve()
    running = record.read(state)
    if record.owner(state) is None:
        raise record.NotRunning(f"the supervisor of {state} (pid {running.supervisor}) is gone; run down, then up")
    processes = {
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
        _as_json(running, processes, containers, incidents, troubles)
    else:
        _as_text(running, processes, containers, incidents, troubles)
    return 3 if troubles else 0


def _containers(running: record.Record) -> tuple[tuple[ContainerRow, ...], str | None]:
    if not running.containers:
        return (), None
    import docker

    try:
        client = docker.DockerClient(base_url=running.docker_readonly, version="auto", timeout=5)
        try:
            found = client.containers.list(all=True)
        finally:
            client.close()
    except docker.errors.DockerException as error:
        return (), f"the engine does not answer: {error}"
    rows = (
        ContainerRow(one.name or "?", one.status, one.attrs["State"].get("Health", {}).get("Status", "none"))
        for one in found
    )
    return tuple(sorted((row for row in rows if row.name in running.containers), key=lambda row: row.name)), None


def _incidents(running: record.Record) -> tuple[tuple[OpenIncident, ...], str | None]:
    github = running.github
    try:
        return open_incidents(Repository(github["api"], github["repo"], github["tokens"]["fleet"])), None
    except GithubSaysNo as no:
        return (), str(no)


def _as_json(
    running: record.Record,
    processes: dict[str, dict[str, Any]],
    containers: tuple[ContainerRow, ...],
    incidents: tuple[OpenIncident, ...],
    troubles: list[str],
) -> None:
    document = {
        "state": running.state,
        "supervisor": running.supervisor,
        "processes": processes,
        "containers": [asdict(row) for row in containers],
        "incidents": [asdict(row) | {"since": row.since.isoformat()} for row in incidents],
        "troubles": troubles,
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _as_text(
    running: record.Record,
    processes: dict[str, dict[str, Any]],
    containers: tuple[ContainerRow, ...],
    incidents: tuple[OpenIncident, ...],
    troubles: list[str],
) -> None:
    from rich.console import Console
    from rich.text import Text

    from mission_control.view import incident_table, process_table
    from mission_control.watch import ProcessRow

    console = Console()
    console.print(f"incidents    {running.github['url']}/{running.github['repo']}/issues", highlight=False)
    console.print(f"marketplace  {running.marketplace}\n", highlight=False)
    rows = (ProcessRow(n, row["pid"], "up" if row["alive"] else "gone", row["mb"]) for n, row in processes.items())
    console.print(process_table(rows, history=False))
    for container in containers:
        console.print(Text(f"{container.name:16} {container.status}, {container.health}"))
    console.print()
    console.print(incident_table(incidents))
    for trouble in troubles:
        console.print(Text(trouble, style="red"))
