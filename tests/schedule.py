"""Which process runs which tests, where there are several: a file stays whole, and one process has all scenarios.

A scenario is a whole fleet and watches the clock, so there is never more than one of them, and it starts first: the
others do what is left meanwhile. What a module or a session shares is then made about once, too. In tests/stack one
process has what runs in containers, whose stack there is once, and another what runs in the embedded world. A browser
drops what it loads while a container's network comes or goes: its tests stay with the containers', never beside them.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

SCENARIOS: Final = "tests/scenario/"
UNITS: Final = ((SCENARIOS,), ("tests/stack/containers/", "tests/stack/page/"), ("tests/stack/",))
"""Folders that go to one process together; what is in two of them belongs to the first."""


def unit(nodeid: str) -> str:
    """The name of what goes to one process as a whole."""
    return next((whole[0] for whole in UNITS if nodeid.startswith(whole)), nodeid.partition("::")[0])


class Schedule(LoadScopeScheduling):  # type: ignore[misc] # untyped, see above
    """Units in the order in which their first tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
