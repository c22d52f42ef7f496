"""Containers and images in the JSON of the Docker Engine API (v1.41)."""

from __future__ import annotations

import os
import platform
import time
from typing import Any

from embedded.engine.container import Container
from embedded.engine.memory import usage_of
from embedded.engine.spec import image_id
from embedded.engine.state import ContainerState, Health
from embedded.engine.times import ago, rfc3339

Json = dict[str, Any]
API_VERSION = "1.41"
MIN_API_VERSION = "1.24"
VERSION = "20.10.0-embedded"


def version() -> Json:
    """`GET /version`."""
    kernel = platform.release()
    return {
        "Platform": {"Name": "SRE-Space embedded engine"},
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
        "Arch": platform.machine(),
        "KernelVersion": kernel,
        "Components": [{"Name": "Engine", "Version": VERSION, "Details": {"ApiVersion": API_VERSION}}],
    }


def info(containers: list[Container], data: str) -> Json:
    """`GET /info`."""
    running = sum(c.state.running for c in containers)
    return {
        "ID": "embedded",
        "Name": platform.node(),
        "ServerVersion": VERSION,
        "Containers": len(containers),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": len(containers) - running,
        "Images": len({c.spec.image for c in containers}),
        "Driver": "host-processes",
        "DockerRootDir": data,
        "LoggingDriver": "json-file",
        "MemoryLimit": True,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "OperatingSystem": platform.platform(),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "KernelVersion": platform.release(),
        "SystemTime": rfc3339(time.time_ns()),
        "Warnings": ["containers are plain processes of this host: no isolation of files, network or users"],
    }


def inspect(container: Container) -> Json:
    """`GET /containers/ID/json`."""
    with container.changed:
        spec, state = container.spec, container.state
        return {
            "Id": spec.id,
            "Created": rfc3339(spec.created),
            "Path": spec.argv[0],
            "Args": list(spec.argv[1:]),
            "State": _state(state),
            "Image": spec.image_id,
            "Name": f"/{spec.name}",
            "RestartCount": state.restart_count,
            "Driver": "host-processes",
            "Platform": "linux",
            "LogPath": "",
            "Mounts": [],
            "HostConfig": {
                **spec.host_config,
                "Memory": spec.memory,
                "NetworkMode": spec.host_config.get("NetworkMode") or "host",
                "AutoRemove": spec.auto_remove,
                "RestartPolicy": {"Name": spec.restart.name, "MaximumRetryCount": spec.restart.max_retries},
                "LogConfig": {"Type": "json-file", "Config": {}},
            },
            "Config": {
                "Hostname": spec.id[:12],
                "Entrypoint": None,
                "Cmd": None,
                **spec.config,
                "Image": spec.image,
                "Env": list(spec.env),
                "Labels": dict(spec.labels),
                "WorkingDir": spec.working_dir,
                "Tty": False,
                "OpenStdin": False,
            },
            "NetworkSettings": {"Ports": {}, "IPAddress": "", "Networks": {}},
        }


def _state(state: ContainerState) -> Json:
    shown: Json = {
        "Status": state.status,
        "Running": state.running,
        "Paused": False,
        "Restarting": state.restarting,
        "OOMKilled": state.oom_killed,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339(state.started_at),
        "FinishedAt": rfc3339(state.finished_at),
    }
    if state.health:
        shown["Health"] = _health(state.health)
    return shown


def _health(health: Health) -> Json:
    return {
        "Status": health.status,
        "FailingStreak": health.failing_streak,
        "Log": [
            {"Start": rfc3339(p.start), "End": rfc3339(p.end), "ExitCode": p.exit_code, "Output": p.output}
            for p in health.log
        ],
    }


def summary(container: Container) -> Json:
    """One row of `GET /containers/json`."""
    with container.changed:
        spec, state = container.spec, container.state
        return {
            "Id": spec.id,
            "Names": [f"/{spec.name}"],
            "Image": spec.image,
            "ImageID": spec.image_id,
            "Command": " ".join(spec.argv),
            "Created": spec.created // 1_000_000_000,
            "Ports": [],
            "Labels": dict(spec.labels),
            "State": state.status,
            "Status": status_words(state, time.time_ns()),
            "HostConfig": {"NetworkMode": spec.host_config.get("NetworkMode") or "host"},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }


def status_words(state: ContainerState, now: int) -> str:
    """`Up 3 seconds (healthy)`, `Exited (137) 2 minutes ago`, …"""
    match state.status:
        case "running":
            health = state.health
            word = "health: starting" if health and health.status == "starting" else health.status if health else ""
            return f"Up {ago(state.started_at, now)}" + (f" ({word})" if word else "")
        case "restarting":
            return f"Restarting ({state.exit_code}) {ago(state.finished_at, now)} ago"
        case "exited":
            return f"Exited ({state.exit_code}) {ago(state.finished_at, now)} ago"
    return "Created"


def image(name: str, created: int) -> Json:
    """`GET /images/NAME/json`: a name, and an id derived from it."""
    tag = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return {
        "Id": image_id(name),
        "RepoTags": [tag],
        "RepoDigests": [],
        "Created": rfc3339(created),
        "Size": 0,
        "Os": "linux",
        "Architecture": platform.machine(),
        "Config": {"Labels": {}},
    }


def stats(container: Container) -> Json:
    """`GET /containers/ID/stats`: memory by the measure of the limit, CPU of the main process; zeros when stopped."""
    with container.changed:
        pid, spec = container.state.pid, container.spec
    now = rfc3339(time.time_ns())
    empty: Json = {"cpu_usage": {"total_usage": 0}, "system_cpu_usage": 0, "online_cpus": os.cpu_count() or 1}
    shown: Json = {
        "id": spec.id,
        "name": f"/{spec.name}",
        "read": now,
        "preread": rfc3339(0),
        "memory_stats": {},
        "cpu_stats": empty,
        "precpu_stats": empty,
        "pids_stats": {},
        "networks": {},
    }
    if pid:
        limit = spec.memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        shown["memory_stats"] = {"usage": usage_of(pid), "limit": limit, "stats": {}}
        shown["cpu_stats"] = {**empty, "cpu_usage": {"total_usage": cpu_time(pid)}, "system_cpu_usage": cpu_time(None)}
    return shown


def cpu_time(pid: int | None) -> int:
    """CPU nanoseconds used by a process, or with None by the whole machine since boot; 0 where /proc is absent."""
    tick = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    try:
        if pid is None:
            with open("/proc/stat", "rb") as file:  # noqa: PTH123
                return sum(int(field) for field in file.readline().split()[1:8]) * tick
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            fields = file.read().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) * tick
    except OSError:
        return 0
