"""The marketplace as containers: what each is, and how it comes to run on an engine through the docker SDK."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mission_control.settings import REPOSITORY_ROOT

if TYPE_CHECKING:
    from docker.client import DockerClient

SERVICES: Final = ("user-service", "policy-service", "quote-service", "frontend")
"""In the order in which they are needed."""
LOAD: Final = "load"
VERSION: Final = "0.1.0"
MEMORY: Final = 192 * 1024 * 1024
"""Bytes a service may use: about three times what it needs, and reached by a leak within a second."""
SECOND: Final = 1_000_000_000
_SPEC_LABEL: Final = "sre-space.spec"


@dataclass(frozen=True, slots=True)
class Patient:
    """One container. `port` is where it answers /healthz on 127.0.0.1."""

    name: str
    port: int
    managed: bool
    memory: int
    env: Mapping[str, str] = field(repr=False)

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/healthz"

    @property
    def digest(self) -> str:
        """Changes when anything about the container would."""
        text = json.dumps({**asdict(self), "python": sys.executable}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def marketplace(ports: Mapping[str, int], state: Path, otlp: str | None, kafka: str | None) -> tuple[Patient, ...]:
    """All containers of the marketplace, where they listen and whom they report to. Faults are read from `state`."""
    common = {
        "PYTHONPATH": str(REPOSITORY_ROOT),
        "PYTHONUNBUFFERED": "1",
        "HOST": "127.0.0.1",
        "FAULTS_FILE": str(state / "faults.json"),
        "SRE_SPACE_UP": str(state),
        "SERVICE_VERSION": VERSION,
    }
    common |= {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp} if otlp else {}
    common |= {"KAFKA_BOOTSTRAP_SERVERS": kafka} if kafka else {}
    common |= {f"{name.split('-')[0].upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
    return tuple(
        Patient(
            name=name,
            port=ports[name],
            managed=name != LOAD,
            memory=MEMORY,
            env=common | {"SERVICE_NAME": name, "PORT": str(ports[name])},
        )
        for name in (*SERVICES, LOAD)
    )


def deploy(client: DockerClient, patients: tuple[Patient, ...]) -> tuple[str, ...]:
    """Make each container run as described, and leave alone what already does; returns the names that were made anew.

    Raises docker.errors.DockerException.
    """
    from docker.errors import NotFound

    made = []
    for patient in patients:
        try:
            container = client.containers.get(patient.name)
        except NotFound:
            container = None
        if container is not None and container.labels.get(_SPEC_LABEL) != patient.digest:
            container.remove(force=True)
            container = None
        if container is None:
            container = client.containers.create(**_options(patient))
            made.append(patient.name)
        if container.status != "running":
            container.start()
    return tuple(made)


def unhealthy(client: DockerClient, patients: tuple[Patient, ...]) -> tuple[str, ...]:
    """The names of those that the engine does not call healthy now. Raises docker.errors.DockerException."""
    found = []
    for patient in patients:
        state = client.containers.get(patient.name).attrs["State"]
        if not state["Running"] or state.get("Health", {}).get("Status") != "healthy":
            found.append(patient.name)
    return tuple(found)


def _options(patient: Patient) -> dict[str, Any]:
    module = f"protected_services.{patient.name.replace('-', '_')}"
    check = REPOSITORY_ROOT / "protected_services" / "common" / "healthcheck.py"
    labels = {_SPEC_LABEL: patient.digest, "sre-space.service": patient.name}
    if patient.managed:
        labels |= {"sre-space.managed": "true", "sre-space.health-url": patient.health_url}
    return {
        "image": f"sre-space/{patient.name}:{VERSION}",
        "name": patient.name,
        "command": [sys.executable, "-P", "-m", module],
        "working_dir": str(REPOSITORY_ROOT),
        "environment": dict(patient.env),
        "labels": labels,
        "mem_limit": patient.memory,
        "restart_policy": {"Name": "no" if patient.managed else "unless-stopped"},
        "healthcheck": {
            "test": ["CMD", sys.executable, "-I", "-S", str(check), str(patient.port)],
            "interval": SECOND,
            "timeout": 2 * SECOND,
            "retries": 3,
            "start_period": 3 * SECOND,
        },
        "detach": True,
    }
