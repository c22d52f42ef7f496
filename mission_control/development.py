"""`test` and `check`: the development tools, run from the repository's root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mission_control.settings import REPOSITORY_ROOT

IN_PARALLEL: Final = ("-n", "3")
"""How the whole set runs (see tests/schedule.py): a test mostly waits, so three at a time keep two cores busy."""
TOLD: Final = ("-vv", "--durations=15")
"""Tests of minutes run one after the other: two fleets on one machine starve each other, and a starved one has real
incidents. Each says how it ended when it ends, and at the end what took longest."""
TIERS: Final = {"--real": "tests/stack", "--long": "tests/long"}
"""What these options of `test` stand for."""
CHECKS: Final[dict[str, tuple[str, ...]]] = {
    "ruff check": ("-m", "ruff", "check", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "."),
    "mypy": ("-m", "mypy", "."),
    "import-linter": ("-c", "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"),
}


def test(arguments: Sequence[str]) -> int:
    """Become pytest at the repository's root; its exit code is the command's."""
    os.chdir(REPOSITORY_ROOT)
    sys.stdout.flush()
    given = for_pytest(arguments)
    os.execv(sys.executable, [sys.executable, "-P", "-m", "pytest", *given])  # noqa: S606 - a list, no shell


def for_pytest(arguments: Sequence[str]) -> list[str]:
    """What pytest is given for these arguments of `test`; paths are relative to the present folder.

    `--real` stands for tests/stack, real containers on a real dockerd, and `--long` for tests/long, minutes in the
    embedded world. Where neither that nor a path is given it is everything else, in several processes (`-n 0` makes it
    one).
    """
    folders = [TIERS[argument] for argument in arguments if argument in TIERS]
    rest = [argument for argument in arguments if argument not in TIERS]
    if any(Path(argument.partition("::")[0]).exists() for argument in rest):
        return rest
    return [*TOLD, *folders, *rest] if folders else [*IN_PARALLEL, *rest]


def check() -> int:
    """Run every check, also after one has failed; 0 when all passed, else 1."""
    failed = []
    for name, arguments in CHECKS.items():
        started = time.monotonic()
        done = subprocess.run([sys.executable, "-P", *arguments], cwd=REPOSITORY_ROOT, check=False)
        verdict = "ok" if done.returncode == 0 else f"failed (exit {done.returncode})"
        sys.stdout.write(f"{name}: {verdict} after {time.monotonic() - started:.1f} s\n")
        sys.stdout.flush()
        if done.returncode != 0:
            failed.append(name)
    sys.stdout.write(f"check: {'all passed' if not failed else 'failed: ' + ', '.join(failed)}\n")
    return 1 if failed else 0
