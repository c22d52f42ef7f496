"""What a ruling looked at besides the directive: frozen into the ruling itself, so that anyone can rule again."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from shared.incident.parts import Observed
from shared.incident.record import Line, Record

MOST_ACTIONS: Final = 100
"""Actions that a situation holds at least, the newest ones (more where a budget is larger)."""
MOST_GAPS: Final = 10
MOST_FROZEN: Final = 16_000
"""Characters of a situation that is still written down: a ruling is a comment that people read."""


class Action(Record):
    """An action of the fleet in the past. `effective` is None while it is not verified."""

    LATER = frozenset(("effective",))
    target: Line
    verb: Line
    at: AwareDatetime
    effective: bool | None = None


class Standing(Record):
    """How the fleet has fared with one verb against one cause in one service, as its logs say."""

    successes: Annotated[int, Field(ge=0)] = 0
    """Times it was verified to help."""
    failures: Annotated[int, Field(ge=0)] = 0
    """Times it was verified not to, or could not be deployed."""
    undone: Annotated[int, Field(ge=0)] = 0
    """Times it was taken back, by the fleet or by a person."""
    refusals: Annotated[int, Field(ge=0)] = 0
    """Times it was not done: refused, refuted or denied."""
    in_a_row: Annotated[int, Field(ge=0)] = 0
    """Successes since it last failed or was taken back."""
    approved: Annotated[int, Field(ge=0)] = 0
    """Those of `in_a_row` that a person had approved."""


class Silence(Record):
    """A person's word that nothing is to be done to some services until then."""

    login: Line
    issue: Annotated[int, Field(ge=1)]
    """Where it was said."""
    services: Annotated[tuple[Line, ...], Field(max_length=4)]
    until: AwareDatetime


class Situation(Record):
    """Everything the rules look at besides the directive. Times are GitHub's.

    A field that is added goes into LATER with a default that means "not looked at": rulings before it hold none.
    """

    LATER = frozenset(("head", "cause", "standing", "silence"))
    now: AwareDatetime
    frozen: bool
    held: bool
    gaps: tuple[Line, ...]
    observed: Observed | None
    """The target as it is now; None when it could not be read or does not exist."""
    managed: bool
    confidence: Annotated[float, Field(ge=0, le=1)]
    uncited: tuple[Line, ...]
    """Evidence ids that the diagnosis names and no fact holds."""
    actions: tuple[Action, ...]
    acting_elsewhere: Annotated[int, Field(ge=0)]
    healthy: dict[Line, bool]
    """Managed containers other than the target."""
    head: Line | None = None
    """The default branch's commit; None when it could not be read or no change is at stake."""

    cause: Line = ""
    """What the directive is against, as diagnosed."""
    standing: Standing | None = None
    """Of the directive's verb against that cause in its target; None when it was not looked at."""

    silence: Silence | None = None
    """The longest one in force of the target, or of the service that the incident was seen on."""

    def __hash__(self) -> int:
        """Facts can be put into sets, and this is in one of them."""
        return hash(self.canonical())

    @property
    def fits(self) -> bool:
        """Whether it is small enough to be written into a comment. It is written whole or not at all."""
        return len(self.canonical()) <= MOST_FROZEN
