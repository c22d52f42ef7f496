"""Who is in the fleet, and after which facts each agent may have something to do. Data alone."""

from __future__ import annotations

from typing import Final

from shared.incident.record import Role

ROLES: Final[tuple[Role, ...]] = ("scout", "brain", "guardrail", "fixer", "memory", "escalation")
AGENTS: Final = (*ROLES, "herald", "dashboard")
"""Every process of the fleet."""

SHARED: Final[frozenset[Role]] = frozenset(("brain", "guardrail", "fixer", "memory", "escalation"))
"""Roles of which several processes may share the incidents. Scout looks at the world as a whole: one process."""

WAKES_ON: Final[dict[Role, frozenset[str]]] = {
    "scout": frozenset(
        ("detected", "applied", "deployed:running", "ruled:veto", "ruled:needs-approval", "escalated", "stuck")
    ),
    "brain": frozenset(
        (
            "ruled:needs-approval", "detected", "refused", "verified:unhealthy", "ruled:stale", "commanded:retry",
            "proved:nobody", "undone:ineffective",
        )
    ),
    "guardrail": frozenset(("diagnosed", "advised", "proved:others", "planned")),
    "fixer": frozenset(
        (
            "ruled:allow", "commanded:approve", "began", "deployed:failed", "verified:ineffective", "commanded:undo",
            "commanded:deny", "commanded:retry", "verified:recovered",
        )
    ),
    "memory": frozenset(("verified:healthy", "verified:recovered", "learned")),
    "escalation": frozenset(("escalated", "commanded:escalate", "commanded:approve", "proved:nobody", "returned")),
}  # fmt: skip
"""The facts after which each agent may have something to do. Every other kind of wake-up reaches all of them.

Guardrail looks again after `advised`: a person's command that it wrote down at the same moment may have come second."""
