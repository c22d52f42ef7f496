"""The words of a pull request of the fleet, from facts alone: what changes, on what evidence, how it is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared.gitops.diff import FileChange, stack_diff
from shared.gitops.stack import STACK, BadStack
from shared.incident.facts import Diagnosed
from shared.incident.render import block, plain
from shared.incident.replay import Incident

MOST: Final = 40
"""Lines of meaning that are shown."""
MOST_EVIDENCE: Final = 12


def meaning(files: Sequence[FileChange]) -> tuple[str, ...]:
    """What the files' difference means: each lever of the desired state, else the file."""
    lines: list[str] = []
    for file in files:
        if file.path == STACK and file.before is not None and file.after is not None:
            try:
                lines += [
                    f"{k.service} {k.key}: {_told(k.before)} to {_told(k.after)}"
                    for k in stack_diff(file.before, file.after)
                ]
                continue
            except BadStack:
                pass  # the checks say what is wrong with it
        lines.append(f"{file.path} {'goes' if file.after is None else 'comes' if file.before is None else 'changes'}")
    return tuple(plain(line)[:300] for line in lines[:MOST])


def body(incident: Incident, by: str, files: Sequence[FileChange], undo: str) -> str:
    """The pull request's text. It names its incident and does not close it: that is for who verifies.

    `by`: whose change it is, as Markdown; `undo`: how it is taken back. What comes from the world stands in blocks.
    """
    diagnosed = incident.last(Diagnosed)
    story = [incident.detected.summary]
    if diagnosed is not None:
        story.append(f"{diagnosed.root_cause} in {diagnosed.service}, confidence {diagnosed.confidence:.2f}")
    evidence = [f"{e.id}  {e.summary}  (sha256 {e.sha256[:12]})" for e in diagnosed.evidence] if diagnosed else []
    said = {
        "What happened, and its root cause as far as it is known:": story,
        "What changes:": meaning(files),
        "Evidence:": evidence[:MOST_EVIDENCE],
        "How it is taken back, by a person with write permission who says /undo on the incident:": (undo,),
    }
    return "\n\n".join(
        (
            f"Incident #{incident.number}. {by}",
            *(_section(heading, lines) for heading, lines in said.items() if lines),
            "The proof stands as commit statuses at the head. The incident is closed when Scout has verified it.",
        )
    )


def _section(heading: str, lines: Sequence[str]) -> str:
    data = "\n".join(plain(line) for line in lines)
    return f"{heading}\n\n{block(data)}"


def _told(value: str | None) -> str:
    return "not set" if value is None else value
