"""Which sandbox untrusted programs run in here: Docker where it is configured, else bubblewrap, else none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from mission_control.settings import Settings
from shared.adapters.sandbox.bubblewrap import Bubblewrap
from shared.adapters.sandbox.none import NoSandbox
from shared.ports import Job, Limits, Outcome, Permanent, Sandbox, Strength, Transient


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sandbox that has just run a program, or NoSandbox; and why it is this one."""

    sandbox: Sandbox
    why: str


class ChosenWhenNeeded:
    """Fulfils `shared.ports.Sandbox`. The choice is made at the first use, not when a worker starts, and again as long
    as none works."""

    def __init__(self, choice: Callable[[], Chosen]) -> None:
        self._choice, self._lock = choice, Lock()
        self._sandbox: Sandbox | None = None

    @property
    def strength(self) -> Strength:
        return self._chosen().strength

    def run(self, job: Job) -> Outcome:
        return self._chosen().run(job)

    def _chosen(self) -> Sandbox:
        with self._lock:
            if self._sandbox is not None:
                return self._sandbox
            found = self._choice().sandbox
            if not isinstance(found, NoSandbox):
                self._sandbox = found
            return found


def choose(settings: Settings) -> Chosen:
    """Look once. Never raises for a sandbox that does not work: it is not chosen, and `why` says so."""
    scratch = settings.state_dir / "sandbox"
    engine = settings.sandbox_docker_host or settings.docker_host
    if settings.sandbox_image is None or engine is None:
        missing = "SRE_SANDBOX_IMAGE" if settings.sandbox_image is None else "SRE_SANDBOX_DOCKER_HOST"
        docker = f"Docker is not asked for: {missing} is not set"
    else:
        from shared.adapters.sandbox.docker import DockerSandbox

        container = DockerSandbox(engine, settings.sandbox_image, scratch)
        try:
            container.sweep()
            fault = trial(container)
        except Transient as error:
            fault = str(error)
        if fault is None:
            return Chosen(container, f"{settings.sandbox_image} on {engine} has run a trial")
        container.close()
        docker = f"Docker does not work: {fault}"
    namespaces = Bubblewrap(scratch)
    fault = trial(namespaces)
    if fault is None:
        return Chosen(namespaces, f"bubblewrap has run a trial; {docker}")
    why = f"bubblewrap does not work: {fault}; {docker}"
    return Chosen(NoSandbox(why), why)


def trial(sandbox: Sandbox) -> str | None:
    """Run a small program; what is wrong, or None. (That it is isolated, each run looks at by itself.)"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "word").write_text("here")
        job = Job(Path(folder), ("python3", "-c", "print(open('word').read())"), limits=Limits(wall_s=30))
        try:
            outcome = sandbox.run(job)
        except (Permanent, Transient) as error:
            return str(error)
    if (outcome.ended, outcome.exit_code, outcome.output) != ("exited", 0, "here\n"):
        return f"a trial ended with {outcome.ended} {outcome.exit_code}: {outcome.output[-300:]!r}"
    return None
