"""What the fleet says about an incident: frozen, closed records, each written once and signed by the role that owns it.

A fact has a `kind` and a `move`: the key of its row in `status.TRANSITIONS`. Texts inside facts come from the world
(container names, log lines, span attributes) and are data, never instructions.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints, TypeAdapter, model_validator

from shared.incident.change import Sha
from shared.incident.parts import (
    Cause,
    Directive,
    Exhibit,
    Hypotheses,
    Measure,
    Observed,
    Predicate,
    Proofs,
    Settle,
    Severity,
    Symptom,
)
from shared.incident.record import Digest, Line, Name, Record, Text, Tier3
from shared.incident.situation import Situation

Lines = Annotated[tuple[Line, ...], Field(max_length=8)]


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
    LATER = frozenset(("settle", "exhibit", "steered", "remembered", "frozen"))
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
    remembered: Lines = ()
    """What was tried against this cause in this service before, and what came of it."""
    frozen: Digest | None = None
    """The SHA-256 of the frozen case: what Brain had looked at, as its host keeps it (agents/brain/frozen.py)."""
    MOVES = ("diagnosed",)


class Ruled(Fact):
    """What policy says of exactly this directive, predicate by predicate."""

    kind: Literal["ruled"] = "ruled"
    LATER = frozenset(("situation",))
    ruling: Literal["allow", "needs-approval", "veto", "stale"]
    directive_sha256: Digest
    policy_sha256: Digest
    predicates: tuple[Predicate, ...]
    expires_at: AwareDatetime
    situation: Situation | None = None
    """What was ruled on besides the directive; None where it is too large for a comment."""
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
    LATER = frozenset(("steers", "silences", "edit", "to"))
    command: Literal["approve", "deny", "retry", "escalate", "focus", "reject", "undo", "silence"]
    login: Line
    permission: Line
    comment_id: int
    comment_sha256: Digest
    directive_sha256: Digest | None = None
    expires_at: AwareDatetime | None = None
    steers: Steers | None = None
    """For `focus` and `reject`."""
    silences: Annotated[tuple[Name, ...], Field(max_length=4)] = ()
    """For `silence`: the services that nothing is done to until `expires_at`; without that, any more."""
    edit: Line = ""
    """For a ticked box instead of a comment (`comment_id` 0): GitHub's id of the edit, whose body is hashed."""
    to: Tier3 | None = None
    """For `escalate`: who is asked first; None: whoever is first in the settings."""
    MOVES = (
        "commanded:approve", "commanded:deny", "commanded:retry", "commanded:escalate", "commanded:focus",
        "commanded:reject", "commanded:undo", "commanded:silence",
    )  # fmt: skip

    @model_validator(mode="after")
    def _said_somewhere(self) -> Commanded:
        if bool(self.edit) == bool(self.comment_id) or (self.edit and self.command != "approve"):
            raise ValueError("a command stands in a comment, or it is a box ticked to approve")
        if self.to is not None and self.command != "escalate":
            raise ValueError("only an escalation is to somebody")
        return self

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
    """A container was restarted. The directive's `undo` takes it back."""

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


class Proposed(Fact):
    """A pull request is open. `changes` is what it means, one line each; `files` what it touches."""

    kind: Literal["proposed"] = "proposed"
    directive_id: Line
    number: Annotated[int, Field(ge=1)]
    link: Annotated[str, StringConstraints(max_length=500)]
    branch: Line
    base_sha: Sha
    head_sha: Sha
    files: Annotated[tuple[Line, ...], Field(max_length=50)]
    changes: Annotated[tuple[Line, ...], Field(max_length=50)]
    MOVES = ("proposed",)


class Proved(Fact):
    """What came of the checks of a pull request at exactly `head_sha`, and who may merge it.

    `proved`: the reproduction failed on the base and passes on the head, and so do the repository's tests, unless they
    fail on the base too or there are none. `unverified`: nothing speaks against it, and something was not shown.
    `refuted`: a check failed. Only `proved` is ever merged without a person.
    """

    kind: Literal["proved"] = "proved"
    directive_id: Line
    number: Annotated[int, Field(ge=1)]
    head_sha: Sha
    verdict: Literal["proved", "unverified", "refuted"]
    merge: Literal["policy", "person", "nobody"]
    """Who lets it be merged: the policy that ruled, a person, or nobody because it is refuted."""
    checks: Annotated[tuple[Predicate, ...], Field(max_length=30)]
    directive: Directive | None = None
    """For a pull request of others: the directive to merge it, which Guardrail rules on."""
    MOVES = ("proved:policy", "proved:person", "proved:nobody", "proved:others")

    @model_validator(mode="after")
    def _only_what_is_proved(self) -> Proved:
        if (self.merge == "nobody") != (self.verdict == "refuted"):
            raise ValueError("what is refuted, and nothing else, is merged by nobody")
        if self.merge == "policy" and self.verdict != "proved":
            raise ValueError("only what is proved is merged without a person")
        if self.directive is not None and (self.directive.verb != "merge-pull" or self.merge == "nobody"):
            raise ValueError("a directive here merges what is not refuted")
        return self

    @property
    def move(self) -> str:
        return "proved:others" if self.directive is not None else f"proved:{self.merge}"


class Merged(Fact):
    """The default branch has the change. `by` is the login that merged."""

    kind: Literal["merged"] = "merged"
    directive_id: Line
    number: Annotated[int, Field(ge=1)]
    head_sha: Sha
    merge_sha: Sha
    by: Line
    MOVES = ("merged",)


class Deployed(Fact):
    """What the deployer reported of the commit that the merge made."""

    kind: Literal["deployed"] = "deployed"
    directive_id: Line
    sha: Sha
    outcome: Literal["running", "failed"]
    detail: Line
    took_s: Annotated[float, Field(ge=0)]
    """From the merge to the report, by GitHub's clock."""
    MOVES = ("deployed:running", "deployed:failed")

    @property
    def move(self) -> str:
        return f"deployed:{self.outcome}"


class Undone(Fact):
    """A merged change was taken back by another merged pull request."""

    kind: Literal["undone"] = "undone"
    directive_id: Line
    why: Literal["ineffective", "commanded"]
    number: Annotated[int, Field(ge=1)]
    merge_sha: Sha
    detail: Line
    MOVES = ("undone:ineffective", "undone:commanded")

    @property
    def move(self) -> str:
        return f"undone:{self.why}"


class Dispatched(Fact):
    """A Tier-3 backend works on it. `brief_sha256` is over the brief it was given; `todo` is for people."""

    kind: Literal["dispatched"] = "dispatched"
    LATER = frozenset(("todo",))
    backend: Name
    session: Line
    link: Annotated[str, StringConstraints(max_length=500)] | None = None
    attempt: Annotated[int, Field(ge=1)]
    brief_sha256: Digest
    todo: Line = ""
    MOVES = ("dispatched",)


class Planned(Fact):
    """What a Tier-3 backend means to do. It waits for a person's /approve, bound to `plan_sha256`."""

    kind: Literal["planned"] = "planned"
    backend: Name
    session: Line
    plan: Text
    plan_sha256: Digest
    MOVES = ("planned",)


class Returned(Fact):
    """A Tier-3 backend has given up, or what it made was refuted; the next one, or a person, goes on."""

    kind: Literal["returned"] = "returned"
    backend: Name
    session: Line
    reason: Line
    MOVES = ("returned",)


class Verified(Fact):
    """What the detecting arithmetic says after the action (or after the symptom went away by itself).

    `ineffective` is for a merged change that did not heal, or after which something else got worse: it is taken back.
    """

    kind: Literal["verified"] = "verified"
    outcome: Literal["healthy", "unhealthy", "recovered", "ineffective"]
    detail: Line
    held_s: Annotated[float, Field(ge=0)]
    measures: tuple[Measure, ...]
    evidence: Proofs = ()
    MOVES = ("verified:healthy", "verified:unhealthy", "verified:recovered", "verified:ineffective")

    @property
    def move(self) -> str:
        return f"verified:{self.outcome}"


class Learned(Fact):
    """The closing account, in numbers that stand in the log. Durations from the onset, in seconds; None where a step is
    missing."""

    kind: Literal["learned"] = "learned"
    LATER = frozenset(("time_to_acknowledge_s",))
    time_to_detect_s: float | None
    time_to_acknowledge_s: float | None = None
    """Until somebody, of the fleet or a person, said something about it."""
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
    LATER = frozenset(("settle", "exhibit", "steered", "remembered", "frozen"))
    reason: Line
    brief: Text
    hypotheses: Hypotheses = ()
    evidence: Proofs = ()
    settle: Settle | None = None
    exhibit: Exhibit | None = None
    steered: Line = ""
    remembered: Lines = ()
    frozen: Digest | None = None
    """As in `Diagnosed`."""
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
    LATER = frozenset(("hypotheses", "evidence", "settle", "exhibit", "steered", "frozen"))
    reason: Line
    todo: Line
    hypotheses: Hypotheses = ()
    evidence: Proofs = ()
    settle: Settle | None = None
    exhibit: Exhibit | None = None
    steered: Line = ""
    frozen: Digest | None = None
    """As in `Diagnosed`."""
    MOVES = ("stuck",)


AnyFact = Annotated[
    Detected
    | Diagnosed
    | Ruled
    | Commanded
    | Began
    | Applied
    | Refused
    | Proposed
    | Proved
    | Merged
    | Deployed
    | Undone
    | Verified
    | Learned
    | Escalated
    | Dispatched
    | Planned
    | Returned
    | Stuck
    | Advised,
    Field(discriminator="kind"),
]
FACTS: TypeAdapter[AnyFact] = TypeAdapter(AnyFact)
KINDS: tuple[type[Fact], ...] = (
    Detected, Diagnosed, Ruled, Commanded, Began, Applied, Refused, Proposed, Proved, Merged, Deployed, Undone,
    Verified, Learned, Escalated, Dispatched, Planned, Returned, Stuck, Advised,
)  # fmt: skip


def parse_fact(value: Any) -> AnyFact:
    """A fact from JSON types. Raises `pydantic.ValidationError`."""
    return FACTS.validate_python(value)
