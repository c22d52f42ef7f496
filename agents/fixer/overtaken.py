"""Which pull requests of the fleet nobody waits for any more: denied, gone by itself, another way taken. Pure."""

from __future__ import annotations

from typing import Final

from shared.incident.facts import Merged, Proposed, Proved, Refused
from shared.incident.replay import Incident
from shared.source import OURS, Pull

ENDS: Final = frozenset(
    (
        "commanded:deny", "verified:recovered",  # it is over
        "commanded:retry", "commanded:focus", "commanded:reject", "refused", "ruled:stale",  # it is diagnosed anew
        "commanded:escalate", "escalated", "returned",  # somebody else has it
    )
)  # fmt: skip
"""After these facts what was proposed before will not be merged by the fleet, and a merge of it is not waited for."""


def as_proposed(pull: Pull, head_sha: str) -> bool:
    """Whether it still stands open, and nobody has pushed to it."""
    return pull.open and pull.head_sha == head_sha


def overtaken(incident: Incident) -> tuple[Proposed, ...]:
    """Those that may still be open, in order. What was refused before it was proved stays open for review, as the
    refusal says (`gitops.QUICKER`)."""
    waiting: dict[int, Proposed] = {}
    over: dict[int, Proposed] = {}
    proved: set[int] = set()
    for entry in incident.entries:
        fact = entry.fact
        match fact:
            case Proposed() if fact.branch.startswith(OURS):
                waiting[fact.number] = fact
            case Proved():
                proved.add(fact.number)
            case Merged():
                waiting.pop(fact.number, None)
                over.pop(fact.number, None)
            case Refused():
                waiting = {number: one for number, one in waiting.items() if number in proved}
            case _:
                pass
        if fact.move in ENDS:
            over |= waiting
            waiting = {}
    return tuple((over | waiting if incident.closed else over).values())
