"""A Fixer's hand on a repository in memory, with the issue's log as it grows by what the hand says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from agents.fixer.actuators.gitops import PullRequests
from agents.fixer.pull_text import branch
from shared.agent import Act
from shared.gitops.stack import STACK
from shared.incident.change import Order, RevertCommit
from shared.incident.facts import AnyFact, Diagnosed
from shared.incident.parts import Directive
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.ports import Transient
from shared.source import DEPLOY, StatusState
from shared.testing.clock import VirtualClock
from shared.testing.compose import ScriptedCompose
from shared.testing.log import LogBuilder
from shared.testing.prover import ScriptedProver
from shared.testing.samples import FLEET, SERVICE
from shared.testing.source import MemoryForge
from tests.policy_file import shipped_policy

GOOD = b"""services:
  policy-service:
    mem_limit: 192m
    environment:
      MAX_RISK_FACTOR: "1.8" # risks above this factor are not insured
  quote-service:
    mem_limit: 192m
    environment:
      PRICE_FACTOR: "1.0"
"""
BAD = GOOD.replace(b'"1.8"', b'"0.5"')


@dataclass
class PullWorld:
    """A repository whose newest commit is the bad one, and an approved directive to revert it."""

    clock: VirtualClock
    forge: MemoryForge
    policy: Policy
    bad: str
    prover: ScriptedProver = field(default_factory=ScriptedProver)
    compose: ScriptedCompose | None = None
    log: LogBuilder = field(default_factory=LogBuilder)

    def hand(self, reach: Callable[[str], None] = lambda _: None) -> PullRequests:
        """A new Fixer process, as far as the repository can tell."""
        account = self.forge.account(FLEET)
        return PullRequests(
            account, account, self.prover, self.policy, self.clock.now, compose=self.compose, reach=reach
        )

    def approved(self, change: Order | None = None) -> PullWorld:
        """Say all that comes before the hand's work."""
        order = change or RevertCommit(commit=self.bad, paths=(STACK,))
        directive = Directive(
            id=f"{self.log.repo}#{self.log.number}/a1",
            verb=order.verb,
            target=SERVICE,
            observed=None,
            undo="take it back",
            change=order,
            base=self.forge.branches["main"],
        )
        self.log.do("detected")
        diagnosed = self.log.next("diagnosed")
        assert isinstance(diagnosed, Diagnosed)
        self.say(diagnosed.model_copy(update={"directive": directive}))
        self.log.do("ruled:allow", "began")
        return self

    @property
    def incident(self) -> Incident:
        return self.log.incident

    @property
    def branch(self) -> str:
        directive = self.incident.directive
        assert directive is not None
        return branch(directive)

    def branch_of_merge(self) -> str:
        """The branch of the change that stands."""
        stands = self.incident.standing
        assert stands is not None
        return branch(stands[1])

    def say(self, fact: AnyFact) -> AnyFact:
        """Write a fact on the issue; it must be lawful there."""
        self.log.now = max(self.log.now, self.clock.now())
        self.log.say(fact)
        assert self.incident.rejected == ()
        return fact

    def step(
        self, hand: PullRequests | None = None, undo: Literal["ineffective", "commanded"] | None = None
    ) -> AnyFact:
        """One step of the hand, said on the issue."""
        fact = (hand or self.hand()).carry_out(self.act(undo))
        assert fact is not None
        return self.say(fact)

    def act(self, undo: Literal["ineffective", "commanded"] | None = None) -> Act:
        incident = self.incident
        stands = incident.standing
        directive = stands[1] if undo and stands else incident.directive
        assert directive is not None
        return Act(directive, incident, undo)

    def deployed(self, state: StatusState = "success", detail: str = "policy-service healthy") -> None:
        """The deployer says how the default branch's commit went."""
        self.forge.say_status(self.forge.branches["main"], DEPLOY, state, detail)

    def finish(self, hand: Callable[[], PullRequests] | None = None) -> list[str]:
        """Step until the hand has nothing to do here; the moves of all its facts."""
        moves = []
        while self.incident.status is Status.FIXING:
            try:
                moves.append(self.step((hand or self.hand)()).move)
            except Transient:
                self.clock.advance(1)
                self.deployed()
        return moves


def pull_world(step: Callable[[str], None] = lambda _: None) -> PullWorld:
    clock = VirtualClock()
    forge = MemoryForge(clock, {STACK: GOOD, "README.md": b"# market\n"}, repo="acme/shop", step=step)
    clock.advance(60)
    bad = forge.push({STACK: BAD}, "Insure less")
    clock.advance(5)
    world = PullWorld(clock, forge, shipped_policy(), bad)
    world.log.now = clock.now()
    return world
