"""What came of making decisions again, as people and as programs read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mission_control.exits import Exit
from mission_control.replay.again import Again, Verdict
from mission_control.replay.bundle import Expected
from mission_control.terminal.printable import printable
from shared.incident.replay import Incident

WORDS: Final[dict[Verdict, str]] = {
    "same": "the same",
    "differs": "DIFFERS",
    "not here": "not made again",
    "refused": "REFUSED",
}
"""Of decisions; what is none is told in one line for all."""
SAME: Final = Exit.OK
DIFFERS: Final = Exit.ERROR
IN_PART: Final = Exit.DEGRADED


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one incident. `about`: lines on what was judged with; `expected`: what somebody has accepted."""

    incident: Incident
    rows: tuple[Again, ...]
    about: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()

    @property
    def decisions(self) -> tuple[Again, ...]:
        return tuple(row for row in self.rows if row.verdict != "observed")

    @property
    def found(self) -> tuple[Expected, ...]:
        """All differences, as they would be accepted."""
        return tuple(Expected(row.seq, one) for row in self.rows for one in row.differs)

    @property
    def odd(self) -> tuple[str, ...]:
        """Differences that nobody has accepted, accepted ones that are not there, and what was refused."""
        new = tuple(_line(one) for one in self.found if one not in self.expected)
        gone = tuple(f"no longer: {_line(one)}" for one in self.expected if one not in self.found)
        return (*new, *gone, *(f"fact {row.seq}: {row.now}" for row in self.rows if row.verdict == "refused"))

    @property
    def code(self) -> Exit:
        """0: all decisions are the same (or differ as accepted); 1: some differ, or the log is not whole; 3: the same,
        as far as they could be made again."""
        if not self.incident.whole or self.odd:
            return DIFFERS
        return IN_PART if any(row.verdict == "not here" for row in self.rows) else SAME


def lines(result: Result) -> Iterator[str]:
    """The table."""
    incident = result.incident
    yield f"{incident.url or incident.repo}#{incident.number}: {incident.status.value}, {len(incident.entries)} facts"
    yield from (f"  {printable(line)}" for line in result.about)
    yield from (f"  GAP  {printable(gap)}: the log ends where something was deleted" for gap in incident.gaps)
    yield from (
        f"  REFUSED  comment {no.comment_id}: {printable(no.reason)}" for no in incident.rejected if not no.harmless
    )
    parted = False
    for row in result.decisions:
        yield f"  fact {row.seq:<3} {row.by:9}  {WORDS[row.verdict]:14}  {printable(row.then)}"
        if row.verdict != "same":
            yield f"{'':36}{printable(row.now)}"
        yield from (f"{'':38}{d.field}: {printable(d.then)} → {printable(d.now)}" for d in row.differs)
        if row.verdict == "differs" and not parted:
            parted = True
            yield f"{'':36}(what follows was decided on the log as it stands)"
    others = [f"{row.seq} {row.move}" for row in result.rows if row.verdict == "observed"]
    if others:
        yield f"  seen, done or told, and no decisions to make again: {', '.join(others)}"
    yield _sum(result)


def _sum(result: Result) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in result.rows) for verdict in WORDS}
    told = f"{len(result.decisions)} decisions: {counts['same']} the same, {counts['differs']} different, "
    told += f"{counts['not here']} not made again, {counts['refused']} refused"
    if not result.expected:
        return told
    return f"{told}; " + ("as accepted" if not result.odd else f"not as accepted: {printable('; '.join(result.odd))}")


def document(result: Result) -> dict[str, Any]:
    """The same as JSON types."""
    return {
        "repo": result.incident.repo,
        "number": result.incident.number,
        "status": result.incident.status.value,
        "whole": result.incident.whole,
        "gaps": list(result.incident.gaps),
        "about": list(result.about),
        "facts": [
            {
                "seq": row.seq,
                "by": row.by,
                "move": row.move,
                "verdict": row.verdict,
                "then": row.then,
                "now": row.now,
                "differs": [{"field": d.field, "then": d.then, "now": d.now} for d in row.differs],
            }
            for row in result.rows
        ],
        "not_as_accepted": list(result.odd),
    }


def _line(one: Expected) -> str:
    return f"fact {one.seq}, {one.difference.field}: {one.difference.then} → {one.difference.now}"
