"""The red-to-green proof, in a sandbox: the repository's own reproduction must fail on the base and pass on the head,
and its own tests must not fail by the change.

Both are taken from the base for every run, so that a change cannot soften what it is held against. The reproduction is
told the incident: its symptom, the figures before and during it; both are told what the tree they run on declares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from shared.incident.evidence import one_line
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.ports import Limits, Sandbox
from shared.proof import REPRODUCTION, TESTS, Compose, Proof, Trees, Verdict
from shared.runtime import own_tests
from shared.runtime.programs import LIMITS, Programs, Said, desired_state

RED, GREEN, QUIET = "base-is-red", "head-is-green", "control-is-quiet"
_NO_REPRODUCTION: Final = f"{REPRODUCTION} is not in the repository"


class RedGreen:
    """Fulfils `shared.proof.Prover`."""

    def __init__(
        self, sandbox: Sandbox, trees: Trees, limits: Limits = LIMITS, *, compose: Compose | None = None
    ) -> None:
        self._sandbox = sandbox
        self._trees = trees
        self._limits = limits
        self._compose = compose

    def prove(self, incident: Incident, base: str, head: str) -> Proof:
        """Ask compose of a new desired state, run the reproduction on both, and the tests on the head. Raises
        Transient, or Permanent for a tree that cannot be read."""
        if self._sandbox.strength.word == "none":
            return _unverified("reproduction", f"there is no sandbox: {self._sandbox.strength.line}")
        with self._trees.tree(base) as before, self._trees.tree(head) as after:
            reads = self._reads(before, after)
            if any(check.ok is False for check in reads):
                return Proof("refuted", reads)
            proof = self._red_green(incident, before, after)
        return Proof(proof.verdict, (*reads, *proof.checks))

    def quiet(self, incident: Incident, base: str, control: str) -> Predicate:
        """Whether the reproduction of `base` finds nothing on a tree without the fault. Raises as `prove` does."""
        if self._sandbox.strength.word == "none":
            return Predicate(name=QUIET, ok=False, detail=one_line(f"no sandbox: {self._sandbox.strength.line}"))
        with self._trees.tree(base) as before, self._trees.tree(control) as tree:
            programs = Programs(before, self._sandbox, self._limits)
            if not programs.there(REPRODUCTION):
                return Predicate(name=QUIET, ok=False, detail=_NO_REPRODUCTION)
            said = programs.run(REPRODUCTION, tree, {**_told(incident), "base": None})
        detail = f"{control[:10]}: {said.detail} ({said.took_s:.1f} s)"
        return Predicate(name=QUIET, ok=said.well is True, detail=one_line(detail))

    def _reads(self, before: Path, after: Path) -> tuple[Predicate, ...]:
        """Whether compose reads the desired state that the head has, where that is another one."""
        new = desired_state(after)
        if self._compose is None or new is None or new == desired_state(before):
            return ()
        return (self._compose.says(new),)

    def _red_green(self, incident: Incident, before: Path, after: Path) -> Proof:
        programs = Programs(before, self._sandbox, self._limits)
        if not programs.there(REPRODUCTION):
            return _unverified("reproduction", _NO_REPRODUCTION)
        red = programs.run(REPRODUCTION, before, {**_told(incident), "base": None})
        if red.well is not False:
            passes = "no reproduction, it passes on the base: " if red.well else ""
            return _unverified(RED, f"{passes}{red.detail}")
        green = programs.run(REPRODUCTION, after, {**_told(incident), "base": red.figures})
        checks = (self._check(RED, True, red), self._check(GREEN, green.well is True, green))
        if green.well is not True:
            return Proof("unverified" if green.well is None else "refuted", checks)
        tests, verdict = self._tests(programs, before, after)
        return Proof(verdict, (*checks, tests))

    def _tests(self, programs: Programs, before: Path, after: Path) -> tuple[Predicate, Verdict]:
        """On the base only where they fail on the head: the service may be down meanwhile."""
        if not programs.there(TESTS):
            return own_tests.absent(), "proved"
        strength, head = self._sandbox.strength.word, programs.run(TESTS, after, {})
        base = programs.run(TESTS, before, {}) if head.well is False else None
        check, verdict = own_tests.held(head, base, strength)
        if verdict != "refuted":
            return check, verdict
        again = programs.run(TESTS, after, {})  # a machine that is too busy fails tests too
        return (check, verdict) if again.well is False else own_tests.unsteady(head, strength)

    def _check(self, name: str, ok: bool, said: Said) -> Predicate:
        detail = f"{said.detail} ({said.took_s:.1f} s, {self._sandbox.strength.word})"
        return Predicate(name=name, ok=ok, detail=one_line(detail))


def _told(incident: Incident) -> dict[str, Any]:
    detected = incident.detected
    measures = [{"name": m.name, "before": m.before, "after": m.after} for m in detected.measures]
    return {"service": detected.service, "symptom": detected.symptom, "measures": measures}


def _unverified(name: str, detail: str) -> Proof:
    return Proof("unverified", (Predicate(name=name, ok=False, detail=one_line(detail)),))
