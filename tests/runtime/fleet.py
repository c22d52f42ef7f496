"""The fleet in one thread and in virtual time: real judgements, real scribe and replay, twins for the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from agents.brain.look import Brain
from agents.escalation.hand import Tier3
from agents.escalation.look import Escalation
from agents.fixer.actuators.container import ContainerRestart
from agents.fixer.actuators.gitops import PullRequests
from agents.fixer.actuators.ledger import Ledger
from agents.fixer.hands import Hands
from agents.fixer.look import Fixer
from agents.guardrail.look import Guardrail
from agents.memory.librarian import Librarian, World
from agents.memory.look import Memory
from agents.memory.similar import Similar
from shared.agent import Agent, Hand
from shared.analysis.trace import Trace
from shared.gitops.diff import File
from shared.incident.facts import Detected
from shared.incident.labels import LEARNED
from shared.incident.record import Role
from shared.incident.replay import Incident, replay
from shared.incident.ticks import SHOWN, Tick
from shared.policy.model import Policy
from shared.ports import Backend
from shared.recall.hashing import Hashed
from shared.redaction import Redactor
from shared.runtime.archive import Archive
from shared.runtime.projector import Projector
from shared.runtime.scribe import Desk, Scribe
from shared.runtime.step import Again, Stepper
from shared.stream import Event
from shared.testing.cases import MemoryCases
from shared.testing.clock import VirtualClock
from shared.testing.engine import MemoryEngine
from shared.testing.github import MemoryRepository
from shared.testing.library import LibraryTwin
from shared.testing.log import keyring, signer
from shared.testing.prover import ScriptedProver
from shared.testing.samples import FLEET
from shared.testing.source import MemoryForge
from tests.policy_file import shipped_policy

HOUR = timedelta(hours=1)
ORDER: tuple[Role, ...] = ("brain", "guardrail", "fixer", "memory", "escalation")


class NoTraces:
    """Jaeger with nothing in it."""

    def services(self) -> tuple[str, ...]:
        return ()

    def traces(self, *_: Any, **__: Any) -> tuple[Trace, ...]:
        return ()

    def trace(self, trace_id: str) -> Trace | None:
        del trace_id
        return None


class Heard:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, Event]] = []

    def publish(self, topic: str, key: str, event: Event) -> None:
        self.events.append((topic, key, event))


class AtOnce:
    """A paced queue that does not pace."""

    def submit(self, lane: str, key: str, work: Any) -> None:
        del lane, key
        work()


class FleetInMemory:
    """Five agents (Scout's telemetry is given by the test). `turn` lets each step once on one incident."""

    def __init__(
        self,
        ledger: Path,
        roles: dict[str, str] | None = None,
        policy: Policy | None = None,
        files: Mapping[str, bytes | File] | None = None,
        tier3: Callable[[], Mapping[str, Backend]] = dict,
    ) -> None:
        """`files`: what the repository has, where the fleet may change it; `tier3`: who a new process of Escalation
        may ask."""
        self.clock = VirtualClock()
        self.forge = MemoryForge(self.clock, files, repo="o/r") if files is not None else None
        self.prover = ScriptedProver()
        self.reach: Callable[[str], None] = lambda _: None
        self._tier3 = tier3
        self.repository = MemoryRepository(
            self.clock, "o/r", roles={FLEET: "admin", "olivia": "write", "mallory": "read"} | (roles or {})
        )
        self.engine = MemoryEngine(self.clock)
        self.policy = policy or shipped_policy()
        self.heard = Heard()
        self.cases = MemoryCases()
        self.ticks: list[Tick] = []
        """Boxes that people ticked on the fleet's own issue."""
        self.ledger = ledger
        self.keyring = keyring(frozenset({FLEET}))
        github = self.repository.account(FLEET)
        self.library = LibraryTwin(Hashed())
        world = World(Archive(github, self.keyring), None, HOUR, Redactor().text)
        self.librarian = Librarian(self.library, world, self._indexed, HOUR)
        self.steppers = {role: self.worker(role) for role in ORDER}
        self.scout = self.scribe("scout")

    def desk(self, role: Role) -> Desk:
        github = self.repository.account(FLEET)
        return Desk(
            "o/r", signer(role), self.keyring, github, github, self.heard, self.clock, Redactor(("s3cr3t-token",))
        )

    def scribe(self, role: Role) -> Scribe:
        desk = self.desk(role)
        return Scribe(desk, Projector(desk.issues, desk.writer, self.keyring, AtOnce()))

    def worker(self, role: Role) -> Stepper:
        """A fresh process of this role: nothing remembered but GitHub, the ledger and the engine."""
        desk = self.desk(role)
        agent, hand = self.agent(role)
        return Stepper(agent, desk, self.scribe(role), hand)

    def turn(self, number: int, roles: tuple[Role, ...] = ORDER) -> dict[Role, Again]:
        return {role: self.steppers[role].step(number) for role in roles}

    def incident(self, number: int) -> Incident:
        return replace(replay(self.repository.account(FLEET).thread(number), self.keyring), frozen=False)

    def tick(self, number: int, login: str, edit: str = "UCE_1") -> None:
        """Somebody ticks the box beside the directive in force."""
        directive = self.incident(number).directive
        assert directive is not None
        now = self.clock.now()
        self.ticks.append(Tick(edit, login, now, number, directive.digest[:SHOWN], "c" * 64))

    def open(self, fact: Detected) -> int:
        return self.scout.open(fact).number

    def _indexed(self, number: int, present: bool) -> None:
        github = self.repository.account(FLEET)
        (github.add_label if present else github.remove_label)(number, LEARNED)

    def agent(self, role: Role) -> tuple[Agent[Any], Hand[Any] | None]:
        github = self.repository.account(FLEET)
        past = Archive(github, self.keyring)
        source = self.forge.account(FLEET) if self.forge is not None else None
        match role:
            case "brain":
                look = (self.engine, NoTraces(), github, source or github, past)
                most, known = self.policy.escalate_after, self.library
                return Brain(*look, HOUR, most, Redactor(), source=source, knowledge=known, cases=self.cases), None
            case "guardrail":
                horizon = partial(past.recent, self.policy.trust.horizon)
                ticks = lambda: tuple(self.ticks)  # noqa: E731
                return Guardrail(self.engine, github, github, past, self.policy, source, horizon, ticks), None
            case "fixer":
                ledger = Ledger(self.ledger, self.clock, self.clock.advance)
                services = frozenset(self.policy.services)
                hand = ContainerRestart(self.engine, ledger, self.clock, services, wait=self.clock.advance)
                changes = None
                if source:
                    reach = self.reach
                    changes = PullRequests(source, source, self.prover, self.policy, github.now, reach=reach)
                quiet = partial(past.recent, self.policy.limits.silence_at_most)
                agent = Fixer(self.engine, github, ledger.recent, self.policy, source, self.keyring.accounts, quiet)
                return agent, Hands(hand, changes)
            case "memory":
                recent = partial(past.recent, self.policy.trust.horizon)
                asking = github, Similar(self.library, past, recent, Redactor().text)
                return Memory(github, past, HOUR, asking=asking), None
            case _:
                made = self._tier3()
                hands = Tier3(made, source, source, self.prover, Redactor(), self.reach) if source else None
                return Escalation(github, github, self.keyring.accounts, made, source), hands
