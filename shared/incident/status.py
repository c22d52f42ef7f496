"""Where a fact leads: the status table of an incident and the role that owns each fact. Literal data, nothing else.

`docs/protocol.md` draws its diagram from `TRANSITIONS`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.incident.record import Role


class Status(StrEnum):
    """The state of an incident; the value is the literal GitHub label."""

    NEW = "Status: New"
    DETECTED = "Status: Detected"
    DIAGNOSED = "Status: Diagnosed"
    NEEDS_APPROVAL = "Status: Needs-Approval"
    APPROVED = "Status: Approved"
    FIXING = "Status: Fixing"
    VERIFYING = "Status: Verifying"
    UNDOING = "Status: Undoing"
    FIXED = "Status: Fixed"
    ESCALATED = "Status: Escalated"
    NEEDS_HUMAN = "Status: Needs-Human"
    CLOSED = "Status: Closed"


ANYWHERE: Final = {"escalated": Status.ESCALATED, "stuck": Status.NEEDS_HUMAN}
GONE: Final = {"verified:recovered": Status.FIXED}
ASIDE: Final = {"commanded:escalate": Status.ESCALATED}
STEERED: Final = {"commanded:focus": Status.DETECTED, "commanded:reject": Status.DETECTED}
"""A person steers the diagnosis: it is made again, and what was ruled on the old one is void."""

UNDO: Final = {"commanded:undo": Status.UNDOING}
"""A person takes back the change that this incident merged (`replay.unbound`: only where one stands)."""

SILENCE: Final = "commanded:silence"
"""A person wants no action for a service for a while, or again: it moves nothing, and may be said anywhere."""

ADVICE: Final = "advised"
"""A model's words move nothing. They may stand where Brain is the next to speak, and where only a person is."""

_MOVES: Final[dict[Status, dict[str, Status]]] = {
    Status.NEW: {"detected": Status.DETECTED},
    Status.DETECTED: {"diagnosed": Status.DIAGNOSED, ADVICE: Status.DETECTED} | ANYWHERE | GONE | ASIDE,
    Status.DIAGNOSED: {
        "ruled:allow": Status.APPROVED,
        "ruled:needs-approval": Status.NEEDS_APPROVAL,
        "ruled:veto": Status.NEEDS_HUMAN,
        "ruled:stale": Status.DETECTED,
    }
    | ANYWHERE
    | GONE
    | ASIDE
    | STEERED,
    Status.NEEDS_APPROVAL: {"commanded:approve": Status.APPROVED, "commanded:deny": Status.NEEDS_HUMAN}
    | {"refused": Status.DETECTED, ADVICE: Status.NEEDS_APPROVAL, "merged": Status.FIXING}
    | ANYWHERE
    | GONE
    | ASIDE
    | STEERED,
    Status.APPROVED: {"began": Status.FIXING, "refused": Status.DETECTED} | ANYWHERE | ASIDE | STEERED,
    Status.FIXING: {
        "applied": Status.VERIFYING,
        "refused": Status.DETECTED,
        "proposed": Status.FIXING,
        "proved:policy": Status.FIXING,
        "proved:person": Status.NEEDS_APPROVAL,
        "proved:nobody": Status.DETECTED,
        "merged": Status.FIXING,
        "deployed:running": Status.VERIFYING,
        "deployed:failed": Status.UNDOING,
    }
    | ANYWHERE,
    Status.VERIFYING: {
        "verified:healthy": Status.FIXED,
        "verified:unhealthy": Status.DETECTED,
        "verified:ineffective": Status.UNDOING,
    }
    | ANYWHERE
    | UNDO,
    Status.UNDOING: {"undone:ineffective": Status.DETECTED, "undone:commanded": Status.NEEDS_HUMAN} | ANYWHERE,
    Status.FIXED: {"learned": Status.CLOSED},
    Status.ESCALATED: {
        "commanded:retry": Status.DETECTED,
        ADVICE: Status.ESCALATED,
        "dispatched": Status.ESCALATED,
        "planned": Status.ESCALATED,
        "commanded:approve": Status.ESCALATED,
        "commanded:deny": Status.NEEDS_HUMAN,
        "proposed": Status.ESCALATED,
        "proved:others": Status.DIAGNOSED,
        "proved:nobody": Status.ESCALATED,
        "returned": Status.ESCALATED,
        "stuck": Status.NEEDS_HUMAN,
    }
    | GONE
    | STEERED,
    Status.NEEDS_HUMAN: {"commanded:retry": Status.DETECTED, "escalated": Status.ESCALATED}
    | {ADVICE: Status.NEEDS_HUMAN}
    | GONE
    | ASIDE
    | STEERED
    | UNDO,
    Status.CLOSED: {"detected": Status.DETECTED} | UNDO,
}
TRANSITIONS: Final = {s: row if s is Status.NEW else row | {SILENCE: s} for s, row in _MOVES.items()}

_ANY: Final[frozenset[Role]] = frozenset(("scout", "brain", "guardrail", "fixer", "memory", "escalation"))

OWNERS: Final[dict[str, frozenset[Role]]] = {
    "detected": frozenset(("scout",)),
    "diagnosed": frozenset(("brain",)),
    "ruled": frozenset(("guardrail",)),
    "commanded": frozenset(("guardrail",)),
    "began": frozenset(("fixer",)),
    "applied": frozenset(("fixer",)),
    "refused": frozenset(("fixer",)),
    "proposed": frozenset(("fixer", "escalation")),
    "proved": frozenset(("fixer", "escalation")),
    "merged": frozenset(("fixer",)),
    "deployed": frozenset(("fixer",)),
    "undone": frozenset(("fixer",)),
    "verified": frozenset(("scout",)),
    "learned": frozenset(("memory",)),
    "escalated": frozenset(("brain", "guardrail", "escalation")),
    "dispatched": frozenset(("escalation",)),
    "planned": frozenset(("escalation",)),
    "returned": frozenset(("escalation",)),
    "stuck": _ANY,
    "advised": frozenset(("brain",)),
}

PULLS: Final[dict[Status, Role]] = {Status.FIXING: "fixer", Status.ESCALATED: "escalation"}
"""Who speaks of a pull request (`proposed`, `proved`) where: each of its own."""


def may_say(role: str, kind: str, status: Status) -> bool:
    """Whether `role` may say a fact of `kind` on an incident that stands at `status`."""
    if kind in ("proposed", "proved") and status in PULLS:
        return role == PULLS[status]
    return role in OWNERS[kind]


SEVERITY_LABEL: Final = {"critical": "severity:critical", "major": "severity:major", "minor": "severity:minor"}


def reachable(table: dict[Status, dict[str, Status]], start: Status = Status.NEW) -> frozenset[Status]:
    """Every status that some sequence of facts leads to."""
    seen = {start}
    frontier = [start]
    while frontier:
        for target in table.get(frontier.pop(), {}).values():
            if target not in seen:
                seen.add(target)
                frontier.append(target)
    return frozenset(seen)
