"""State is a pure fold: `replay(thread, keyring) -> Incident`. Order, duplicates and pages do not matter.

A comment counts as a fact when the fleet's account wrote it, its block is canonical, the owner of its kind signed it
for this very issue, it links to the fact before it, the table has a row for it, and it speaks of the directive in
force. Everything else is text, and is listed with the reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared.incident import pulls
from shared.incident.codec import Block, NotAFact, decode, starts_like_a_block
from shared.incident.facts import (
    Advised,
    AnyFact,
    Applied,
    Began,
    Commanded,
    Deployed,
    Detected,
    Diagnosed,
    Dispatched,
    Fact,
    Merged,
    Planned,
    Proposed,
    Proved,
    Refused,
    Returned,
    Ruled,
    Undone,
    Verified,
)
from shared.incident.parts import Directive, Hypothesis
from shared.incident.signing import Keyring
from shared.incident.status import OWNERS, TRANSITIONS, Status, may_say
from shared.incident.thread import Comment, Thread

OPENING_SKEW = timedelta(minutes=15)
"""How far the signer's clock may be from GitHub's creation time of the issue a body opens (promise 25: ±10 min)."""
GENESIS = "0" * 64
ANSWER = re.compile(r"<!-- sre-space:answer (\d{1,19}) -->\n")
"""Opens a comment of the fleet that answers a person's comment; it is no fact and moves nothing."""
F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted fact. `comment_id` is 0 for the body; `posted_at` is GitHub's time, `at` the signer's."""

    fact: AnyFact
    seq: int
    by: str
    at: datetime
    posted_at: datetime
    comment_id: int
    digest: str
    text_intact: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """A comment that claims to be a fact and is not."""

    comment_id: int
    reason: str
    harmless: bool = False
    """A stranger's text, or a truly signed twin that came second: no sign that the fleet's log was touched."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What the log of one issue says."""

    repo: str
    number: int
    url: str
    status: Status = Status.NEW
    entries: tuple[Entry, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    gaps: tuple[str, ...] = ()
    """Signed facts that name a predecessor which is not there: something was deleted or reordered."""
    labels: frozenset[str] = frozenset()
    closed: bool = False
    opened_at: datetime | None = None
    words: tuple[Comment, ...] = ()
    """What people wrote: every comment that is not by the fleet, by id."""
    answered: frozenset[int] = frozenset()
    """Ids of people's comments that a comment of the fleet answers in words."""
    frozen: bool = True
    """Whether the fleet is frozen, or the switch could not be read. Set by the reader; the log does not say it."""

    @property
    def held(self) -> bool:
        return "sre:hold" in self.labels

    @property
    def whole(self) -> bool:
        """Whether nothing in the fleet's own log was deleted, edited or forged."""
        touched = any(not r.harmless for r in self.rejected) or any(not e.text_intact for e in self.entries)
        return self.is_incident and not self.gaps and not touched

    @property
    def head(self) -> str:
        return self.entries[-1].digest if self.entries else GENESIS

    @property
    def next_seq(self) -> int:
        return self.entries[-1].seq + 1 if self.entries else 0

    def last(self, kind: type[F]) -> F | None:
        """The newest accepted fact of `kind`."""
        entry = self.last_entry(kind)
        return entry.fact if entry is not None and isinstance(entry.fact, kind) else None

    def last_entry(self, kind: type[Fact]) -> Entry | None:
        return next((e for e in reversed(self.entries) if isinstance(e.fact, kind)), None)

    def all(self, kind: type[F]) -> tuple[F, ...]:
        return tuple(e.fact for e in self.entries if isinstance(e.fact, kind))

    @property
    def detected(self) -> Detected:
        """The firing in force. Raises LookupError on an issue that is no incident."""
        found = self.last(Detected)
        if found is None:
            raise LookupError(f"issue {self.number} has no Detected fact")
        return found

    @property
    def is_incident(self) -> bool:
        return bool(self.entries)

    @property
    def directive(self) -> Directive | None:
        """The directive in force: that of the newest diagnosis or proved pull request, while its firing lasts."""
        for entry in reversed(self.entries):
            fact = entry.fact
            if isinstance(fact, Diagnosed):
                return fact.directive
            if isinstance(fact, Proved) and fact.directive is not None:
                return fact.directive
            if isinstance(fact, Detected | Refused | Verified | Undone) or steers(fact):
                return None
            if isinstance(fact, Proved) and fact.verdict == "refuted":
                return None
        return None

    @property
    def way(self) -> tuple[Entry, ...]:
        """The entries since the directive in force was given, that one first: how far it has come."""
        if self.directive is None:
            return ()
        given = (e for e in reversed(self.entries) if getattr(e.fact, "directive", None) is not None)
        return self.entries[self.entries.index(next(given)) :]

    @property
    def standing(self) -> tuple[Merged, Directive] | None:
        """The change that this incident merged last and nobody has taken back, with its directive."""
        for n, entry in reversed(tuple(enumerate(self.entries))):
            if isinstance(entry.fact, Undone):
                return None
            if isinstance(entry.fact, Merged):
                given = replace(self, entries=self.entries[:n]).directive
                return (entry.fact, given) if given is not None else None
        return None

    @property
    def plan(self) -> Planned | None:
        """What the Tier-3 session at work means to do, when it has said so."""
        for entry in reversed(self.entries):
            if isinstance(entry.fact, Planned):
                return entry.fact
            if isinstance(entry.fact, Dispatched | Returned):
                return None
        return None

    @property
    def session(self) -> Dispatched | None:
        """The Tier-3 session at work."""
        for entry in reversed(self.entries):
            if isinstance(entry.fact, Dispatched):
                return entry.fact
            if isinstance(entry.fact, Returned | Detected | Diagnosed):
                return None
        return None

    def listed(self, before: int | None = None) -> tuple[Hypothesis, ...]:
        """The hypotheses that people saw listed last: in this firing, in a comment older than `before` (its id)."""
        for entry in reversed(self.firing):
            named: tuple[Hypothesis, ...] = getattr(entry.fact, "hypotheses", ())
            if named and (before is None or entry.comment_id < before):
                return named
        return ()

    @property
    def ruling(self) -> Ruled | None:
        """The ruling on the directive in force."""
        directive, ruled = self.directive, self.last(Ruled)
        return ruled if directive and ruled and ruled.directive_sha256 == directive.digest else None

    @property
    def permit_expires_at(self) -> datetime | None:
        """Until when the directive in force may be begun, by ruling or by a person's approval."""
        for entry in reversed(self.entries):
            if isinstance(entry.fact, Commanded) and entry.fact.command == "approve":
                return entry.fact.expires_at
            if isinstance(entry.fact, Ruled):
                return entry.fact.expires_at
        return None

    @property
    def firing(self) -> tuple[Entry, ...]:
        """The entries since the newest Detected."""
        start = max((i for i, e in enumerate(self.entries) if isinstance(e.fact, Detected)), default=0)
        return self.entries[start:]

    @property
    def attempt(self) -> int:
        """How many diagnoses the whole issue has had."""
        return len(self.all(Diagnosed))


@dataclass(slots=True)
class _Fold:
    """The fold under way. Lives only inside `replay`."""

    incident: Incident
    rejected: list[Rejected] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def replay(thread: Thread, keyring: Keyring) -> Incident:
    """Fold a thread into its incident. Total: nothing in a thread can make it raise."""
    start = Incident(
        thread.repo,
        thread.number,
        thread.url,
        labels=thread.labels,
        closed=thread.closed,
        opened_at=thread.created_at,
    )
    fold = _Fold(start)
    body = Comment(0, thread.author, thread.body, thread.created_at, thread.created_at)
    unique = {c.id: c for c in sorted(thread.comments, key=lambda c: (c.updated_at, c.body)) if c.id > 0}
    for comment in (body, *(unique[i] for i in sorted(unique))):
        if not starts_like_a_block(comment.body):
            continue
        rejected = _take(fold, thread, comment, keyring)
        if rejected is not None:
            fold.rejected.append(rejected)
    ours = (c.body for c in unique.values() if c.author in keyring.accounts)
    answered = frozenset(int(mark[1]) for body in ours if (mark := ANSWER.match(body)))
    words = tuple(unique[i] for i in sorted(unique) if unique[i].author not in keyring.accounts)
    return replace(fold.incident, rejected=tuple(fold.rejected), gaps=tuple(fold.gaps), words=words, answered=answered)


def _take(fold: _Fold, thread: Thread, comment: Comment, keyring: Keyring) -> Rejected | None:
    """Accept one comment into the fold, or say why not."""
    stranger = comment.author not in keyring.accounts
    try:
        block = decode(comment.body)
    except NotAFact as error:
        return Rejected(comment.id, str(error), harmless=stranger)
    reason = _authentic(block, thread, comment, keyring)
    if reason:
        return Rejected(comment.id, reason, harmless=stranger)
    incident = fold.incident
    if block.place.seq != incident.next_seq or block.place.prev != incident.head:
        if block.place.seq > incident.next_seq:
            fold.gaps.append(f"comment {comment.id} follows a fact that is not there")
        twin = any(e.seq == block.place.seq - 1 and e.digest == block.place.prev for e in incident.entries)
        return Rejected(comment.id, f"does not follow fact {incident.next_seq - 1}", harmless=twin)
    target = TRANSITIONS.get(incident.status, {}).get(block.fact.move)
    if target is None:
        return Rejected(comment.id, f"{block.fact.move} does not fit {incident.status}")
    if not may_say(block.by, block.fact.kind, incident.status):
        return Rejected(comment.id, f"{block.by} may not say {block.fact.kind} at {incident.status}")
    unapproved = incident.status is Status.NEEDS_APPROVAL
    if isinstance(block.fact, Merged) and unapproved and block.fact.by in keyring.accounts:
        return Rejected(comment.id, "the fleet cannot approve itself")
    reason = unbound(incident, block.fact, comment.created_at)
    if reason:
        return Rejected(comment.id, reason)
    entry = Entry(
        block.fact, block.place.seq, block.by, block.at, comment.created_at, comment.id, block.digest, block.text_intact
    )
    fold.incident = replace(incident, status=target, entries=(*incident.entries, entry))
    return None


def _authentic(block: Block, thread: Thread, comment: Comment, keyring: Keyring) -> str | None:
    if comment.author not in keyring.accounts:
        return f"{comment.author} is not an account of the fleet"
    if block.place.repo != thread.repo:
        return "signed for another repository"
    if type(block.place.issue) is not int or block.place.issue != (thread.number if comment.id else 0):
        return "signed for another issue"
    if comment.id == 0 and abs(block.at - comment.created_at) > OPENING_SKEW:
        return "signed at another time than the issue was opened"
    if type(block.place.seq) is not int or not isinstance(block.place.prev, str) or not isinstance(block.by, str):
        return "malformed block"
    if block.by not in OWNERS[block.fact.kind]:
        return f"{block.by} may not say {block.fact.kind}"
    if isinstance(block.fact, Commanded) and block.fact.login in keyring.accounts:
        return "the fleet cannot command itself"
    if not isinstance(block.signature, str) or not keyring.verifies(
        block.by, block.payload, block.signature, comment.created_at
    ):
        return f"no valid signature of {block.by}"
    return None


def unbound(incident: Incident, fact: AnyFact, at: datetime) -> str | None:
    """Why `fact`, posted at `at` (GitHub's time), does not speak of what is in force; None when it does."""
    directive = incident.directive
    match fact:
        case Ruled():
            if directive is None or fact.directive_sha256 != directive.digest:
                return "rules on another directive"
        case Commanded():
            return _uncounted(incident, fact)
        case Began():
            if directive is None or fact.directive_sha256 != directive.digest or fact.directive_id != directive.id:
                return "begins another directive"
            expires = incident.permit_expires_at
            if expires is None or at > expires:
                return "the permit had expired"
        case Advised():
            if fact.attempt not in (incident.attempt, incident.attempt + 1):
                return "speaks of another diagnosis"
            if any(isinstance(e.fact, Advised) and e.fact.attempt == fact.attempt for e in incident.firing):
                return "this diagnosis has been advised on"
        case Applied() | Refused():
            if directive is None or fact.directive_id != directive.id:
                return "speaks of another directive"
            if isinstance(fact, Applied) and directive.verb != "restart":
                return f"{directive.verb} is not done to a container"
        case Proposed() | Proved() | Merged() | Deployed() | Undone() | Planned() | Returned():
            return pulls.unbound(incident, fact)
        case Verified(outcome="ineffective"):
            if incident.standing is None or not any(isinstance(e.fact, Deployed) for e in incident.way):
                return "there is no change to take back"
        case _:
            pass
    return None


def _uncounted(incident: Incident, fact: Commanded) -> str | None:
    """Why a person's command does not count."""
    if any((c.comment_id, c.edit) == (fact.comment_id, fact.edit) for c in incident.all(Commanded)):
        return "this comment has been counted"
    match fact.command:
        case "approve":
            plan = incident.plan if incident.status is Status.ESCALATED else None
            about = plan.plan_sha256 if plan else incident.directive.digest if incident.directive else None
            if incident.status is Status.ESCALATED and plan is None:
                return "there is no plan to approve"
            if about is None or fact.directive_sha256 != about:
                return "approves another directive"
        case "focus" | "reject":
            return _unlisted(incident, fact)
        case "undo":
            if incident.standing is None:
                return "there is no change to take back"
        case "silence":
            if incident.detected.service not in fact.silences:
                return "silences another service"
        case _:
            pass
    return None


def _unlisted(incident: Incident, fact: Commanded) -> str | None:
    """Why a steering command does not speak of a hypothesis that stood on the issue when it was written."""
    listed = incident.listed(fact.comment_id)
    if fact.steers is None:
        return f"it names no listed hypothesis; listed are {', '.join(h.id for h in listed) or 'none'}"
    about = fact.steers
    if not any((h.id, h.service, h.cause) == (about.hypothesis, about.service, about.cause) for h in listed):
        return f"{about.hypothesis} is not listed; listed are {', '.join(h.id for h in listed) or 'none'}"
    return None


def steers(fact: AnyFact) -> bool:
    """Whether `fact` sends a diagnosis back to be made again under a person's direction."""
    return isinstance(fact, Commanded) and fact.command in ("focus", "reject")


def why_not(incident: Incident, fact: AnyFact, role: str, at: datetime) -> str | None:
    """Why a writer must not write `fact` now; None when it may. The same rules that readers apply."""
    if not may_say(role, fact.kind, incident.status):
        return f"{role} may not say {fact.kind}"
    if fact.move not in TRANSITIONS.get(incident.status, {}):
        return f"{fact.move} does not fit {incident.status}"
    return unbound(incident, fact, at)
