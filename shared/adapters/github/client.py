"""Puts the parts of the GitHub adapter together for one account and one repository."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.github.budget import WINDOWS, Window, WriteBudget, digest
from shared.adapters.github.conditional import Conditional
from shared.adapters.github.gate import Gate
from shared.adapters.github.own_writes import OwnWrites
from shared.adapters.github.reads import GitHubReads
from shared.adapters.github.watch import Watch
from shared.adapters.github.wire import Address, Wire
from shared.adapters.github.writes import GitHubWrites, Patience
from shared.ports import Clock, Permanent


class Identity:
    """The login of a token: known, or asked for once. Thread-safe."""

    def __init__(self, wire: Wire, login: str | None) -> None:
        self._wire = wire
        self._login = login

    def __call__(self) -> str:
        """Raises Transient, or Permanent for a token that is refused or cannot say."""
        if self._login is None:
            answer = self._wire.send("GET", "/user", accept={403})
            if answer.status == 403:
                raise Permanent("the token cannot say whose it is (an App installation?): give its login")
            self._login = str(answer.json()["login"])
        return self._login


@dataclass(frozen=True, slots=True)
class GitHub:
    """One account on one repository: `reads` is Issues, People and History; `writes` is IssueWriter."""

    reads: GitHubReads
    writes: GitHubWrites
    budget: WriteBudget
    wire: Wire
    identity: Identity

    @property
    def login(self) -> str:
        """The token's account. Raises Transient or Permanent where GitHub must be asked."""
        return self.identity()

    def watch(self, path: str, params: Mapping[str, str] | None = None) -> Watch:
        """The first page of a list below the repository, e.g. `/issues/events`, to be asked again and again."""
        return Watch(self.wire, f"/repos/{self.wire.address.repo}{path}", params or {})

    def close(self) -> None:
        """End threads and connections."""
        self.reads.close()
        self.wire.close()


def connect(
    address: Address,
    state_dir: Path,
    clock: Clock,
    *,
    login: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    patience: Patience | None = None,
    windows: tuple[Window, ...] = WINDOWS,
) -> GitHub:
    """The adapter; sends nothing yet. `state_dir` is what the processes of this account on this host share.

    `login`: the token's account; None asks GitHub before the first write. A token of an App installation cannot ask:
    its login (`name[bot]`) must be given.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    token = digest(f"{address.api_url}\n{address.token}")
    wire = Wire(address, clock, Gate(clock, state_dir / f"github-pause-{token}"))
    identity = Identity(wire, login)
    own = OwnWrites(clock)
    reads = GitHubReads(wire, Conditional(wire, sleep=sleep), own, clock)
    account = lambda: f"{address.api_url}\n{identity().lower()}"  # noqa: E731
    budget = WriteBudget(state_dir, account, clock, sleep=sleep, windows=windows)
    writes = GitHubWrites(wire, reads, own, budget, identity, patience or Patience(sleep=sleep))
    return GitHub(reads, writes, budget, wire, identity)
