"""What a backend made without a pull request becomes one: checked, then branch, commit and pull request, once each.

There is no ledger: the branch is named after the attempt, its commit is the same whenever it is made, and GitHub is
asked what stands.
"""

from __future__ import annotations

from collections.abc import Callable

from agents.escalation.judge import attempt, directive_id
from agents.escalation.sound import faults
from shared import crashpoints
from shared.gitops.diff import tree_diff, with_files
from shared.gitops.titles import check_body, check_title
from shared.gitops.words import body, meaning
from shared.incident.evidence import one_line
from shared.incident.facts import Diagnosed, Dispatched, Proposed, Returned
from shared.incident.labels import AUTO_FIX
from shared.incident.render import code
from shared.incident.replay import Incident
from shared.ports import Made, Permanent
from shared.source import OURS, NewCommit, Pulls, Source


class Proposals:
    """Opens pull requests as the fleet's own account. What it opens is proved and merged as anybody else's."""

    def __init__(self, source: Source, pulls: Pulls, reach: Callable[[str], None] = crashpoints.reach) -> None:
        self._source = source
        self._pulls = pulls
        self._reach = reach

    def open(self, incident: Incident, made: Made) -> Proposed | Returned:
        """Open it, find it, or say why not. Raises Permanent when its branch holds something else."""
        at_work, name = incident.last_entry(Dispatched), branch(incident)
        if at_work is None or incident.session is None:
            raise Permanent("no session is at work")
        if not self._source.pulls_of(name) and (head := self._source.head()) != made.base:
            return _returned(incident, f"the default branch is at {head[:10]}, it was made on {made.base[:10]}")
        before = self._source.files(made.base, tuple(made.files))
        files = tree_diff(before, with_files(before, made.files))
        about, text = title(incident), body(incident, written_by(incident), files, "revert the merge commit")
        wrong = (*faults(files, self._source.paths(made.base)), *check_title(about), *check_body(text))
        if wrong:
            return _returned(incident, f"what it made is not sound: {'; '.join(wrong)}")
        self._reach("change-made")
        changed = {file.path: file.after for file in files}
        new = NewCommit(made.base, changed, message(incident), at_work.posted_at)
        sha = self._pulls.branch(name, new)
        self._reach("branch-made")
        pull = self._pulls.propose(name, about, text, (AUTO_FIX,))
        self._reach("pull-open")
        if pull.head_sha != sha:
            raise Permanent(f"pull request {pull.number} is at {pull.head_sha[:10]}, made was {sha[:10]}")
        return Proposed(
            directive_id=directive_id(incident),
            number=pull.number,
            link=pull.link,
            branch=name,
            base_sha=made.base,
            head_sha=sha,
            files=tuple(sorted(changed)),
            changes=meaning(files),
        )


def branch(incident: Incident) -> str:
    """`sre-space/incident-7-command-t2`: the same for the same attempt, and for no other."""
    return f"{OURS}incident-{incident.number}-{_backend(incident)}-t{attempt(incident)}"


def title(incident: Incident) -> str:
    """One line that says what it is against."""
    diagnosed, detected = incident.last(Diagnosed), incident.detected
    service, cause = (diagnosed.service, diagnosed.cause) if diagnosed else (detected.service, detected.symptom)
    return f"Change the code of {service} against {cause}, attempt {attempt(incident)}"


def message(incident: Incident) -> str:
    """The commit's message."""
    by = f"written by the Tier-3 backend {_backend(incident)}"
    return f"{title(incident)}\n\nIncident {incident.repo}#{incident.number}, {by}."


def written_by(incident: Incident) -> str:
    """Whose change it is, as Markdown."""
    return (
        f"Attempt {code(directive_id(incident))}: a local command that this fleet ran (Tier-3 backend "
        f"{code(_backend(incident))}) wrote this change, no person and no rule. A person should review it before it is "
        "merged."
    )


def _backend(incident: Incident) -> str:
    return incident.session.backend if incident.session is not None else ""


def _returned(incident: Incident, reason: str) -> Returned:
    at_work = incident.session
    if at_work is None:
        raise Permanent("no session is at work")
    return Returned(backend=at_work.backend, session=at_work.session, reason=one_line(reason))
