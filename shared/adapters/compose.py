"""docker compose, asked whether it reads a desired state: `compose config`, which needs no daemon and no network.

The file is untrusted. compose is asked only of what `parse_stack` accepts, in which nothing can name another file, and
in a folder that holds nothing else. https://docs.docker.com/reference/cli/docker/compose/config/
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from shared.gitops.stack import STACK, BadStack, parse_stack
from shared.incident.evidence import one_line
from shared.incident.parts import Predicate

PROGRAMS: Final = (("docker", "compose"), ("docker-compose",))
"""In the order in which they are tried: compose 2, and what stands alone (1.29 or 2)."""
WITHIN_S: Final = 20.0
NAME: Final = "compose"
TRIAL: Final = b'services:\n  trial:\n    mem_limit: 64m\n    environment: {KEY: "1"}\n'
"""What a compose that works reads."""
MOST_KEPT: Final = 32
_MOST_SAID: Final = 4_000
_PROJECT: Final = "sre-space-check"


@dataclass(frozen=True, slots=True)
class _Answer:
    """How compose ended; None when it was killed or could not be started."""

    status: int | None
    words: str


class ComposeConfig:
    """Fulfils `shared.proof.Compose`, with the first of `programs` that works here. One that complains is believed only
    when it reads what is known to be good."""

    def __init__(self, programs: Sequence[tuple[str, ...]] = PROGRAMS, within_s: float = WITHIN_S) -> None:
        self._programs = programs
        self._within_s = within_s
        self._known: dict[bytes, Predicate] = {}
        """What was said of which file: a change is looked at before it is pushed, and again when it is proved."""

    def says(self, stack: bytes) -> Predicate:
        """Whether compose reads this desired state. Claims nothing where there is no compose to ask."""
        known = self._known.get(stack)
        if known is not None:
            return known
        said = self._asked(stack)
        if said.ok is not None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[stack] = said
        return said

    def _asked(self, stack: bytes) -> Predicate:
        try:
            parse_stack(stack)
        except BadStack as bad:
            return _check(None, f"not asked: it is no desired state: {bad}")
        why = "no docker compose here"
        for program in self._programs:
            if shutil.which(program[0]) is None:
                continue
            name = " ".join(program)
            answer = self._config(program, stack)
            if answer.status == 0:
                return _check(True, f"{name} reads {STACK}")
            ended = answer.status is not None and answer.status > 0
            if ended and self._config(program, TRIAL).status == 0:  # it is the file, and not compose itself
                return _check(False, answer.words or f"exit status {answer.status}")
            why = f"{name} does not work here: {answer.words or 'it was killed'}"
        return _check(None, f"not asked: {why}")

    def _config(self, program: tuple[str, ...], stack: bytes) -> _Answer:
        with tempfile.TemporaryDirectory(prefix="sre-space-compose-") as scratch:
            folder = Path(scratch)
            file = folder / STACK
            file.parent.mkdir(parents=True)
            file.write_bytes(stack)
            files = ["-f", str(file)]
            if images := _images(stack):
                (folder / "images.yaml").write_text(images, encoding="utf-8")
                files += ["-f", str(folder / "images.yaml")]
            argv = [*program, "-p", _PROJECT, *files, "config", "--quiet"]
            answer = self._run(argv, folder)
            return _Answer(answer.status, one_line(answer.words.replace(f"{folder}/", ""), 250))

    def _run(self, argv: list[str], folder: Path) -> _Answer:
        """Whatever it starts ends with it: `docker` runs compose as a process of its own."""
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        words = folder / "words"
        with words.open("wb") as said:
            try:
                process = subprocess.Popen(
                    argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                return _Answer(None, str(error))
            try:
                status = process.wait(self._within_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return _Answer(None, f"gave no answer in {self._within_s:.0f} s")
        with words.open("rb") as written:
            return _Answer(status, written.read(_MOST_SAID).decode(errors="replace"))


def _images(stack: bytes) -> str:
    """A second file with an image for each service that says none; compose wants one, and docker-compose.yml has it."""
    bare = [name for name, service in parse_stack(stack).services.items() if service.image is None]
    return yaml.safe_dump({"services": {name: {"image": "unnamed"} for name in bare}}) if bare else ""


def _check(ok: bool | None, text: str) -> Predicate:
    return Predicate(name=NAME, ok=ok, detail=one_line(text))
