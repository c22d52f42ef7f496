"""A runbook drafted from verified fixes: what the fault looks like, what helped, what did not, how often. Pure.

The fleet writes between two marks and nowhere else. The first mark holds the hash of what it wrote: where people have
changed that, it is theirs, and the fleet leaves the file alone from then on.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from statistics import median
from typing import Final

from shared.incident.episodes import Episode
from shared.incident.parts import Cause
from shared.incident.render import code, escape

RUNBOOKS: Final = "docs/runbooks/"
_BLOCK: Final = re.compile(
    r"<!-- sre-space:runbook (?P<hash>[0-9a-f]{64}) -->\n(?P<text>.*?)<!-- /sre-space:runbook -->\n?", re.DOTALL
)
MOST_NAMED: Final = 12
"""Issues that are named in one line, the newest ones."""
_BELOW: Final = (
    "\n## Notes\n\nWhat people know goes here, or anywhere outside of the block above: the fleet keeps it.\n"
)


def path(service: str, cause: Cause) -> str:
    """`docs/runbooks/policy-service-oom.md`."""
    return f"{RUNBOOKS}{service}-{cause}.md"


def draft(service: str, cause: Cause, past: Iterable[Episode]) -> str:
    """What the fleet writes, from the ended episodes of this cause in this service. The same for the same episodes."""
    mine = sorted(
        (e for e in past if (e.service, e.cause) == (service, cause) and e.ended), key=lambda e: (e.at, e.issue)
    )
    lines = [f"## What the logs say of {cause} in {code(service)}", "", "How it shows:", ""]
    seen = Counter((e.symptom, e.detected) for e in mine)
    lines += [f"- {symptom} on {code(where)}: {_times(count)}" for (symptom, where), count in seen.most_common()]
    lines += ["", "The newest one said:", "", f"- {escape(mine[-1].summary)} (#{mine[-1].issue})"] if mine else []
    for title, results in (("What helped, as verified:", ("worked",)), ("What did not:", ("failed", "undone"))):
        lines += ["", title, ""]
        lines += _by_verb(mine, results) or ["- nothing yet"]
    took = [(e.at - e.since).total_seconds() for e in mine if e.ending == "worked"]
    if took:
        lines += ["", f"From onset to the closing of the issue: {median(took):.0f} s, the median of {len(took)}."]
    lines += ["", "For the whole story of one: `./mission-control.sh explain NUMBER`."]
    return "\n".join(lines) + "\n"


def with_draft(existing: str | None, title: str, text: str) -> str | None:
    """The whole file with `text` in it; None where it says so already, or people have taken the fleet's part over."""
    block = f"<!-- sre-space:runbook {_hash(text)} -->\n{text}<!-- /sre-space:runbook -->\n"
    if existing is None:
        return f"# {title}\n\n{block}{_BELOW}"
    found = _BLOCK.search(existing)
    if found is None or found["hash"] != _hash(found["text"]) or found["text"] == text:
        return None
    return existing[: found.start()] + block + existing[found.end() :]


def _by_verb(mine: list[Episode], results: tuple[str, ...]) -> list[str]:
    issues: dict[tuple[str, str], list[int]] = {}
    for episode in mine:
        for tried in episode.tries:
            if tried.result in results:
                issues.setdefault((tried.verb, tried.by), []).append(episode.issue)
    made = []
    for (verb, by), numbers in sorted(issues.items(), key=lambda item: -len(item[1])):
        who = "" if by == "fleet" else f" made by {escape(by)}"
        named = ", ".join(f"#{n}" for n in dict.fromkeys(numbers[-MOST_NAMED:]))
        made.append(f"- {verb}{who}: {_times(len(numbers))} ({named})")
    return made


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
