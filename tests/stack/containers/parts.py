"""What the real stack is made of, and how each part is had: found, started or built; else Missing says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.machine import ROOT

SOCKET: Final = Path("/var/run/docker.sock")
FLEET_IMAGE: Final = "sre-space/fleet:0.1.0"
BASE_IMAGE: Final = "sre-space/base:bookworm"
COMPOSE_V2: Final = Path(os.environ.get("SRE_CACHE") or Path.home() / ".cache" / "sre-space") / "compose-v2"
"""Where deploy/local/build.sh puts it."""
BUILD_S: Final = 3600
"""How long the first build may take: Jaeger alone is half an hour of compiling on two cores."""


class Missing(Exception):
    """A part that cannot be had here; the message names it, why, and how to get it."""


@contextmanager
def dockerd(logs: Path) -> Iterator[str]:
    """The address of a dockerd that answers. One that is started here is stopped in the end."""
    tool("docker", "apt-get install docker.io iptables")
    address = os.environ.get("DOCKER_HOST") or f"unix://{SOCKET}"
    if _answers():
        yield address
        return
    if address != f"unix://{SOCKET}":
        raise Missing(f"dockerd: DOCKER_HOST={address} does not answer")
    if os.geteuid() != 0:
        raise Missing("dockerd: none runs, and only root can start one")
    tool("dockerd", "apt-get install docker.io iptables")
    said = logs / "dockerd.log"
    with said.open("wb") as out:
        process = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not _answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing("dockerd does not start: " + said.read_text(errors="replace")[-600:])
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def compose() -> tuple[str, ...]:
    """The compose command there is, the newer kind first."""
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ("docker", "compose")
    tool("docker-compose", "apt-get install docker-compose")
    return ("docker-compose",)


def images() -> None:
    """Make the local images and compose v2 where they are missing, and the fleet's image from this very source."""
    local = ("kafka:4.1.1", "jaeger:v1.76.0", "prometheus:2.42", "chroma:1.5.9")
    wanted = (BASE_IMAGE, *(f"sre-space/local-{part}" for part in local))
    absent = [name for name in wanted if run("docker", "image", "inspect", name, check=False).returncode != 0]
    if not os.access(COMPOSE_V2, os.X_OK):
        absent.append(str(COMPOSE_V2))
    if absent:
        done = run("bash", str(ROOT / "deploy" / "local" / "build.sh"), check=False, seconds=BUILD_S)
        if done.returncode != 0:
            raise Missing(f"{', '.join(absent)}: deploy/local/build.sh: {done.stderr[-800:]}")
    where = ("--file", str(ROOT / "deploy" / "Dockerfile"), "--tag", FLEET_IMAGE, "--network", "host")
    built = run(
        "docker", "build", "--quiet", *where, "--build-arg", f"BASE={BASE_IMAGE}", str(ROOT),
        check=False, seconds=BUILD_S, environment={**os.environ, "DOCKER_BUILDKIT": "0"},
    )  # fmt: skip
    if built.returncode != 0:
        raise Missing(f"the fleet's image: {built.stdout[-400:]}{built.stderr[-800:]}")


def tool(name: str, remedy: str) -> None:
    """Raises Missing when there is no such program."""
    if shutil.which(name) is None:
        raise Missing(f"{name} is not on PATH: {remedy}")


def run(
    *argv: str, check: bool = True, seconds: float = 120, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command at the repository's root. Raises AssertionError with its last words when it fails."""
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env={**(environment or os.environ)},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert not check or done.returncode == 0, f"{_shown(argv)}: {done.stdout[-800:]}{done.stderr[-1600:]}"
    return done


def _shown(argv: Sequence[str]) -> str:
    return " ".join(argv)[:200]


def _answers() -> bool:
    return run("docker", "info", "--format", "{{.ServerVersion}}", check=False, seconds=30).returncode == 0
