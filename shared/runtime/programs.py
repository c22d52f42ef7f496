"""The repository's own programs, as they stand on the base, run on any tree in a sandbox.

A program is told of the tree in a file of JSON and answers with its exit status: 0 well, 1 not well, anything else it
cannot tell. The last line of its output may be JSON with its figures. Whatever it says is the job's word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.gitops.stack import STACK, BadStack, parse_stack
from shared.incident.evidence import one_line
from shared.ports import SANDBOX_INPUT, Job, Limits, Outcome, Permanent, Sandbox
from shared.proof import PROGRAMS

WELL, NOT_WELL = 0, 1
LIMITS: Final = Limits(wall_s=90.0, cpu_s=60, memory_mb=512, pids=128)
TOLD: Final = "told.json"
LONGEST_LAST_LINE: Final = 20_000
"""Characters of the last line that are read."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said of one tree; `well` is None where it could not tell."""

    well: bool | None
    detail: str
    took_s: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Its last line, where that is a JSON object."""


class Programs:
    """Those of one tree, the base of a change, so that the change cannot soften what it is held against."""

    def __init__(self, base: Path, sandbox: Sandbox, limits: Limits = LIMITS) -> None:
        self._base = base
        self._sandbox = sandbox
        self._limits = limits

    def there(self, program: str) -> bool:
        """Whether `program`, a path in the repository, is a file of it."""
        return _ordinary(self._base / program)

    def run(self, program: str, tree: Path, told: Mapping[str, Any]) -> Said:
        """What `program` says of `tree`. Raises Transient when it cannot be run now.

        It is told `told` and what `tree` declares: {"environment": {service: {key: value}}, "memory_mib": {...}}.
        """
        try:
            document = {**told, **_declared(tree)}
        except BadStack as error:
            return Said(None, one_line(f"{STACK}: {error}"), 0.0)
        beside = {file.name: file.read_bytes() for file in (self._base / PROGRAMS).glob("*.py") if _ordinary(file)}
        job = Job(
            tree,
            ("python3", f"{SANDBOX_INPUT}/{Path(program).name}", f"{SANDBOX_INPUT}/{TOLD}"),
            files={**beside, TOLD: json.dumps(document).encode()},
            limits=self._limits,
        )
        try:
            outcome = self._sandbox.run(job)
        except Permanent as error:
            return Said(None, one_line(str(error)), 0.0)
        well = {WELL: True, NOT_WELL: False}.get(outcome.exit_code if outcome.exit_code is not None else -1)
        figures = _figures(outcome)
        return Said(well, _detail(outcome, figures), outcome.took_s, figures)


def desired_state(tree: Path) -> bytes | None:
    """`deploy/stack.yaml` of a tree, where it is an ordinary file."""
    file = tree / STACK
    return file.read_bytes() if _ordinary(file) else None


def _ordinary(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _declared(tree: Path) -> dict[str, Any]:
    """The configuration and the memory limits that the tree declares. Raises BadStack."""
    stack = desired_state(tree)
    services = parse_stack(stack).services if stack is not None else {}
    return {
        "environment": {name: dict(service.environment) for name, service in services.items()},
        "memory_mib": {name: service.memory_mib for name, service in services.items()},
    }


def _figures(outcome: Outcome) -> Mapping[str, Any]:
    """The last line as JSON."""
    try:
        said = json.loads(outcome.output.strip().rpartition("\n")[2][:LONGEST_LAST_LINE])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _detail(outcome: Outcome, figures: Mapping[str, Any]) -> str:
    """The figure, where it was said; else how it ended."""
    if outcome.ended != "exited":
        return f"it ended by its limits: {outcome.ended}"
    if {"what", "figure", "bound"} <= figures.keys():
        return one_line(f"{figures['what']}: {figures['figure']} against {figures['bound']}")
    return one_line(f"exit status {outcome.exit_code}: {outcome.output.strip().rpartition(chr(10))[2][-160:]}")
