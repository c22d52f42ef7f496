"""What an agent is: it looks at the world, judges frozen values, and returns at most one effect.

`look` may fail (Transient, Permanent); `judge` is pure; the worker loop in `shared/runtime` applies the effect. The
deadline of a `Later` is the only way to wait: the incident is looked at again when it has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, Protocol, TypeVar

from shared.incident.facts import AnyFact, Detected
from shared.incident.parts import Directive
from shared.incident.record import Role
from shared.incident.replay import Incident

Seen = TypeVar("Seen")
Deed_contra = TypeVar("Deed_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Open:
    """Open an incident with this first fact."""

    fact: Detected


@dataclass(frozen=True, slots=True)
class Reopen:
    """The fault of a closed incident came back: reopen its issue and write this fact on it."""

    number: int
    fact: Detected


@dataclass(frozen=True, slots=True)
class Recount:
    """The symptom fired again while its incident is open: counted, not opened again."""

    number: int
    fingerprint: str


Sighting = Open | Reopen | Recount
"""What a patrol may conclude from telemetry alone."""


@dataclass(frozen=True, slots=True)
class Say:
    """Write one fact on the incident."""

    fact: AnyFact


@dataclass(frozen=True, slots=True)
class Act:
    """Carry out a directive with the hand that knows its verb; the hand answers with the fact to say.

    `incident` is the log as it stands: a change goes its way in steps, one fact each. `undo` says why a merged change
    is to be taken back.
    """

    directive: Directive
    incident: Incident
    undo: Literal["ineffective", "commanded"] | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Close a pull request of the fleet that nobody waits for any more, if it is as it was proposed: at `head_sha`."""

    number: int
    head_sha: str


@dataclass(frozen=True, slots=True)
class Delegate:
    """Have a Tier-3 backend do something: begin, go on with its plan; open the pull request of what it made; prove the
    pull request."""

    what: Literal["open", "approve", "propose", "prove"]
    backend: str
    attempt: int
    incident: Incident


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a person's comment in words; never evidence."""

    text: str
    comment_id: int


@dataclass(frozen=True, slots=True)
class Label:
    """Put or take a label that is a person's wish, not a projection (`sre:hold`), then answer their comment."""

    label: str
    present: bool
    answer: Answer


@dataclass(frozen=True, slots=True)
class Close:
    """Close the issue: its log has come to an end."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing now; look again at `at` (GitHub's clock). `why` is for people."""

    at: datetime
    why: str


Effect = Say | Act | Withdraw | Delegate | Label | Answer | Close | Later


class Agent(Protocol, Generic[Seen]):
    """One role's judgement about one incident at a time."""

    role: Role

    def concerns(self, incident: Incident) -> bool:
        """Whether this incident, as its log stands, may need this agent. Cheap and pure."""
        ...

    def look(self, incident: Incident) -> Seen:
        """Read what the judgement needs. Raises Transient or Permanent."""
        ...

    def judge(self, incident: Incident, seen: Seen) -> Effect | None:
        """The one effect, or None. Pure."""
        ...


class Hand(Protocol[Deed_contra]):
    """What acts: each step is done exactly once, however often it is asked."""

    def carry_out(self, act: Deed_contra) -> AnyFact | None:
        """The fact to say of the step; None: nothing is to be said, look again.

        Raises Transient when it is not known yet what became of it.
        """
        ...
