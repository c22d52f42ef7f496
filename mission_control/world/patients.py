"""The marketplace as containers: what each is to be, by what a release says and where it runs. Nothing is done here."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mission_control.deployer.release import BadRelease, Release
from shared.gitops.stack import STACK, Service
from shared.incident.change import REPLICAS

SERVICES: Final = ("user-service", "policy-service", "quote-service", "frontend")
"""In the order in which they are needed."""
LOAD: Final = "load"
VERSION: Final = "0.1.0"
LOAD_SERVICE: Final = Service(memory_mib=192)
"""The customers are no service that anybody configures."""
MEBIBYTE: Final = 1024 * 1024
SECOND: Final = 1_000_000_000
SPEC: Final = "sre-space.spec"
RELEASE: Final = "sre-space.release"
"""The commit whose files a container runs: the last that changed what it is."""
_LOADS_CODE: Final = re.compile(r"(LD|DYLD|PYTHON|SRE)(_.*)?|PYTHON.*|PATH|HOME")


@dataclass(frozen=True, slots=True)
class Site:
    """Where this marketplace runs. `ports`: of every container, on 127.0.0.1; faults are read from `state`."""

    ports: Mapping[str, int]
    state: Path
    otlp: str | None
    kafka: str | None

    def health_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/healthz"


@dataclass(frozen=True, slots=True)
class Patient:
    """One container. `env`: all that is the same in every release that changes nothing about it."""

    name: str
    port: int
    image: str
    memory: int
    """Bytes."""
    source: str
    env: Mapping[str, str] = field(repr=False)

    @property
    def managed(self) -> bool:
        return self.name != LOAD

    @property
    def digest(self) -> str:
        """Changes when anything about the container would, and not because a commit changed another one."""
        what = {name: getattr(self, name) for name in self.__slots__} | {"python": sys.executable}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def options(self, release: Release, health_url: str) -> dict[str, Any]:
        """What the docker SDK's `containers.create` takes, to run it from the files of `release`."""
        check = release.folder / "protected_services" / "common" / "healthcheck.py"
        labels = {SPEC: self.digest, RELEASE: release.sha, "sre-space.service": self.name}
        if self.managed:
            labels |= {"sre-space.managed": "true", "sre-space.health-url": health_url}
        own = {"PYTHONPATH": str(release.folder), "SERVICE_VERSION": release.sha[:12]}
        return {
            "image": self.image,
            "name": self.name,
            "command": [sys.executable, "-P", "-m", f"protected_services.{self.name.replace('-', '_')}"],
            "working_dir": str(release.folder),
            "environment": {**self.env, **own},
            "labels": labels,
            "mem_limit": self.memory,
            "restart_policy": {"Name": "no" if self.managed else "unless-stopped"},
            "healthcheck": {
                "test": ["CMD", sys.executable, "-I", "-S", str(check), str(self.port)],
                "interval": SECOND,
                "timeout": 2 * SECOND,
                "retries": 3,
                "start_period": 3 * SECOND,
            },
            "detach": True,
        }


def marketplace(site: Site, release: Release) -> tuple[Patient, ...]:
    """All containers of the marketplace as this release wants them. Raises BadRelease for what cannot be had."""
    wrong_services(release)
    common = {
        "PYTHONUNBUFFERED": "1",
        "HOST": "127.0.0.1",
        "FAULTS_FILE": str(site.state / "faults.json"),
        "SRE_SPACE_UP": str(site.state),
    }
    common |= {"OTEL_EXPORTER_OTLP_ENDPOINT": site.otlp} if site.otlp else {}
    common |= {"KAFKA_BOOTSTRAP_SERVERS": site.kafka} if site.kafka else {}
    common |= {f"{name.split('-')[0].upper()}_URL": f"http://127.0.0.1:{site.ports[name]}" for name in SERVICES}
    described = {**release.services, LOAD: LOAD_SERVICE}
    return tuple(_patient(name, described[name], site, release, common) for name in (*SERVICES, LOAD))


def wrong_services(release: Release) -> None:
    """Raises BadRelease when the stack describes other services than there are."""
    if wrong := sorted(frozenset(SERVICES).symmetric_difference(release.services)):
        raise BadRelease(f"{STACK} must describe {', '.join(SERVICES)}; not so: {', '.join(wrong)[:60]}")


def _patient(name: str, wanted: Service, site: Site, release: Release, common: Mapping[str, str]) -> Patient:
    given = {**common, "SERVICE_NAME": name, "PORT": str(site.ports[name])}
    reserved = {*given, "SERVICE_VERSION"}
    if taken := sorted(key for key in wanted.environment if key in reserved or _LOADS_CODE.fullmatch(key)):
        raise BadRelease(f"{name}: {', '.join(taken)[:60]} is for the deployer to say, not for {STACK}")
    if wanted.replicas != REPLICAS:
        raise BadRelease(
            f"{name}: {wanted.replicas} replicas cannot be had here: its records are in one process's memory"
        )
    return Patient(
        name=name,
        port=site.ports[name],
        image=wanted.image or f"sre-space/{name}:{VERSION}",
        memory=wanted.memory_mib * MEBIBYTE,
        source=release.source_of(name),
        env={**given, **wanted.environment},
    )
