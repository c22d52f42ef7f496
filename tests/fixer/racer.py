"""One Fixer process on an engine that is a folder: `python racer.py FOLDER DIRECTIVE_JSON`, starts on a line of stdin.

The engine: `container.json` is its state, each restart that takes place appends a line to `restarts`. It has no lock of
its own on purpose. Prints the outcome's canonical JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.fixer.actuators.container import ContainerRestart
from agents.fixer.actuators.ledger import Ledger
from shared import crashpoints
from shared.incident.parts import Directive
from shared.ports import Container, Transient

NAME = "policy-service"


class FolderEngine:
    """The Hands port on a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def inspect(self, name: str) -> Container:
        return Container(name=name, **json.loads((self._folder / "container.json").read_text()))

    def restart(self, name: str, grace: timedelta) -> None:
        time.sleep(grace.total_seconds())
        write_container(self._folder)
        with (self._folder / "restarts").open("a") as log:
            log.write(f"{os.getpid()}\n")


class SystemClock:
    """The Clock port on this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def write_container(folder: Path) -> None:
    """Start the container anew."""
    state = {
        "id": "c" * 64,
        "image": "patients:1",
        "started_at": datetime.now(UTC).isoformat(),
        "finished_at": "",
        "status": "running",
        "running": True,
        "exit_code": 0,
        "oom_killed": False,
        "health": None,
        "restart_count": 0,
        "labels": {"sre-space.managed": "true"},
    }
    draft = folder / f"container.{os.getpid()}"
    draft.write_text(json.dumps(state))
    draft.replace(folder / "container.json")


def main(folder: Path, directive: Directive) -> None:
    """Wait for the starting shot, then carry out until there is an answer."""
    if "SRE_CRASH_AT" in os.environ:
        crashpoints.arm(os.environ["SRE_CRASH_AT"])
    clock = SystemClock()
    hand = ContainerRestart(
        FolderEngine(folder),
        Ledger(folder / "ledger", clock, time.sleep),
        clock,
        frozenset({NAME}),
        margin=timedelta(seconds=0.5),
    )
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    while True:
        try:
            outcome = hand.carry_out(directive)
            break
        except Transient:
            time.sleep(0.1)
    sys.stdout.write(outcome.canonical() + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Directive.model_validate_json(sys.argv[2]))
