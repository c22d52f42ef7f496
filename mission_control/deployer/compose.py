"""The real host: the services as containers of docker compose, each made anew by `compose up` when it changed.

Their image is the fleet's with the release's source in it. What was deployed stands in an override file beside the
journal (image and labels of each service); name it in COMPOSE_FILE, and a plain `docker compose up` keeps to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from mission_control.deployer.deploy import Host, NotMade
from mission_control.deployer.engine import Engine
from mission_control.deployer.plan import Plan, Seen, plan
from mission_control.deployer.release import COMPOSE, SOURCE, BadRelease, Release
from mission_control.settings import REPOSITORY_ROOT, Settings
from mission_control.world.patients import RELEASE, SERVICES, SPEC, wrong_services
from shared.incident.change import REPLICAS

SOCKET: Final = "unix:///var/run/docker.sock"
OVERRIDE: Final = "compose.deployed.yml"
PROJECT: Final = "com.docker.compose.project"
IMAGE: Final = "sre-space/marketplace"
_TIMEOUT: Final = 600
_DOCKERFILE: Final = f"""FROM {{base}}
USER root
RUN rm -rf /app/{SOURCE}
COPY {SOURCE} /app/{SOURCE}
USER 10001:10001
"""


def compose_host(settings: Settings, folder: Path) -> Host:
    """This host's docker compose. Raises docker.errors.DockerException."""
    import docker

    address = settings.docker_host or SOCKET
    client = docker.DockerClient(base_url=address, version="auto", timeout=60)
    return ComposeHost(Engine(client), settings, folder, address)


def specs(release: Release, described: Mapping[str, Any]) -> dict[str, str]:
    """Service to the hash of all it is made from: source, levers, and how the compose file (as a mapping) has it."""
    found = {}
    for name in SERVICES:
        levers = {key: getattr(release.services[name], key) for key in ("image", "memory_mib", "replicas")}
        environment = dict(release.services[name].environment)
        how = {key: value for key, value in described["services"][name].items() if key not in ("build", "extends")}
        what = {"source": release.source_of(name), "levers": levers, "environment": environment, "compose": how}
        found[name] = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return found


def override(there: Mapping[str, Seen]) -> dict[str, Any]:
    """What compose must add to its file so that each service is what `there` says; services unknown to us are left."""
    services = {
        name: {"image": f"{IMAGE}:{seen.release[:12]}", "labels": {SPEC: seen.spec, RELEASE: seen.release}}
        for name, seen in there.items()
        if seen.spec and seen.release
    }
    return {"services": services}


class ComposeHost:
    """Containers of one compose project; their names are the services' (container_name)."""

    def __init__(self, engine: Engine, settings: Settings, folder: Path, address: str) -> None:
        self.address = address
        self._engine, self._settings, self._folder = engine, settings, folder

    def plan(self, release: Release, *, waking: bool) -> Plan:
        """Compares what each container was made from with what it is to be made from. Raises BadRelease."""
        wrong_services(release)
        for name, service in release.services.items():
            if service.image is not None or service.replicas != REPLICAS:
                raise BadRelease(f"{name}: its image is built from the source, and it runs once: it has one name")
        return plan(specs(release, self._described(release)), self._engine.there(SERVICES), waking=waking)

    def make(self, release: Release, name: str) -> None:
        """Build the release's image unless it is there, and let compose put the container in place. Raises NotMade."""
        spec = specs(release, self._described(release))[name]
        self._build(release)
        wanted = {**self._engine.there(SERVICES), name: Seen(spec, "", release.sha)}
        deployed = override(wanted)
        file = self._folder / OVERRIDE
        file.write_text(yaml.safe_dump(deployed, sort_keys=True), encoding="utf-8")
        self._run(*self._compose(release), "-f", str(file), "up", "-d", "--no-deps", "--no-build", name)
        self._engine.keep_images(IMAGE, {service["image"] for service in deployed["services"].values()})

    def begin(self, name: str) -> None:
        self._engine.begin(name)

    def health(self, name: str) -> str:
        return self._engine.health(name)

    def last_line(self, name: str) -> str:
        return self._engine.last_line(name)

    def in_use(self) -> frozenset[str]:
        """None but the present one: a container runs its image, not these files."""
        return frozenset()

    def _described(self, release: Release) -> Mapping[str, Any]:
        """The compose file: the commit's own, else the one of this installation, laid beside the release's stack."""
        file = release.folder / COMPOSE
        if not file.exists():
            shutil.copyfile(REPOSITORY_ROOT / COMPOSE, file)
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not set(SERVICES) <= set(found.get("services") or ()):
            raise BadRelease(f"{COMPOSE} does not describe {', '.join(SERVICES)}")
        return found

    def _build(self, release: Release) -> None:
        tag = f"{IMAGE}:{release.sha[:12]}"
        if self._asked("docker", "image", "inspect", tag):
            return
        base = self._described(release)["services"][SERVICES[0]]["image"]
        file = release.folder / ".Dockerfile"
        file.write_text(_DOCKERFILE.format(base=base), encoding="utf-8")
        self._run("docker", "build", "--quiet", "--tag", tag, "--file", str(file), str(release.folder))

    def _compose(self, release: Release) -> tuple[str, ...]:
        command = ("docker", "compose") if self._asked("docker", "compose", "version") else ("docker-compose",)
        files = [release.folder / COMPOSE]
        if self._settings.compose_file:
            _, *more = self._settings.compose_file.split(":")
            files += [Path(one).absolute() for one in more if Path(one).name != OVERRIDE]
        env_file = REPOSITORY_ROOT / ".env"
        said = ("--env-file", str(env_file)) if env_file.exists() else ()
        return (*command, *said, "-p", self._project(), *(part for file in files for part in ("-f", str(file))))

    def _project(self) -> str:
        """The project that the containers belong to already, else the one compose would choose."""
        known = next((p for name in SERVICES if (p := self._engine.label(name, PROJECT))), None)
        return known or self._settings.compose_project or REPOSITORY_ROOT.name.lower()

    def _asked(self, *argv: str) -> bool:
        try:
            return self._call(*argv).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def _run(self, *argv: str) -> None:
        try:
            done = self._call(*argv)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotMade(f"{argv[0]}: {error}") from error
        if done.returncode != 0:
            raise NotMade((done.stderr.strip() or done.stdout.strip()).splitlines()[-1][:200])

    def _call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "DOCKER_HOST": self.address}  # compose fills in what the operator's shell holds
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
