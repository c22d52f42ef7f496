"""Everything Brain has seen of one incident, frozen: what the analysts judge, and how they say what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from agents.brain.usual import Usual
from shared.analysis.metrics import Series
from shared.analysis.trace import Trace
from shared.gitops.diff import KeyChange
from shared.gitops.stack import Stack
from shared.incident.evidence import observation, sha256_of
from shared.incident.parts import Cause, Evidence, EvidenceKind
from shared.incident.replay import Incident
from shared.ports import Commit, Container

SLACK: Final = timedelta(seconds=5)
"""How much later than the estimated onset a commit may stand: onsets are estimated, stamps are whole seconds."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What a recent commit means. `at`: when its deploy began, where a deployer said so, else when it was committed."""

    sha: str
    at: datetime
    paths: tuple[str, ...]
    """Every file it changed in meaning; a comment alone is none."""
    levers: tuple[KeyChange, ...]
    services: frozenset[str]
    """Those that its levers and files belong to."""
    deployed: bool

    def before(self, onset: datetime) -> bool:
        return self.at <= onset + SLACK


@dataclass(frozen=True, slots=True)
class Runbook:
    """What people, or Memory, wrote about a fault, as the default branch has it. It is text, and orders nothing."""

    path: str
    commit: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """One incident's evidence. A source that could not be read stands in `missing` with the reason."""

    containers: Mapping[str, Container]
    last_words: str
    """The last log lines of the detected service; untrusted text."""
    baseline: tuple[Trace, ...]
    during: tuple[Trace, ...]
    commits: tuple[Commit, ...]
    earlier: tuple[Incident, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    usual: Usual | None = None
    """What Scout knows as usual, for reading only; None where there is no stream or nothing was heard."""
    gauges: Mapping[str, tuple[Series, ...]] = field(default_factory=dict)
    """By gauge (analysts.gauges.QUERIES) its series around the incident; empty where there is no Prometheus."""
    touches: tuple[Touch, ...] = ()
    """What the recent commits mean, newest first, as far as they could be read."""
    desired: Stack | None = None
    """The desired state at `head`; None where the repository declares none."""
    head: str | None = None
    """The default branch's commit."""
    recalled: tuple[Incident, ...] = ()
    """Closed incidents that the knowledge base named, read again from GitHub."""
    runbooks: tuple[Runbook, ...] = ()
    """Those it named, the likeliest first, read again likewise."""

    @property
    def known(self) -> tuple[Incident, ...]:
        """Every other incident that was read, each once, oldest first."""
        logs = {i.number: i for i in (*self.recalled, *self.earlier)}
        return tuple(logs[number] for number in sorted(logs))


@dataclass(frozen=True, slots=True)
class Cited:
    """Evidence with the words it is the hash of (JSON types); None where the words stand in the log already."""

    evidence: Evidence
    verbatim: object | None


Source = Literal["traces", "engine", "stream", "commits", "incidents", "metrics"]
"""Where a clue was read. What was read in one place is not independent: see director.total."""


@dataclass(frozen=True, slots=True)
class Clue:
    """What one analyst holds of one explanation. `weight`: log-likelihood ratio in nats against "unknown"."""

    analyst: str
    source: Source
    service: str
    cause: Cause
    weight: float
    why: str
    evidence: tuple[Cited, ...]
    raises: bool = True
    """Whether it puts the explanation on the list. Where not, it only counts if another analyst does."""


def evidence(
    kind: EvidenceKind,
    name: str,
    summary: str,
    verbatim: object,
    *,
    link: str | None = None,
    trace_id: str | None = None,
) -> Cited:
    """Evidence whose id ends in the hash of what was seen. `verbatim` is JSON types."""
    digest = sha256_of(verbatim)[:8]
    seen = observation(f"{kind}-{name[:60]}-{digest}", kind, summary, verbatim, link=link, trace_id=trace_id)
    return Cited(seen, verbatim)
