"""What the fleet may change in the repository: typed, bounded, each with the value it was decided on.

A change names everything it touches. `before` is what was read: where the file says something else now, the change is
refused. All values but a revert's stand in one file, the desired state of the services (`shared.gitops.stack`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from shared.incident.record import Name, Record

Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A git object's name in lower-case hex."""
Key = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
"""The name of a configuration value: an environment variable of the service."""
Flag = Annotated[str, StringConstraints(pattern=r"^FEATURE_[A-Z0-9_]{1,56}$")]
Value = Annotated[str, StringConstraints(max_length=200, pattern=r"^[ -~]*$")]
"""One line of printable ASCII."""
Mebibytes = Annotated[int, Field(ge=16, le=65_536)]


class RevertCommit(Record):
    """Take back what one commit on the default branch changed in `paths`, and nothing that came later."""

    verb: Literal["revert-commit"] = "revert-commit"
    commit: Sha
    paths: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=300)], ...], Field(min_length=1, max_length=20)
    ]


class SetMemory(Record):
    """Another memory limit for each container of a service."""

    verb: Literal["set-memory"] = "set-memory"
    service: Name
    before: Mebibytes
    after: Mebibytes


REPLICAS: Final = 1
"""The containers of a service that the deployers of this product run: each has one name and one address, and what a
service knows is in the memory of one process. The desired state may say more; it is then not deployed."""


class SetReplicas(Record):
    """Another number of containers for a service. Nothing here runs another one (REPLICAS), so policy denies it."""

    verb: Literal["set-replicas"] = "set-replicas"
    service: Name
    before: Annotated[int, Field(ge=0, le=100)]
    after: Annotated[int, Field(ge=0, le=100)]


class SetConfig(Record):
    """Another configuration value for a service; None is a key that is not there."""

    verb: Literal["set-config"] = "set-config"
    service: Name
    key: Key
    before: Value | None
    after: Value | None


class SetFlag(Record):
    """A feature of a service on or off."""

    verb: Literal["set-flag"] = "set-flag"
    service: Name
    flag: Flag
    before: bool
    after: bool


Change = Annotated[RevertCommit | SetMemory | SetReplicas | SetConfig | SetFlag, Field(discriminator="verb")]
"""What the fleet edits itself."""


class MergePull(Record):
    """Merge a pull request that somebody else made, at exactly the commit that was proved."""

    verb: Literal["merge-pull"] = "merge-pull"
    number: Annotated[int, Field(ge=1)]
    head: Sha


Order = Annotated[RevertCommit | SetMemory | SetReplicas | SetConfig | SetFlag | MergePull, Field(discriminator="verb")]
"""What a directive may ask for besides a restart."""
