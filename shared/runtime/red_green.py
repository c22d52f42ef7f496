"""The red-to-green proof: the repository's own reproduction must fail on the base and pass on the head, in a sandbox.

The reproduction is taken from the base for both runs, so that a change cannot soften what it is held against. It is
told the incident: its symptom, the figures before and during it, and the configuration of the tree it runs on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.gitops.stack import STACK, BadStack, parse_stack
from shared.incident.evidence import one_line
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.ports import SANDBOX_INPUT, Job, Limits, Outcome, Permanent, Sandbox
from shared.proof import REPRODUCTION, Proof, Trees, Verdict

ABSENT, SHOWN = 0, 1
LIMITS: Final = Limits(wall_s=90.0, cpu_s=60, memory_mb=512, pids=128)
TOLD: Final = "incident.json"
SCRIPT: Final = "reproduction.py"


@dataclass(frozen=True, slots=True)
class _Run:
    """What the reproduction said of one tree; `shown` is None where it could not tell."""

    shown: bool | None
    detail: str
    took_s: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Its last line, where that is a JSON object."""


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
            green = self._run(script.read_bytes(), incident, after, red.figures)
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

    def quiet(self, incident: Incident, base: str, control: str) -> Predicate:
        """Whether the reproduction of `base` finds nothing on a tree without the fault. Raises as `prove` does."""
        name = "control-is-quiet"
        if self._sandbox.strength.word == "none":
            return Predicate(name=name, ok=False, detail=one_line(f"no sandbox: {self._sandbox.strength.line}"))
        with self._trees.tree(base) as before, self._trees.tree(control) as tree:
            script = before / REPRODUCTION
            if not script.is_file() or script.is_symlink():
                return Predicate(name=name, ok=False, detail=f"{REPRODUCTION} is not in the repository")
            run = self._run(script.read_bytes(), incident, tree)
        detail = f"{control[:10]}: {run.detail} ({run.took_s:.1f} s)"
        return Predicate(name=name, ok=run.shown is False, detail=one_line(detail))

    def _run(self, script: bytes, incident: Incident, tree: Path, base: Mapping[str, Any] | None = None) -> _Run:
        """`base`: what the reproduction said of the base, for the run on the head."""
        try:
            told = {"service": incident.detected.service, **_symptom(incident), **_declared(tree), "base": base}
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
        figures = _figures(outcome)
        return _Run(shown, _said(outcome, figures), outcome.took_s, figures)


def _symptom(incident: Incident) -> dict[str, Any]:
    detected = incident.detected
    measures = [{"name": m.name, "before": m.before, "after": m.after} for m in detected.measures]
    return {"symptom": detected.symptom, "measures": measures}


def _declared(tree: Path) -> dict[str, Any]:
    """The configuration and the memory limits that the tree declares. Raises BadStack."""
    file = tree / STACK
    services = parse_stack(file.read_bytes()).services if file.is_file() and not file.is_symlink() else {}
    return {
        "environment": {name: dict(service.environment) for name, service in services.items()},
        "memory_mib": {name: service.memory_mib for name, service in services.items()},
    }


def _figures(outcome: Outcome) -> Mapping[str, Any]:
    """The last line as JSON, the job's word."""
    try:
        said = json.loads(outcome.output.strip().rpartition("\n")[2][:2_000])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _said(outcome: Outcome, figures: Mapping[str, Any]) -> str:
    """The figure, where it was said; else how it ended. The words are the job's, and text."""
    if outcome.ended != "exited":
        return f"it ended by its limits: {outcome.ended}"
    if {"what", "figure", "bound"} <= figures.keys():
        return one_line(f"{figures['what']}: {figures['figure']} against {figures['bound']}")
    return one_line(f"exit status {outcome.exit_code}: {outcome.output.strip().rpartition(chr(10))[2][-160:]}")


def _proof(verdict: Verdict, name: str, detail: str) -> Proof:
    return Proof(verdict, (Predicate(name=name, ok=False, detail=one_line(detail)),))
