"""The words of a pull request, from facts alone: its branch, title, commit message and body."""

from __future__ import annotations

import re
from typing import Final

from shared.gitops.diff import FileChange, stack_diff
from shared.gitops.stack import STACK, BadStack
from shared.incident.change import MergePull, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas
from shared.incident.facts import Diagnosed, Merged
from shared.incident.parts import Directive
from shared.incident.render import code, escape, plain
from shared.incident.replay import Incident

MOST: Final = 40
"""Lines of meaning that are shown."""
_NUMBER: Final = re.compile(r"#(\d+)/")


def branch(directive: Directive) -> str:
    """`sre-space/incident-7-restart-1a2b3c4d`: the same for the same directive, and for no other."""
    found = _NUMBER.search(directive.id)
    return f"sre-space/incident-{found[1] if found else 0}-{directive.verb}-{directive.digest[:8]}"


def undo_branch(directive: Directive) -> str:
    """Of what takes the directive's change back."""
    return f"{branch(directive)}-undo"


def title(directive: Directive) -> str:
    """One line that says what changes."""
    match directive.change:
        case RevertCommit(commit=commit):
            return f"Revert {commit[:10]} in {directive.target}"
        case SetMemory(service=service, before=before, after=after):
            return f"Raise the memory limit of {service} from {before} to {after} MiB"
        case SetReplicas(service=service, before=before, after=after):
            return f"Run {after} instead of {before} replicas of {service}"
        case SetConfig(service=service, key=key):
            return f"Set {key} of {service}"
        case SetFlag(service=service, flag=flag, after=after):
            return f"Turn {flag} of {service} {'on' if after else 'off'}"
        case MergePull(number=number):
            return f"Merge pull request {number}"
        case _:
            raise ValueError(f"{directive.verb} proposes nothing")


def undo_title(directive: Directive) -> str:
    return f"Take back: {title(directive)}"


def message(incident: Incident, directive: Directive) -> str:
    """The commit's message."""
    return f"{title(directive)}\n\nIncident {incident.repo}#{incident.number}, directive {directive.id}."


def undo_message(incident: Incident, merged: Merged) -> str:
    return (
        f"Take back {merged.merge_sha[:10]}\n\n"
        f"Incident {incident.repo}#{incident.number}, directive {merged.directive_id}."
    )


def meaning(files: tuple[FileChange, ...]) -> tuple[str, ...]:
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


def body(incident: Incident, directive: Directive, files: tuple[FileChange, ...]) -> str:
    """The pull request's text. It names its incident and does not close it: that is for who verifies."""
    diagnosed = incident.last(Diagnosed)
    evidence = diagnosed.evidence if diagnosed else ()
    why = f"{escape(diagnosed.root_cause)} in {code(diagnosed.service)}" if diagnosed else "see the incident"
    confidence = f", confidence {diagnosed.confidence:.2f}" if diagnosed else ""
    return "\n".join(
        (
            f"Incident #{incident.number}: {escape(incident.detected.summary)}",
            "",
            f"Root cause: {why}{confidence}. Directive {code(directive.id)}.",
            "",
            "What changes:",
            "",
            *(f"- {escape(line)}" for line in meaning(files)),
            "",
            "Evidence:",
            "",
            *(f"- {code(e.id)} {escape(e.summary)} (sha256 {code(e.sha256[:12])})" for e in evidence[:12]),
            "",
            f"Undo: {escape(directive.undo)}. A person with write permission says /undo on the incident.",
            "",
            "The proof stands as commit statuses at the head. The incident is closed when Scout has verified it.",
        )
    )


def undo_body(incident: Incident, merged: Merged, why: str | None) -> str:
    """The text of the pull request that takes a change back."""
    reason = "a person said /undo" if why == "commanded" else "it did not help, or made something else worse"
    return f"Incident #{incident.number}: takes back {merged.merge_sha[:10]} because {reason}."


def _told(value: str | None) -> str:
    return "not set" if value is None else value
