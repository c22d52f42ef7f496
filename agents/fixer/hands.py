"""The Fixer's hands, by verb: containers are restarted, everything else is a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.agent import Act, Hand, Withdraw
from shared.incident.facts import AnyFact, Applied, Refused
from shared.incident.parts import Directive
from shared.ports import Permanent


class Restarts(Protocol):
    """What restarts a container exactly once."""

    def carry_out(self, directive: Directive) -> Applied | Refused: ...


@dataclass(frozen=True, slots=True)
class Hands:
    """Fulfils `shared.agent.Hand`. `changes` is None where there is no way to change the repository."""

    restarts: Restarts
    changes: Hand[Act | Withdraw] | None = None

    def carry_out(self, act: Act | Withdraw) -> AnyFact | None:
        if isinstance(act, Act) and act.directive.verb == "restart":
            return self.restarts.carry_out(act.directive)
        if self.changes is None:
            raise Permanent("this Fixer may not change the repository")
        return self.changes.carry_out(act)
