"""One Fixer process on a docker host: `python docker_fixer.py ADDRESS LEDGER DIRECTIVE_JSON`."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

from agents.fixer.actuators.container import ContainerRestart
from agents.fixer.actuators.ledger import Ledger
from shared.adapters.docker import DockerHands
from shared.incident.parts import Directive
from tests.fixer.racer import SystemClock


def hand(address: str, folder: Path, target: str) -> ContainerRestart:
    """The hand as wiring makes it, with a margin that fits a test."""
    clock = SystemClock()
    ledger = Ledger(folder, clock, time.sleep)
    return ContainerRestart(DockerHands(address), ledger, clock, frozenset({target}), margin=timedelta(seconds=3))


if __name__ == "__main__":
    order = Directive.model_validate_json(sys.argv[3])
    hand(sys.argv[1], Path(sys.argv[2]), order.target).carry_out(order)
