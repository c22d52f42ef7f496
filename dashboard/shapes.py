"""What the page is given, as JSON types: docs/dashboard.md describes the same shapes. Times are RFC 3339 in UTC.

Every text may hold words of the world: it is data, shown as text and never as markup.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypedDict

from shared.incident.stages import State

Health = Literal["ok", "bad", "unknown"]


class Stage(TypedDict):
    """One lane of an incident. `took_s`: seconds since the stage before it, by GitHub's clock (whole seconds)."""

    stage: str
    state: State
    at: str | None
    took_s: float | None
    by: str | None
    note: str


class Cause(TypedDict):
    text: str
    confidence: float


class Action(TypedDict):
    """The directive in force, or the last one of the firing. `digest` (SHA-256) is what an approval is bound to."""

    verb: str
    target: str
    text: str
    digest: str


class Card(TypedDict):
    """One incident in a lane. `status` without "Status: "; `can`: the commands that fit now."""

    number: int
    url: str
    title: str
    service: str
    symptom: str
    severity: str
    status: str
    closed: bool
    held: bool
    whole: bool
    since: str
    opened_at: str | None
    updated_at: str
    recurrence: int
    summary: str
    cause: Cause | None
    action: Action | None
    waiting: str
    can: list[str]
    stages: list[Stage]


class FactRow(TypedDict):
    seq: int
    kind: str
    move: str
    by: str
    at: str
    posted_at: str
    headline: str
    lines: list[str]
    url: str


class RejectedRow(TypedDict):
    comment_url: str
    reason: str


class HypothesisRow(TypedDict):
    id: str
    service: str
    cause: str
    text: str
    probability: float
    evidence: list[str]


class EvidenceRow(TypedDict):
    id: str
    source: str
    summary: str
    sha256: str | None
    trace_id: str | None
    url: str | None


class Rule(TypedDict):
    name: str
    ok: bool | None
    detail: str


class WhyNot(TypedDict):
    ruling: str
    expires_at: str | None
    predicates: list[Rule]


class PullRow(TypedDict):
    """`state`: proposed, proved, refuted, unverified, merged or undone."""

    number: int
    url: str
    state: str
    checks: list[Rule]


class Word(TypedDict):
    login: str
    at: str
    text: str


class Detail(TypedDict):
    card: Card
    facts: list[FactRow]
    rejected: list[RejectedRow]
    hypotheses: list[HypothesisRow]
    evidence: list[EvidenceRow]
    why_not: WhyNot | None
    pulls: list[PullRow]
    words: list[Word]


class Switch(TypedDict):
    """The freeze switch. Unreadable counts as frozen; `readable` says so."""

    frozen: bool
    why: str
    url: str | None
    readable: bool


_Span = TypedDict("_Span", {"from": str})
"""Of the first number; `from` is no name in Python."""


class Curves(_Span):
    """One number each `step_s` seconds; a missing one is null."""

    step_s: int
    p50_ms: list[float | None]
    rate: list[float | None]
    errors: list[float | None]


class Trade(_Span):
    """What customers did, counted by second; null before anybody listened."""

    step_s: int
    requested: list[float | None]
    purchased: list[float | None]
    refused: list[float | None]


class Vital(TypedDict):
    """`errors`: share 0..1 of failed requests; `rate`: requests a second; `p50_ms`: a service's own time, calls left
    out."""

    service: str
    health: Health
    detail: str
    p50_ms: float | None
    rate: float | None
    errors: float | None


class Service(TypedDict):
    name: str
    health: Health
    detail: str
    at: str | None
    series: Curves | None


class Beat(TypedDict):
    agent: str
    ok: bool
    at: str | None
    age_s: float | None
    detail: str


class Source(TypedDict):
    name: Literal["github", "kafka", "traces"]
    ok: bool
    detail: str
    at: str


class Budget(TypedDict):
    name: str
    used: int
    of: int
    window_s: float
    scope: Literal["service", "fleet", "github"]
    detail: str


class TrustRow(TypedDict):
    service: str
    cause: str
    verb: str
    standing: str
    helped: int
    failed: int
    undone: int


class Day(TypedDict):
    """Means in seconds over the incidents that were closed that day, UTC; null where nothing was measured."""

    day: str
    closed: int
    mttd_s: float | None
    mtta_s: float | None
    mttr_s: float | None


class Thought(TypedDict):
    at: str
    incident: int | None
    agent: str
    text: str


class Letter(TypedDict):
    at: str
    origin: str
    reason: str


class Spoken(TypedDict):
    """One command: the least permission (`read`, `write`) that may use it, an example of it, and what it does."""

    permission: str
    syntax: str
    does: str


class Board(TypedDict):
    """Everything at a glance. `live` false: a past moment, rebuilt from the logs alone. `commands`: by "/approve"."""

    at: str
    live: bool
    repo: str
    issues_url: str
    switch: Switch
    incidents: list[Card]
    counts: dict[str, int]
    services: list[Service]
    business: Trade | None
    fleet: list[Beat]
    sources: list[Source]
    budgets: list[Budget]
    trust: list[TrustRow]
    mttr: dict[str, list[Day]]
    thoughts: list[Thought]
    letters: list[Letter]
    commands: dict[str, Spoken]
    log_from: str | None


class SpanRow(TypedDict):
    service: str
    operation: str
    start_ms: float
    duration_ms: float
    depth: int
    error: bool
    critical: bool


class Waterfall(TypedDict):
    trace_id: str
    start: str
    duration_ms: float
    spans: list[SpanRow]
    left_out: int
    url: str | None


def stamp(at: datetime) -> str:
    """RFC 3339, UTC, with milliseconds where there are any."""
    utc = at.astimezone(UTC)
    text = utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds")
    return text.replace("+00:00", "Z")
