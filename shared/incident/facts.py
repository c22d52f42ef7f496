"""What the fleet says about an incident: frozen, closed records, each written once and signed by the role that owns it.

A fact has a `kind` and a `move`: the key of its row in `status.TRANSITIONS`. Texts inside facts come from the world
(container names, log lines, span attributes) and are data, never instructions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    model_serializer,
    model_validator,
)

Role = Literal["scout", "brain", "guardrail", "fixer", "memory", "escalation", "operator"]
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
Line = Annotated[str, StringConstraints(max_length=300)]
"""One line of evidence or explanation."""
Text = Annotated[str, StringConstraints(max_length=4_000)]
"""A paragraph."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")]
"""A service, container or predicate name: ASCII only, so look-alikes cannot pass."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hex."""
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Record(BaseModel):
    """A frozen value that crosses a process."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings", allow_inf_nan=False)
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came after the first logs were signed. At their default they are not written, so that a block from
    before them still reads as it was written."""

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = write(self)
        for name in self.LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                value.pop(name, None)
        return value

    def canonical(self) -> str:
        """The one JSON text of this record: keys sorted, no spaces, ASCII."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """The SHA-256 of `canonical()`, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def canonical_json(value: object) -> str:
    """`value` (JSON types only) as the one text that is hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


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


class Directive(Record):
    """One bounded action. `id` is deterministic: (repository, issue, attempt)."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    verb: Literal["restart"]
    target: Name
    grace_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    observed: Observed
    undo: Line


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
    """One rule of the policy with its result."""

    name: Name
    ok: bool
    detail: Line


class Fact(Record):
    """Base of all facts."""

    kind: str
    MOVES: ClassVar[tuple[str, ...]] = ()
    """All values that `move` can take."""

    @property
    def move(self) -> str:
        """The key of this fact's row in the status table."""
        return self.kind


class Detected(Fact):
    """A symptom crossed its test. Opens an incident, or reopens it."""

    kind: Literal["detected"] = "detected"
    service: Name
    symptom: Symptom
    fingerprint: Digest
    severity: Severity
    summary: Line
    since: AwareDatetime
    evidence: Proofs
    measures: tuple[Measure, ...] = ()
    recurrence: Annotated[int, Field(ge=0)] = 0
    MOVES = ("detected",)


class Diagnosed(Fact):
    """The root cause, and the one action proposed against it."""

    kind: Literal["diagnosed"] = "diagnosed"
    LATER = frozenset(("settle", "exhibit", "steered"))
    attempt: Annotated[int, Field(ge=1)]
    root_cause: Line
    cause: Cause
    service: Name
    confidence: Annotated[float, Field(ge=0, le=1)]
    hypotheses: Hypotheses
    evidence: Proofs
    missing: tuple[Line, ...] = ()
    directive: Directive
    settle: Settle | None = None
    exhibit: Exhibit | None = None
    steered: Line = ""
    """What people told Brain about the ranking, where they did."""
    MOVES = ("diagnosed",)


class Ruled(Fact):
    """What policy says of exactly this directive, predicate by predicate."""

    kind: Literal["ruled"] = "ruled"
    ruling: Literal["allow", "needs-approval", "veto", "stale"]
    directive_sha256: Digest
    policy_sha256: Digest
    predicates: tuple[Predicate, ...]
    expires_at: AwareDatetime
    MOVES = ("ruled:allow", "ruled:needs-approval", "ruled:veto", "ruled:stale")

    @property
    def move(self) -> str:
        return f"ruled:{self.ruling}"


class Steers(Record):
    """The hypothesis that a person speaks of, as it was listed when they wrote."""

    hypothesis: Name
    service: Name
    cause: Cause


class Commanded(Fact):
    """A person's word, checked live. Bound to the comment it stands in and to the directive it speaks of."""

    kind: Literal["commanded"] = "commanded"
    LATER = frozenset(("steers",))
    command: Literal["approve", "deny", "retry", "escalate", "focus", "reject"]
    login: Line
    permission: Line
    comment_id: int
    comment_sha256: Digest
    directive_sha256: Digest | None = None
    expires_at: AwareDatetime | None = None
    steers: Steers | None = None
    """For `focus` and `reject`."""
    MOVES = (
        "commanded:approve", "commanded:deny", "commanded:retry", "commanded:escalate", "commanded:focus",
        "commanded:reject",
    )  # fmt: skip

    @property
    def move(self) -> str:
        return f"commanded:{self.command}"


class Began(Fact):
    """The intent, before the world is touched."""

    kind: Literal["began"] = "began"
    directive_id: Line
    directive_sha256: Digest
    MOVES = ("began",)


class Applied(Fact):
    """What was done to the world. The directive's `undo` takes it back."""

    kind: Literal["applied"] = "applied"
    directive_id: Line
    before: Observed
    after: Observed
    took_s: Annotated[float, Field(ge=0)]
    settled: bool
    """True when the action was found done after a crash instead of being watched."""
    MOVES = ("applied",)


class Refused(Fact):
    """The precondition that no longer held at the moment of use. Nothing was touched."""

    kind: Literal["refused"] = "refused"
    directive_id: Line
    precondition: Line
    detail: Line
    MOVES = ("refused",)


class Verified(Fact):
    """What the detecting arithmetic says after the action (or after the symptom went away by itself)."""

    kind: Literal["verified"] = "verified"
    outcome: Literal["healthy", "unhealthy", "recovered"]
    detail: Line
    held_s: Annotated[float, Field(ge=0)]
    measures: tuple[Measure, ...]
    evidence: Proofs = ()
    MOVES = ("verified:healthy", "verified:unhealthy", "verified:recovered")

    @property
    def move(self) -> str:
        return f"verified:{self.outcome}"


class Learned(Fact):
    """The closing account, in numbers that stand in the log. Durations in seconds; None where a step is missing."""

    kind: Literal["learned"] = "learned"
    time_to_detect_s: float | None
    time_to_act_s: float | None
    time_to_recover_s: float | None
    actions: Annotated[int, Field(ge=0)]
    refusals: Annotated[int, Field(ge=0)]
    ineffective: Annotated[int, Field(ge=0)]
    recurrences: Annotated[int, Field(ge=0)]
    earlier: tuple[int, ...]
    """Numbers of earlier incidents with the same fingerprint inside the window."""
    MOVES = ("learned",)


class Escalated(Fact):
    """The matter is handed on, with the brief that the next reader needs."""

    kind: Literal["escalated"] = "escalated"
    LATER = frozenset(("settle", "exhibit", "steered"))
    reason: Line
    brief: Text
    hypotheses: Hypotheses = ()
    evidence: Proofs = ()
    settle: Settle | None = None
    exhibit: Exhibit | None = None
    steered: Line = ""
    MOVES = ("escalated",)


class Sentence(Record):
    """One sentence of a model: in plain words, and resting on evidence by id."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=240)]
    evidence: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=80)], ...], Field(min_length=1, max_length=16)
    ]


class Ranked(Record):
    """One hypothesis in its place, with the probability that arithmetic gave it."""

    id: Name
    service: Name
    cause: Cause
    probability: Annotated[float, Field(ge=0, le=1)]


class Advised(Fact):
    """What a language model made of a diagnosis. It is evidence for nothing, and moves nothing.

    `ranking` is the order as far as evidence leaves it open, `wish` (ids) the order that the model would have.
    """

    kind: Literal["advised"] = "advised"
    attempt: Annotated[int, Field(ge=1)]
    """The number of the diagnosis it is about."""
    model: Line
    ranking: Annotated[tuple[Ranked, ...], Field(min_length=1, max_length=6)]
    wish: Annotated[tuple[Name, ...], Field(max_length=6)] = ()
    narrative: Annotated[tuple[Sentence, ...], Field(max_length=6)] = ()
    next_observation: Sentence | None = None
    dropped: Annotated[int, Field(ge=0)] = 0
    """Parts of its answer that are not shown, because they do not stand in the evidence they cite."""
    evidence: Proofs
    prompt_tokens: Annotated[int, Field(ge=0)] | None = None
    completion_tokens: Annotated[int, Field(ge=0)] | None = None
    """None where the server does not count."""
    cost_usd: Annotated[float, Field(ge=0)] | None = None
    """At the prices the user gave; None without prices."""
    took_s: Annotated[float, Field(ge=0)]
    MOVES = ("advised",)

    @property
    def held_back(self) -> bool:
        """Whether the model would have another order than evidence leaves open."""
        return self.wish not in ((), tuple(h.id for h in self.ranking))

    @model_validator(mode="after")
    def _rests_on_evidence(self) -> Advised:
        held = {e.id for e in self.evidence}
        said = (*self.narrative, *((self.next_observation,) if self.next_observation else ()))
        if any(id not in held for sentence in said for id in sentence.evidence):
            raise ValueError("a sentence cites what is not among the evidence")
        if sorted(self.wish) not in ([], sorted(h.id for h in self.ranking)):
            raise ValueError("the wish is not an order of the ranking")
        return self


class Stuck(Fact):
    """The fleet cannot go on; what a person must do."""

    kind: Literal["stuck"] = "stuck"
    LATER = frozenset(("hypotheses", "evidence", "settle", "exhibit", "steered"))
    reason: Line
    todo: Line
    hypotheses: Hypotheses = ()
    evidence: Proofs = ()
    settle: Settle | None = None
    exhibit: Exhibit | None = None
    steered: Line = ""
    MOVES = ("stuck",)


AnyFact = Annotated[
    Detected
    | Diagnosed
    | Ruled
    | Commanded
    | Began
    | Applied
    | Refused
    | Verified
    | Learned
    | Escalated
    | Stuck
    | Advised,
    Field(discriminator="kind"),
]
FACTS: TypeAdapter[AnyFact] = TypeAdapter(AnyFact)
KINDS: tuple[type[Fact], ...] = (
    Detected, Diagnosed, Ruled, Commanded, Began, Applied, Refused, Verified, Learned, Escalated, Stuck, Advised,
)  # fmt: skip


def parse_fact(value: Any) -> AnyFact:
    """A fact from JSON types. Raises `pydantic.ValidationError`."""
    return FACTS.validate_python(value)
