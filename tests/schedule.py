"""Which process runs which tests, where there are several: a file stays whole, and one process has all scenarios.

A scenario is a whole fleet and watches the clock, so there is never more than one of them, and it starts first: the
others do what is left meanwhile. What a module or a session shares is then made about once, too.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

SCENARIOS: Final = "tests/scenario/"


class Schedule(LoadFileScheduling):  # type: ignore[misc] # untyped, see above
    """Files in the order they were collected, tests/scenario as if it were one file."""

    def _split_scope(self, nodeid: str) -> str:
        return SCENARIOS if nodeid.startswith(SCENARIOS) else str(super()._split_scope(nodeid))
