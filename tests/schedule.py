"""Which process runs which tests, where there are several: a file stays whole, and one process has all scenarios.

A scenario is a whole fleet and watches the clock, so there is never more than one of them, and it starts first: the
others do what is left meanwhile. What a module or a session shares is then made about once, too.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

SCENARIOS: Final = "tests/scenario/"


def unit(nodeid: str) -> str:
    """The name of what goes to one process as a whole."""
    return SCENARIOS if nodeid.startswith(SCENARIOS) else nodeid.partition("::")[0]


class Schedule(LoadScopeScheduling):  # type: ignore[misc] # untyped, see above
    """Units in the order in which their first tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
