"""A Fixer's hand on an engine in memory, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from agents.fixer.actuators.container import ContainerRestart
from agents.fixer.actuators.ledger import Ledger
from shared.incident.parts import Directive, Observed
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine

TARGET = "policy-service"
SERVICES = frozenset({TARGET, "quote-service"})
QUIET = 1.0 + 12.0
"""Grace of the directives below, plus the actuator's margin (s)."""


class SimulatedCrash(BaseException):
    """kill -9: nothing catches it."""


@dataclass
class World:
    """One host: an engine, a clock, and a folder that outlives every Fixer."""

    folder: Path
    clock: VirtualClock
    engine: MemoryEngine

    def hand(
        self, reach: Callable[[str], None] = lambda _: None, services: frozenset[str] = SERVICES
    ) -> ContainerRestart:
        """A new Fixer process, as far as the actuator can tell."""
        ledger = Ledger(self.folder, self.clock, self.clock.wait)
        return ContainerRestart(
            self.engine, ledger, self.clock, services, wait=self.clock.wait, reach=reach, margin=timedelta(seconds=12)
        )

    def ledger(self) -> Ledger:
        return Ledger(self.folder, self.clock, self.clock.wait)

    def directive(self, target: str = TARGET, attempt: int = 1, grace_s: float = 1.0) -> Directive:
        """A restart of what the engine shows now."""
        seen = self.engine.inspect(target)
        return Directive(
            id=f"acme/shop#7/{attempt}",
            verb="restart",
            target=target,
            grace_s=grace_s,
            observed=Observed(container_id=seen.id, started_at=seen.started_at, image=seen.image),
            undo="none needed",
        )


def crash_at(point: str) -> Callable[[str], None]:
    """Die at the first `point`."""

    def reach(reached: str) -> None:
        if reached == point:
            raise SimulatedCrash(point)

    return reach
