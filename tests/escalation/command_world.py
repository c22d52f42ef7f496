"""A fleet in memory whose Tier 3 is a local command, then a person; the command does as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from agents.escalation.backends.command import Command, Work
from agents.escalation.backends.human import Human
from shared.gitops.diff import File
from shared.gitops.stack import STACK
from shared.incident.record import Role
from shared.incident.replay import Incident
from shared.ports import Backend
from shared.source import DEPLOY
from shared.testing.samples import FLEET
from shared.testing.source import MemoryForge
from tests.fixer.pull_world import GOOD
from tests.runtime.fleet import FleetInMemory
from tests.runtime.test_golden_incident import SERVICE, oom
from tests.waiting import wait_for

CODE = "protected_services/policy_service/rules.py"
LEAKS = b"""KEPT = []


def remember(quote):
    KEPT.append(quote)
    return len(KEPT)
"""
MENDED = LEAKS.replace(b"    return", b"    del KEPT[:-100]\n    return")
FILES: Mapping[str, bytes | File] = {
    STACK: GOOD,
    "README.md": b"# market\n",
    CODE: LEAKS,
    "protected_services/link": File(b"policy_service", "120000"),
    "protected_services/run.sh": File(b"#!/bin/sh\nexec python app.py\n", "100755"),
}


class CommandWorld:
    """One incident, its repository, and the command's folder, which outlives every process."""

    def __init__(self, folder: Path, made: Mapping[str, bytes | None] | None = None) -> None:
        """`made`: what the command changes."""
        self.folder = folder
        self.made = {CODE: MENDED} if made is None else made
        self.asked: list[str] = []
        self._let = threading.Event()
        self.fleet = FleetInMemory(folder / "ledger", files=FILES, tier3=self._backends)
        for name in ("frontend", "quote-service", "user-service", SERVICE):
            self.fleet.engine.add(name)
        self.fleet.clock.advance(900)
        self.base = self.forge.branches["main"]
        self.number = oom(self.fleet)
        self.fleet.clock.advance(2)
        self.fleet.repository.account("olivia").add_label(self.number, "jules-fix")

    @property
    def forge(self) -> MemoryForge:
        assert self.fleet.forge is not None
        return self.fleet.forge

    @property
    def incident(self) -> Incident:
        return self.fleet.incident(self.number)

    @property
    def moves(self) -> list[str]:
        return [e.fact.move for e in self.incident.entries]

    def edit(self, argv: tuple[str, ...], repo: str, branch: str) -> Work:
        """The workshop: what a command does to a copy."""
        del argv, repo
        self.asked.append(branch)
        self._let.wait()
        return Work(True, "mended", self.base, self.made)

    def dispatched(self) -> CommandWorld:
        """The label has escalated it, and the command has ended."""
        self.turn()
        assert self.moves[-1] == "dispatched", self.moves
        self.worked()
        return self

    def worked(self) -> None:
        """Let commands come to their end, and wait until none runs any more."""
        self._let.set()
        at_work = self.incident.session
        if at_work is not None and at_work.backend == "command":
            wait_for(lambda: self._command().look(at_work.session).state != "working")

    def turn(self, roles: tuple[Role, ...] = ("escalation",), reach: Callable[[str], None] = lambda _: None) -> None:
        """A step of new processes of these roles."""
        self.fleet.reach = reach
        for role in roles:
            self.fleet.worker(role).step(self.number)

    def until(self, move: str, roles: tuple[Role, ...] = ("escalation",)) -> list[str]:
        """Turns of new processes of these roles, until this has been said; all moves. A merge is deployed."""
        for _ in range(20):
            if move in self.moves:
                return self.moves
            self.turn(roles)
            self.worked()
            head = self.forge.branches["main"]
            if head != self.base and not self.forge.statuses(head):
                self.forge.say_status(head, DEPLOY, "success", "policy-service healthy", FLEET)
            self.fleet.clock.advance(6)
        raise AssertionError(f"no {move} after {self.moves}")

    def _command(self) -> Command:
        return Command(("mend", "{prompt}"), self, self.folder / "command")

    def _backends(self) -> Mapping[str, Backend]:
        return {"command": self._command(), "human": Human("https://github.invalid", "o/r")}
