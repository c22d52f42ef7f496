"""What `--json` prints: the stable shapes. docs/cli.md is made from this file, and tests hold every command to it.

A field may be added in any version. One that is there keeps its name, its type and its meaning. Times are RFC 3339 with
an offset, spans seconds, sizes MB of 2**20 bytes where nothing else is said. Texts are as the world wrote them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypedDict


class IncidentShape(TypedDict):
    """One incident as its issue and labels say it."""

    number: int
    title: str
    status: Annotated[str, "the status label without `Status: `; `?` where there is none; `Closed`"]
    service: Annotated[str | None, "from the label `service:NAME`"]
    severity: Annotated[str | None, "critical, major or minor"]
    open: bool
    held: Annotated[bool, "labelled `sre:hold`"]
    since: Annotated[str, "when the issue was opened"]
    closed_at: str | None
    url: str


class IncidentsShape(TypedDict):
    """`incidents --json`."""

    repo: str
    incidents: Annotated[list[IncidentShape], "newest first"]


class FactShape(TypedDict):
    """One fact of the fleet."""

    seq: int
    kind: str
    move: Annotated[str, "its row in the status table"]
    by: Annotated[str, "the role that signed it"]
    posted_at: Annotated[str, "GitHub's time"]
    headline: str
    details: list[str]


class ExplainShape(TypedDict):
    """`explain N --json`."""

    number: int
    url: str
    status: str
    facts: list[FactShape]
    rejected: Annotated[int, "comments that claim to be facts and are not; see `verify`"]


class WatchShape(TypedDict):
    """`watch --json`: one document a line. `fact` goes with `fact`, `text` with the others."""

    event: Annotated[Literal["fact", "closed", "trouble", "well"], "`well`: GitHub answers again"]
    number: int | None
    status: str | None
    fact: FactShape | None
    text: str | None


class SaidShape(TypedDict):
    """`approve`, `deny` and the other words, `--json`."""

    number: int
    said: Annotated[str, "the comment, such as `/approve`"]
    login: Annotated[str, "who said it"]
    comment_url: str
    answered: Annotated[Literal["fact", "words"] | None, "how Guardrail answered; null: not (yet)"]
    text: Annotated[str | None, "the answer"]
    code: Annotated[int, "the exit code"]


class ProcessShape(TypedDict):
    """One process of the running world."""

    pid: int
    alive: bool
    mb: Annotated[float | None, "resident memory"]


class ContainerShape(TypedDict):
    """One container as the engine says it."""

    name: str
    status: str
    health: Annotated[str, "healthy, unhealthy, starting, or none: it has no check"]


class StatusShape(TypedDict):
    """`status --json`."""

    state: str
    supervisor: int
    dashboard: Annotated[str | None, "its address"]
    processes: dict[str, ProcessShape]
    containers: list[ContainerShape]
    incidents: list[IncidentShape]
    troubles: Annotated[list[str], "empty when all is well"]


class FindingShape(TypedDict):
    """`doctor --json` is a list of these."""

    id: Annotated[str, "docs/doctor.md has a section of this name"]
    about: Annotated[str, "which one, where there may be several: a process, a role"]
    ok: bool
    severity: Annotated[Literal["ok", "note", "bad"], "`bad` makes the exit code 3"]
    said: Annotated[str, "what was seen"]
    why: Annotated[str, "why it matters; empty when ok"]
    fix: Annotated[str, "one line that mends it; empty when ok"]


class SettingShape(TypedDict):
    """One setting."""

    name: str
    variable: str
    value: Annotated[str | None, "as text; null: not set; secrets are `set`, never shown"]
    origin: Annotated[str, "default, environment, command line, up (the running world), or the file it was read from"]
    secret: bool
    about: Annotated[str, "meaning, unit and default"]


class ConfigShape(TypedDict):
    """`config show --json`."""

    settings: list[SettingShape]
    policy: PolicyShape


class PolicyShape(TypedDict):
    """The policy file."""

    file: str
    sha256: Annotated[str | None, "of the policy as Guardrail rules by it; null: it cannot be used"]
    trouble: str | None


class FrozenShape(TypedDict):
    """`freeze --json` and `unfreeze --json`."""

    frozen: bool
    urls: Annotated[list[str], "of the switch, or of what was closed"]


class LabelShape(TypedDict):
    """One label that differs."""

    name: str
    was: Annotated[str | None, "its name there; null: it is not there"]
    color: str
    description: str


class LabelsShape(TypedDict):
    """`labels --json`."""

    synced: bool
    same: int
    changes: list[LabelShape]


class VerifyFactShape(TypedDict):
    """One accepted fact."""

    seq: int
    kind: str
    move: str
    by: str
    at: str
    posted_at: str
    comment_id: Annotated[int, "0: the issue's body"]
    sha256: str
    text_intact: bool
    fact: dict[str, Any]


class RejectedShape(TypedDict):
    """A comment that claims to be a fact and is not."""

    comment_id: int
    reason: str


class VerifyShape(TypedDict):
    """`verify N --json`."""

    repo: str
    number: int
    status: str
    whole: bool
    facts: list[VerifyFactShape]
    rejected: list[RejectedShape]
    gaps: list[str]


class RungShape(TypedDict, total=False):
    """One rung of the trust ladder; the fields of `Standing` besides."""

    service: str
    cause: str
    verb: str
    successes: int
    failures: int
    undone: int
    refusals: int
    decides: Annotated[str, "who decides about it now"]


class TrustShape(TypedDict):
    """`trust --json`."""

    since: str
    rungs: list[RungShape]


class FaredShape(TypedDict):
    """How one service fared. Times in seconds; null where nothing was closed."""

    service: Annotated[str, "empty: all of them"]
    firings: int
    worked: int
    recovered: int
    actions: int
    refusals: int
    ineffective: int
    mttd_s: float | None
    mtta_s: float | None
    mttr_s: float | None


class ReportShape(TypedDict):
    """`report --json`."""

    since: str
    all: FaredShape
    services: list[FaredShape]


class HeldShape(TypedDict):
    """Something that nothing but the wish for a person's approval held back."""

    issue: int
    url: str
    service: str
    cause: str
    verb: str
    target: str
    asked_at: str
    came: Annotated[str, "what came first: waiting, approved, denied, recovered or overtaken"]
    after_s: Annotated[float | None, "from the question to that"]
    helped: Annotated[bool | None, "of what was approved, as verified"]


class WouldShape(TypedDict):
    """`report --would --json`."""

    since: str
    held_back: list[HeldShape]


class InitPullShape(TypedDict):
    """The pull request that `init` opened."""

    number: int
    url: str
    branch: str


class InitShape(TypedDict):
    """`init --json`."""

    repo: str
    account: str
    services: list[str]
    new: Annotated[list[str], "paths"]
    kept: Annotated[list[str], "paths that are there already"]
    env: Annotated[str | None, "the file that the fleet is started with; null in a dry run"]
    pull: Annotated[InitPullShape | None, "null: nothing is missing, or a dry run"]


class KnowledgeShape(TypedDict):
    """`memory status --json`."""

    chroma: str
    repository: str
    embedding: str
    other_embeddings: list[str]
    horizon_s: float
    documents: Annotated[dict[str, int], "kind to how many are in the index"]
    missing: int
    missing_episodes: Annotated[int, "how many of them are episodes of incidents"]
    to_drop: int
    unsound: int


class SimilarShape(TypedDict):
    """`memory similar --json` is a list of these, the best first."""

    id: str
    kind: Annotated[str, "incident, runbook, doc or code"]
    score: float
    similarity: float
    title: str
    service: str
    symptom: str
    cause: str
    ending: str
    issue: int | None
    source: str
    proof: str
    at: str
    text: str


class DecisionShape(TypedDict):
    """One fact, decided again."""

    seq: int
    by: str
    move: str
    verdict: Annotated[str, "same, differs, refused or not here"]
    then: str
    now: str
    differs: list[DifferenceShape]


class DifferenceShape(TypedDict):
    """One field of a decision that came out otherwise."""

    field: str
    then: str
    now: str


class ReplayShape(TypedDict):
    """`replay --json`."""

    repo: str
    number: int
    status: str
    whole: bool
    gaps: list[str]
    about: list[str]
    facts: list[DecisionShape]
    not_as_accepted: list[str]


class ProofShape(TypedDict):
    """One piece of evidence of `rca`."""

    id: str
    kind: str
    summary: str
    sha256: str
    trace_id: Annotated[str, "empty: none"]
    span_id: str
    verbatim: dict[str, Any]


class SuspectShape(TypedDict):
    """One suspect of `rca`, the likeliest first."""

    service: str
    operation: Annotated[str, "empty: the service as a whole"]
    instance: str
    cause: str
    probability: float
    evidence: list[ProofShape]


class SetAsideShape(TypedDict):
    """Spans that `rca` did not use, by why."""

    corrupt: int
    duplicates: int
    orphans: int
    cycles: int
    skewed: int


class RcaShape(TypedDict):
    """`rca --json`."""

    ranked: list[SuspectShape]
    unknown: bool
    because: str
    none_probability: Annotated[float, "that it is none of them"]
    missing: list[str]
    spans: int
    set_aside: SetAsideShape
    seconds: float
    seconds_reading: float


class DeployShape(TypedDict):
    """`deploy --json`."""

    sha: str
    state: Annotated[Literal["success", "failure", "superseded", "stopped"], "`superseded`: a newer commit came first"]
    text: Annotated[str, "as it stands on the commit"]
    touched: Annotated[list[str], "containers that were made anew"]


class CheckShape(TypedDict):
    """One check of a proof."""

    name: str
    ok: Annotated[bool | None, "null: nothing is claimed"]
    detail: str


class ProvedShape(TypedDict):
    """`verify-jules-pr --json`."""

    pull: int
    head: Annotated[str, "the commit that was looked at"]
    incident: Annotated[int, "the issue that the pull request names"]
    verdict: Annotated[Literal["proved", "unverified", "refuted"], "`proved` alone makes the exit code 0"]
    checks: list[CheckShape]


class ActShape(TypedDict):
    """What the witnesses of `demo` saw of one fault. Times are seconds after it; null: not seen."""

    fault: Annotated[str, "`none`: a quiet time, in which nothing may be touched"]
    service: Annotated[str, "before or after, where the fault is `none`"]
    issue: int | None
    detected: float | None
    acted: Annotated[float | None, "restarted, or merged"]
    healthy: float | None
    verified: float | None
    closed: float | None
    restarts: Annotated[dict[str, int], "container to how often"]
    pulls: Annotated[int | None, "pull requests"]
    writes: Annotated[int | None, "requests that changed something on the forge; null: GitHub does not tell"]
    comments: int | None
    wrong: Annotated[list[str], "empty: as it should be"]


class MemoryShape(TypedDict):
    """What one worker takes. null: it was gone."""

    rss: float | None
    own: Annotated[float | None, "shared pages divided among those who share them"]


class DemoShape(TypedDict):
    """What `demo --json FILE` writes to FILE."""

    results: Annotated[list[ActShape], "in the order in which they were played"]
    fleet_mb: Annotated[dict[str, MemoryShape], "by worker"]
    took_s: float


STABLE: Final[dict[str, Any]] = {
    "status": StatusShape,
    "incidents": IncidentsShape,
    "watch": WatchShape,
    "explain": ExplainShape,
    "approve": SaidShape,
    "freeze": FrozenShape,
    "unfreeze": FrozenShape,
    "doctor": list[FindingShape],
    "config show": ConfigShape,
    "labels": LabelsShape,
    "verify": VerifyShape,
    "trust": TrustShape,
    "report": ReportShape,
    "init": InitShape,
    "memory status": KnowledgeShape,
    "memory similar": list[SimilarShape],
    "deploy": DeployShape,
    "verify-jules-pr": ProvedShape,
    "demo": DemoShape,
    "replay": ReplayShape,
    "rca": RcaShape,
}
"""Command to the shape of its `--json`. Every word of people has that of `approve`."""
