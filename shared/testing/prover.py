"""A prover whose verdicts are written beforehand: the twin of `shared.proof.Prover`."""

from __future__ import annotations

from collections.abc import Callable

from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.proof import Proof, Verdict


class ScriptedProver:
    """`verdict` is given, or found for (base, head) by a function. `asked` is what it was to prove."""

    def __init__(self, verdict: Verdict | Callable[[str, str], Verdict] = "proved") -> None:
        self.verdict = verdict
        self.asked: list[tuple[str, str]] = []

    def prove(self, incident: Incident, base: str, head: str) -> Proof:
        del incident
        self.asked.append((base, head))
        found = self.verdict if isinstance(self.verdict, str) else self.verdict(base, head)
        red = Predicate(name="base-is-red", ok=found != "unverified", detail="39 of 40 refused")
        green = Predicate(name="head-is-green", ok=found == "proved", detail="by the script of the test")
        return Proof(found, (red, green) if found != "unverified" else (red,))
