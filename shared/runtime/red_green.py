"""The red-to-green proof: the repository's own reproduction must fail on the base and pass on the head, in a sandbox.

The reproduction is taken from the base for both runs, so that a change cannot soften what it is held against. It is
told the incident: its symptom, the figures before and during it, and the configuration of the tree it runs on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.gitops.stack import STACK, BadStack, parse_stack
from shared.incident.evidence import one_line
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.ports import SANDBOX_INPUT, Job, Limits, Outcome, Permanent, Sandbox
from shared.proof import REPRODUCTION, Proof, Trees, Verdict

ABSENT, SHOWN = 0, 1
LIMITS: Final = Limits(wall_s=60.0, cpu_s=60, memory_mb=512, pids=128)
TOLD: Final = "incident.json"
SCRIPT: Final = "reproduction.py"


@dataclass(frozen=True, slots=True)
class _Run:
    """What the reproduction said of one tree; `shown` is None where it could not tell."""

    shown: bool | None
    detail: str
    took_s: float


class RedGreen:
    """Fulfils `shared.proof.Prover`."""

    def __init__(self, sandbox: Sandbox, trees: Trees, limits: Limits = LIMITS) -> None:
        self._sandbox = sandbox
        self._trees = trees
        self._limits = limits

    def prove(self, incident: Incident, base: str, head: str) -> Proof:
        """Run the reproduction on both. Raises Transient, or Permanent for a tree that cannot be read."""
        if self._sandbox.strength.word == "none":
            return _proof("unverified", "reproduction", f"there is no sandbox: {self._sandbox.strength.line}")
        with self._trees.tree(base) as before, self._trees.tree(head) as after:
            script = before / REPRODUCTION
            if not script.is_file() or script.is_symlink():
                return _proof("unverified", "reproduction", f"{REPRODUCTION} is not in the repository")
            red = self._run(script.read_bytes(), incident, before)
            if red.shown is None:
                return _proof("unverified", "base-is-red", red.detail)
            if not red.shown:
                return _proof("unverified", "base-is-red", f"no reproduction, it passes on the base: {red.detail}")
            green = self._run(script.read_bytes(), incident, after)
        strength = self._sandbox.strength.word
        checks = (
            Predicate(name="base-is-red", ok=True, detail=one_line(f"{red.detail} ({red.took_s:.1f} s, {strength})")),
            Predicate(
                name="head-is-green",
                ok=green.shown is False,
                detail=one_line(f"{green.detail} ({green.took_s:.1f} s, {strength})"),
            ),
        )
        if green.shown is None:
            return Proof("unverified", checks)
        return Proof("refuted" if green.shown else "proved", checks)

    def _run(self, script: bytes, incident: Incident, tree: Path) -> _Run:
        try:
            told = {"service": incident.detected.service, **_symptom(incident), "environment": _environment(tree)}
        except BadStack as error:
            return _Run(None, one_line(f"{STACK}: {error}"), 0.0)
        job = Job(
            tree,
            ("python3", f"{SANDBOX_INPUT}/{SCRIPT}", f"{SANDBOX_INPUT}/{TOLD}"),
            files={SCRIPT: script, TOLD: json.dumps(told).encode()},
            limits=self._limits,
        )
        try:
            outcome = self._sandbox.run(job)
        except Permanent as error:
            return _Run(None, one_line(str(error)), 0.0)
        shown = {SHOWN: True, ABSENT: False}.get(outcome.exit_code if outcome.exit_code is not None else -1)
        return _Run(shown, _said(outcome), outcome.took_s)


def _symptom(incident: Incident) -> dict[str, Any]:
    detected = incident.detected
    measures = [{"name": m.name, "before": m.before, "after": m.after} for m in detected.measures]
    return {"symptom": detected.symptom, "measures": measures}


def _environment(tree: Path) -> dict[str, dict[str, str]]:
    """The configuration that the tree declares. Raises BadStack."""
    file = tree / STACK
    if not file.is_file() or file.is_symlink():
        return {}
    services = parse_stack(file.read_bytes()).services
    return {name: dict(service.environment) for name, service in services.items()}


def _said(outcome: Outcome) -> str:
    """The last line, where it is the figure; else how it ended. The words are the job's, and text."""
    if outcome.ended != "exited":
        return f"it ended by its limits: {outcome.ended}"
    last = outcome.output.strip().rpartition("\n")[2]
    try:
        said = json.loads(last)
        return one_line(f"{said['what']}: {said['figure']} against {said['bound']}")
    except (ValueError, KeyError, TypeError, RecursionError):
        return one_line(f"exit status {outcome.exit_code}: {last[-160:]}")


def _proof(verdict: Verdict, name: str, detail: str) -> Proof:
    return Proof(verdict, (Predicate(name=name, ok=False, detail=one_line(detail)),))
