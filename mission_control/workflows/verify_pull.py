"""`verify-jules-pr`: is this pull request the cure of its incident? Shown, not believed.

The same checks that Escalation makes before Guardrail is asked, and one more: the reproduction is quiet on the tree as
it was before the incident, so it shows the incident and not itself. Exit status 0 only when all of it holds.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from agents.escalation.sound import sound
from mission_control.exits import Ended, Exit
from mission_control.fleet.sandbox import choose
from mission_control.github import pages
from mission_control.running import Target, target
from mission_control.settings import Settings
from mission_control.terminal.console import progress
from mission_control.terminal.printable import printable
from mission_control.terminal.verify import read_incident
from mission_control.world.keys import JULES
from shared.adapters.git import GitTrees
from shared.adapters.github import Address, GitHub, connect
from shared.adapters.github.pulls import GitHubPulls
from shared.adapters.github.source import GitHubSource
from shared.incident.details import MARKS
from shared.incident.facts import Detected
from shared.incident.parts import Predicate
from shared.incident.replay import Incident
from shared.ports import Permanent, Transient
from shared.proof import Proof, report
from shared.runtime.clock import SystemClock
from shared.runtime.red_green import RedGreen
from shared.source import Pull

if TYPE_CHECKING:
    from mission_control.terminal.shapes import ProvedShape

NAMED: Final = re.compile(
    r"(?:\b(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?)|incident)\s*:?\s+#(\d{1,9})\b", re.IGNORECASE
)
BEFORE: Final = timedelta(hours=1)
"""How long before the first detection the tree is taken that must be quiet; the oldest there is where there is less."""
WORD: Final = {"proved": "PROVED", "unverified": "NOT PROVED", "refuted": "REFUTED"}


class NotVerifiable(Ended):
    """There is nothing to hold the pull request against; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    pull: Pull
    incident: int
    proof: Proof

    @property
    def proved(self) -> bool:
        return self.proof.verdict == "proved"


def verify_jules_pr(settings: Settings, number: int | None, as_json: bool, status: bool) -> int:
    """0 when the pull request is proved, 1 when not. Raises NotVerifiable, GithubSaysNo, NotRunning, BadSettings."""
    at = target(settings)
    clock = SystemClock()
    address = Address(at.repository.api, at.repository.name, at.repository.token)
    github = connect(address, settings.state_dir / "verify", clock)
    try:
        with progress("proving"):
            verdict = _verdict(settings, at, github, number)
            if status:
                source = GitHubSource(github.wire)
                report(GitHubPulls(github.wire, source, github.budget), verdict.pull.head_sha, verdict.proof.checks)
    except (Transient, Permanent) as failure:
        raise NotVerifiable(str(failure)) from failure
    finally:
        github.close()
    sys.stdout.write(json.dumps(document(verdict), indent=2) + "\n" if as_json else table(verdict))
    return Exit.OK if verdict.proved else Exit.ERROR


def _verdict(settings: Settings, at: Target, github: GitHub, number: int | None) -> Verdict:
    source = GitHubSource(github.wire)
    pull = source.pull(number if number is not None else _newest(at))
    incident = _incident(at, pull)
    url = f"{pages(at.repository.api)}/{at.repository.name}.git"
    trees = GitTrees(settings.state_dir / "trees", url, at.repository.token)
    prover = RedGreen(choose(settings).sandbox, trees)
    whole = sound(pull, source.difference(pull.base_sha, pull.head_sha), pull.head_sha)
    if not whole.ok:
        return Verdict(pull, incident.number, Proof("refuted", (whole,)))
    base = source.head()
    shown = prover.prove(incident, base, pull.head_sha)
    control = _control(at, incident)
    quiet = prover.quiet(incident, base, control)
    verdict = shown.verdict if quiet.ok or shown.verdict == "refuted" else "unverified"
    return Verdict(pull, incident.number, Proof(verdict, (whole, *shown.checks, quiet)))


def _newest(at: Target) -> int:
    """The newest open pull request of Jules."""
    for found in at.repository.pages("/pulls", state="open", sort="created", direction="desc"):
        if (found.get("user") or {}).get("login") == JULES:
            return int(found["number"])
    raise NotVerifiable(f"no open pull request is by {JULES}: name one, verify-jules-pr N")


def _incident(at: Target, pull: Pull) -> Incident:
    """The incident that the pull request says it is for."""
    found = NAMED.search(f"{pull.title}\n{pull.body}")
    if found is None:
        raise NotVerifiable(f"pull request {pull.number} names no incident: its text must say Fixes #N")
    incident = read_incident(at, int(found[1]))
    if not incident.is_incident:
        raise NotVerifiable(f"issue {found[1]}, which pull request {pull.number} names, is no incident of the fleet")
    return incident


def _control(at: Target, incident: Incident) -> str:
    """The default branch as it was before the incident."""
    first = next(e.fact for e in incident.entries if isinstance(e.fact, Detected))
    until = (first.since - BEFORE).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed: list[dict[str, Any]] = at.repository.call("GET", "/commits", params={"until": until, "per_page": 1}).json()
    if not listed:
        listed = list(at.repository.pages("/commits"))[-1:]
    return str(listed[0]["sha"])


def document(verdict: Verdict) -> ProvedShape:
    """What a program reads."""
    return {
        "pull": verdict.pull.number,
        "head": verdict.pull.head_sha,
        "incident": verdict.incident,
        "verdict": verdict.proof.verdict,
        "checks": [{"name": one.name, "ok": one.ok, "detail": one.detail} for one in verdict.proof.checks],
    }


def table(verdict: Verdict) -> str:
    """What a person reads: a line for each check, and the verdict."""
    pull, checks = verdict.pull, verdict.proof.checks
    lines = [
        f"pull request {pull.number} at {pull.head_sha[:10]} for incident {verdict.incident}: {printable(pull.title)}"
    ]
    lines += [_row(check) for check in checks]
    return "\n".join([*lines, WORD[verdict.proof.verdict]]) + "\n"


def _row(check: Predicate) -> str:
    return f"  {MARKS[check.ok]}  {check.name:18} {printable(check.detail)}"
