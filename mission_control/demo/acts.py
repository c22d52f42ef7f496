"""What is played in `demo`, and what its witnesses saw of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

HEALED_WITHIN: Final = 45.0
REVERTED_WITHIN: Final = 120.0
"""The proof of a pull request starts the marketplace twice in a sandbox: about 8 s of an idle machine."""


@dataclass(frozen=True, slots=True)
class Act:
    """One fault of the demonstration."""

    fault: str
    service: str
    by: Literal["restart", "revert"] = "restart"
    """What heals it. A revert is for what was committed."""

    @property
    def within(self) -> float:
        """Seconds that it may take."""
        return HEALED_WITHIN if self.by == "restart" else REVERTED_WITHIN


ACTS: Final = (
    Act("oom", "policy-service"),
    Act("crash", "quote-service"),
    Act("latency", "user-service"),
    Act("conversion", "policy-service", by="revert"),
)
"""The commit comes last: what customers usually buy is known well by then."""


@dataclass(slots=True)
class Result:
    """What the witnesses saw. Times are seconds after the fault; None was not seen. `acted`: restarted, or merged."""

    fault: str
    service: str
    issue: int | None = None
    detected: float | None = None
    acted: float | None = None
    healthy: float | None = None
    verified: float | None = None
    closed: float | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    pulls: int | None = None
    writes: int | None = None
    comments: int | None = None
    wrong: list[str] = field(default_factory=list)
