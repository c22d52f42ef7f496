"""Real processes, real locks, real SIGKILL: still one restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shared.incident.parts import Directive, Observed
from tests.fixer import racer

ROOT = Path(__file__).parents[2]


@contextmanager
def fixer(folder: Path, directive: Directive, crash_at: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """A Fixer process that waits for its starting shot."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if crash_at:
        environment["SRE_CRASH_AT"] = f"{crash_at}:{folder / 'crashed'}"
    with subprocess.Popen(
        [sys.executable, racer.__file__, str(folder), directive.canonical()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


@pytest.fixture
def directive(tmp_path: Path) -> Directive:
    racer.write_container(tmp_path)
    seen = racer.FolderEngine(tmp_path).inspect(racer.NAME)
    return Directive(
        id="acme/shop#7/1",
        verb="restart",
        target=racer.NAME,
        grace_s=0.3,
        observed=Observed(container_id=seen.id, started_at=seen.started_at, image=seen.image),
        undo="none needed",
    )


def restarts(folder: Path) -> int:
    log = folder / "restarts"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_ten_fixer_processes_at_once_restart_once(tmp_path: Path, directive: Directive) -> None:
    with ExitStack() as stack:
        fixers = [stack.enter_context(fixer(tmp_path, directive)) for _ in range(10)]
        for process in fixers:
            ready(process)
        for process in fixers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = {process.communicate(timeout=30)[0] for process in fixers}
    assert restarts(tmp_path) == 1
    assert len(answers) == 1, "all ten say the same"
    assert '"kind":"applied"' in answers.pop()


@pytest.mark.parametrize("point", ["intent-written", "acted", "outcome-written"])
def test_killed_with_sigkill_at_each_point_the_next_fixer_finishes_with_one_restart(
    tmp_path: Path, directive: Directive, point: str
) -> None:
    with fixer(tmp_path, directive, crash_at=point) as first:
        first.communicate("go\n", timeout=30)
        assert first.returncode == -signal.SIGKILL
    with fixer(tmp_path, directive, crash_at=point) as second:
        answer = second.communicate("go\n", timeout=30)[0]
    assert '"kind":"applied"' in answer
    assert restarts(tmp_path) == 1
