"""The timeline of a firing as a Mermaid diagram, of words of the fleet's own only: nothing from the world stands in it.

Grammar: packages/mermaid/src/diagrams/timeline/parser/timeline.jison of mermaid-js/mermaid. A line is `PERIOD : EVENT`
with more ` : EVENT` behind it; neither may hold a colon, a `#` or the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from shared.incident.facts import Commanded, Detected
from shared.incident.replay import Entry

MOST: Final = 12
"""Facts that are drawn, the newest ones."""
_STEPS: Final = ((120.0, 1.0, "s"), (7_200.0, 60.0, "min"), (172_800.0, 3_600.0, "h"), (float("inf"), 86_400.0, "d"))


def timeline(firing: Iterable[Entry]) -> str:
    """The diagram, without its fence; empty without facts. Times are from the onset, by GitHub's clock."""
    entries = tuple(firing)
    if not entries or not isinstance(entries[0].fact, Detected):
        return ""
    since = entries[0].fact.since
    rows: list[tuple[str, list[str]]] = [("0 s", ["onset"])]
    for entry in entries[-MOST:]:
        when = _passed((entry.posted_at - since).total_seconds())
        if rows[-1][0] != when:
            rows.append((when, []))
        rows[-1][1].append(_event(entry))
    return "\n".join(["timeline", *(f"    {when} : {' : '.join(events)}" for when, events in rows)])


def _event(entry: Entry) -> str:
    who = "a person" if isinstance(entry.fact, Commanded) else entry.by
    said = entry.fact.move.removeprefix("commanded:").replace(":", " ")
    return re.sub(r"[^a-z -]", "", f"{who} {said}")


def _passed(seconds: float) -> str:
    if seconds < 1:
        return "0 s"
    unit, name = next((unit, name) for below, unit, name in _STEPS if seconds < below)
    return f"+{int(seconds // unit)} {name}"
