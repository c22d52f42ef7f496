"""The parts that facts are made of: evidence, numbers, hypotheses, and the one bounded action."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.incident.change import Order, Sha
from shared.incident.record import Digest, Line, Name, Record, TraceId

Severity = Literal["critical", "major", "minor"]
Cause = Literal[
    "oom", "crash", "hang", "cpu", "slow", "network", "slow-dependency", "dependency", "errors", "early-return",
    "business-rule", "bad-deploy", "saturation", "unknown",
]  # fmt: skip
"""`slow`: its own time has grown, of whatever; `cpu` only where a gauge says so. `dependency`: something that is not
traced is down; `slow-dependency`: it is slow."""
Symptom = Literal["oom", "crash", "unresponsive", "errors", "latency", "conversion", "alert"]
"""What was seen. The first three are one class, unavailable: while one of them is open a service is down once, so the
others fold into it; after it is closed they are different fingerprints. The last is what a rule outside of the fleet
says is wrong, whatever that is."""
EvidenceKind = Literal["container", "event", "probe", "trace", "stream", "commit", "incident", "metric", "log"]
UNAVAILABLE: Final[frozenset[Symptom]] = frozenset(("oom", "crash", "unresponsive"))


class Evidence(Record):
    """Something that was seen. `sha256` is over the verbatim observation; `summary` is what a person reads of it."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    kind: EvidenceKind
    summary: Line
    sha256: Digest
    link: Annotated[str, StringConstraints(max_length=500)] | None = None
    trace_id: TraceId | None = None


class Measure(Record):
    """One number before and during (or after), in `unit` (`s`, `ms`, `ratio`, `1/s`, `count`)."""

    name: Line
    before: float | None
    after: float | None
    unit: Line
    samples: int = 0


class Observed(Record):
    """The state of a container that a directive was made for, as the engine said it, verbatim."""

    container_id: Line
    started_at: Line
    image: Line


Verb = Literal["restart", "revert-commit", "set-memory", "set-replicas", "set-config", "set-flag", "merge-pull"]


class Directive(Record):
    """One bounded action. `id` is deterministic: (repository, issue, attempt).

    A restart holds for the container as `observed`; every other verb is a `change` of the repository and holds for the
    default branch as it was at `base`.
    """

    LATER = frozenset(("change", "base"))
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    verb: Verb
    target: Name
    grace_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    observed: Observed | None
    undo: Line
    change: Order | None = None
    base: Sha | None = None

    @model_validator(mode="after")
    def _whole(self) -> Directive:
        if self.verb == "restart":
            if self.observed is None or self.change is not None or self.base is not None:
                raise ValueError("a restart is for a container as observed, and changes nothing else")
        elif self.change is None or self.base is None or self.change.verb != self.verb:
            raise ValueError(f"{self.verb} needs its change and the commit it was decided on")
        return self

    @property
    def container(self) -> Observed:
        """What a restart is for. Raises ValueError for every other verb."""
        if self.observed is None:
            raise ValueError(f"{self.verb} is not for a container")
        return self.observed


class Vote(Record):
    """What one analyst holds of one hypothesis. `nats`: log-likelihood ratio against "unknown"; below 0 it dissents."""

    analyst: Name
    nats: Annotated[float, Field(ge=-20, le=20)]
    why: Annotated[str, StringConstraints(max_length=160)] = ""


class Hypothesis(Record):
    """One explanation, with what speaks for it. `probability` is computed over the listed hypotheses."""

    LATER = frozenset(("votes",))
    id: Name
    service: Name
    cause: Cause
    probability: Annotated[float, Field(ge=0, le=1)]
    why: Line
    evidence: Annotated[tuple[Annotated[str, StringConstraints(max_length=80)], ...], Field(max_length=8)]
    votes: Annotated[tuple[Vote, ...], Field(max_length=10)] = ()


class Settle(Record):
    """The cheapest observation that would tell two hypotheses (by id) apart. Nobody has made it yet."""

    between: tuple[Name, Name]
    observation: Line
    cost: Literal["look", "query", "probe", "ask"]
    """Cheapest first: something to read, a query to run, a request to make, a person to ask."""


class Exhibit(Record):
    """The worst trace beside a normal one, as text: a trace store forgets. `normal` is empty where there was none."""

    difference: Line
    worst: Annotated[str, StringConstraints(max_length=4_000)]
    worst_trace_id: TraceId
    normal: Annotated[str, StringConstraints(max_length=2_500)] = ""
    normal_trace_id: TraceId | None = None
    sha256: Digest
    """Over `[worst, normal, difference]` as canonical JSON."""


Proofs = Annotated[tuple[Evidence, ...], Field(max_length=40)]
"""Bounded, so that a fact fits a comment, if need be in its compact form (`codec.compact`)."""
Hypotheses = Annotated[tuple[Hypothesis, ...], Field(max_length=6)]


class Predicate(Record):
    """One rule of the policy, or one check of a proof, with its result."""

    name: Name
    ok: bool | None
    """None: nothing is claimed, neither that it holds nor that it fails; `detail` says why. A rule always claims."""
    detail: Line
