"""What a proof of a change is: the checks that were made of a head, and what they add up to."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.source import Pulls, StatusState

Verdict = Literal["proved", "unverified", "refuted"]
PROGRAMS: Final = "deploy"
"""The folder of the repository's own programs. What of it is Python lies beside each of them when it runs."""
REPRODUCTION: Final = f"{PROGRAMS}/reproduction.py"
"""The repository's own program that shows a symptom: exit status 0 absent, 1 shown, anything else cannot tell."""
TESTS: Final = f"{PROGRAMS}/tests.py"
"""The repository's own tests: exit status 0 they pass, 1 they fail, anything else cannot tell."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`proved`: the reproduction failed on the base and passes on the head, and nothing that passed on the base fails
    on it. `refuted`: a check failed. Else `unverified`: nothing speaks against it, and something was not shown."""

    verdict: Verdict
    checks: tuple[Predicate, ...]


class Prover(Protocol):
    """Shows that a head mends what its base has."""

    def prove(self, incident: Incident, base: str, head: str) -> Proof:
        """Raises Transient when it cannot be found out now."""
        ...


class Compose(Protocol):
    """What will read the desired state when it is deployed."""

    def says(self, stack: bytes) -> Predicate:
        """Whether docker compose reads `stack`, the whole desired state; nothing is claimed where it was not asked."""
        ...


class Trees(Protocol):
    """Commits as files."""

    def tree(self, sha: str) -> AbstractContextManager[Path]:
        """A folder with the files of a commit, for reading, gone afterwards. Raises Transient or Permanent."""
        ...


def report(pulls: Pulls, head: str, checks: tuple[Predicate, ...], bad: StatusState = "failure") -> None:
    """Say each check as a commit status on the head it was made of. Raises Transient, Permanent.

    `bad`: what is not ok; `error` where nothing could be found out. A check that claims nothing is not said: GitHub has
    no state of a commit for that, and every one it has claims something."""
    for one in checks:
        if one.ok is not None:
            pulls.status(head, f"sre-space/{one.name}", "success" if one.ok else bad, one.detail)
