"""The words of a pull request, from facts alone: its branch, title, commit message and body."""

from __future__ import annotations

import re
from typing import Final

from shared.gitops import words
from shared.gitops.diff import FileChange
from shared.incident.change import MergePull, RevertCommit, SetConfig, SetFlag, SetMemory, SetReplicas
from shared.incident.facts import Merged
from shared.incident.parts import Directive
from shared.incident.render import code
from shared.incident.replay import Incident
from shared.source import OURS

_NUMBER: Final = re.compile(r"#(\d+)/")


def branch(directive: Directive) -> str:
    """`sre-space/incident-7-restart-1a2b3c4d`: the same for the same directive, and for no other."""
    found = _NUMBER.search(directive.id)
    return f"{OURS}incident-{found[1] if found else 0}-{directive.verb}-{directive.digest[:8]}"


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


def body(incident: Incident, directive: Directive, files: tuple[FileChange, ...]) -> str:
    """The pull request's text."""
    return words.body(incident, f"Directive {code(directive.id)}.", files, directive.undo)


def undo_body(incident: Incident, merged: Merged, why: str | None) -> str:
    """The text of the pull request that takes a change back."""
    reason = "a person said /undo" if why == "commanded" else "it did not help, or made something else worse"
    return f"Incident #{incident.number}: takes back {merged.merge_sha[:10]} because {reason}."
