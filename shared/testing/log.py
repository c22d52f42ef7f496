"""Incident logs without GitHub: a builder of threads whose facts are signed as the fleet would sign them.

    log = LogBuilder().to(Status.APPROVED)
    incident = replay(log.thread(), log.keyring)

`say` writes whatever it is told, also what replay must refuse; `to` walks the shortest lawful way to a status.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.incident.codec import Place, decode, encode
from shared.incident.evidence import sha256_of
from shared.incident.facts import (
    Advised,
    AnyFact,
    Applied,
    Began,
    Commanded,
    Detected,
    Diagnosed,
    Escalated,
    Learned,
    Ranked,
    Refused,
    Ruled,
    Sentence,
    Steers,
    Stuck,
    Verified,
)
from shared.incident.labels import opening
from shared.incident.parts import Directive, Evidence, Exhibit, Hypothesis, Measure, Observed, Predicate, Settle, Vote
from shared.incident.record import Role
from shared.incident.render import render, title
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring, KeySigner, PublicKey
from shared.incident.status import OWNERS, TRANSITIONS, Status
from shared.incident.thread import Comment, Thread

REPO: Final = "acme/shop"
FLEET: Final = "sre-fleet"
START: Final = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SERVICE: Final = "policy-service"


def signer(role: Role, salt: str = "") -> KeySigner:
    """The test key of `role`: the same in every run. Another `salt` is another key."""
    seed = hashlib.sha256(f"test key {role} {salt}".encode()).digest()
    return KeySigner(role, Ed25519PrivateKey.from_private_bytes(seed))


def public_key(key: KeySigner, not_before: datetime | None = None, not_after: datetime | None = None) -> PublicKey:
    """The public half of `key`, valid for a year around START unless told otherwise."""
    raw = key.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    year = timedelta(days=365)
    return PublicKey(key.role, raw, not_before or START - year, not_after or START + year)


def keyring(accounts: frozenset[str] = frozenset({FLEET})) -> Keyring:
    """One valid test key for each role."""
    return Keyring(tuple(public_key(signer(role)) for role in get_args(Role)), accounts)


class LogBuilder:
    """One issue being written. Time moves one second with each fact."""

    def __init__(self, repo: str = REPO, number: int = 7, start: datetime = START) -> None:
        self.repo = repo
        self.number = number
        self.now = start
        self.keyring = keyring()
        self.body = ""
        self.comments: list[Comment] = []
        self.labels: frozenset[str] = frozenset()
        self._title = ""
        self._opened_at = start
        self._next_id = 100

    @property
    def incident(self) -> Incident:
        """What the log says so far."""
        return replay(self.thread(), self.keyring)

    def thread(self) -> Thread:
        """The issue as GitHub would give it."""
        return Thread(
            repo=self.repo,
            number=self.number,
            title=self._title,
            author=FLEET,
            body=self.body,
            created_at=self._opened_at,
            updated_at=self.now,
            closed=False,
            labels=self.labels,
            comments=tuple(self.comments),
            url=f"https://github.com/{self.repo}/issues/{self.number}",
        )

    def text(
        self, fact: AnyFact, by: Role | None = None, place: Place | None = None, key: KeySigner | None = None
    ) -> str:
        """The body of the comment that says `fact` next, signed by its owner unless told otherwise."""
        incident = self.incident
        issue = self.number if self.body else 0
        where = place or Place(self.repo, issue, incident.next_seq, incident.head)
        role = by or sorted(OWNERS[fact.kind])[0]
        return encode(fact, render(fact, incident), where, self.now, key or signer(role))

    def say(self, fact: AnyFact, by: Role | None = None, author: str = FLEET) -> LogBuilder:
        """Open the issue with `fact`, or add it as a comment."""
        if not self.body and isinstance(fact, Detected):
            self.body = self.text(fact, by)
            self._title = title(fact)
            self._opened_at = self.now
            self.labels = frozenset(opening(fact))
        else:
            self.post(self.text(fact, by), author)
        self.now += timedelta(seconds=1)
        return self

    def post(self, body: str, author: str = FLEET) -> Comment:
        """Add a comment of any text."""
        comment = Comment(self._next_id, author, body, self.now, self.now)
        self._next_id += 1
        self.comments.append(comment)
        return comment

    def edit(self, comment_id: int, body: str) -> None:
        """Edit a comment, a minute later."""
        later = self.now + timedelta(minutes=1)
        self.comments = [replace(c, body=body, updated_at=later) if c.id == comment_id else c for c in self.comments]

    def next(self, move: str) -> AnyFact:
        """A lawful fact of this move, for the directive in force."""
        return sample(move, self.incident, self.now)

    def to(self, status: Status) -> LogBuilder:
        """Say what leads from here to `status` by the shortest way in the table. Raises ValueError if none does."""
        for move in _way(self.incident.status, status):
            self.say(self.next(move))
        return self

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of all blocks in the log, oldest first."""
        return tuple(decode(body).digest for body in (self.body, *(c.body for c in self.comments)))


def _way(start: Status, goal: Status) -> list[str]:
    ways: list[tuple[Status, list[str]]] = [(start, [])]
    seen = {start}
    for status, moves in ways:
        if status is goal:
            return moves
        for move, target in TRANSITIONS.get(status, {}).items():
            if target not in seen:
                seen.add(target)
                ways.append((target, [*moves, move]))
    raise ValueError(f"no way from {start} to {goal}")


def evidence(number: int = 1, summary: str = "policy-service ended with exit code 137 (OOMKilled)") -> Evidence:
    """One piece of evidence."""
    return Evidence(
        id=f"E{number}",
        kind="container",
        summary=summary,
        sha256=hashlib.sha256(summary.encode()).hexdigest(),
        link=f"https://traces.example/trace/{number}",
    )


def directive(attempt: int = 1, repo: str = REPO, number: int = 7) -> Directive:
    """A restart of policy-service."""
    return Directive(
        id=f"{repo}#{number}/{attempt}",
        verb="restart",
        target=SERVICE,
        observed=Observed(container_id="c" * 64, started_at="2026-01-01T11:00:00.123456789Z", image="patients:1"),
        undo="none needed: a restart leaves nothing behind",
    )


def hypothesis() -> Hypothesis:
    """One explanation with a vote for it and one against."""
    return Hypothesis(
        id="H1",
        service=SERVICE,
        cause="oom",
        probability=0.93,
        why="killed at its memory limit",
        evidence=("E1",),
        votes=(
            Vote(analyst="compute", nats=6.0, why="killed at its memory limit"),
            Vote(analyst="network", nats=-1.5, why="the way to it is no longer than before"),
        ),
    )


def exhibit() -> Exhibit:
    """A worst trace beside a normal one."""
    worst, normal = "frontend 400 ms\n  policy-service 395 ms", "frontend 9 ms\n  policy-service 4 ms"
    difference = "policy-service took 395 ms of its own, usually 4 ms"
    return Exhibit(
        difference=difference,
        worst=worst,
        worst_trace_id="a" * 32,
        normal=normal,
        normal_trace_id="b" * 32,
        sha256=sha256_of([worst, normal, difference]),
    )


SETTLE: Final = Settle(between=("H1", "H2"), observation="read the container's state", cost="look")


def sample(move: str, incident: Incident | None = None, now: datetime = START) -> AnyFact:
    """A fact of this move (a key of a row of TRANSITIONS) that fits `incident`. Raises KeyError for an unknown move."""
    held = incident.directive if incident else None
    attempt = incident.attempt + 1 if incident else 1
    where = (incident.repo, incident.number) if incident else (REPO, 7)
    force = held or directive(attempt, *where)
    kind, _, value = move.partition(":")
    measure = Measure(name="error ratio", before=0.01, after=0.42, unit="ratio", samples=120)
    panel = (hypothesis(),)
    made: AnyFact
    match kind:
        case "detected":
            made = Detected(
                service=SERVICE,
                symptom="oom",
                fingerprint=hashlib.sha256(f"{SERVICE} oom".encode()).hexdigest(),
                severity="critical",
                summary="policy-service does not answer",
                since=now - timedelta(seconds=2),
                evidence=(evidence(),),
                measures=(measure,),
            )
        case "diagnosed":
            made = Diagnosed(
                attempt=attempt,
                root_cause="OOM",
                cause="oom",
                service=SERVICE,
                confidence=0.93,
                hypotheses=panel,
                evidence=(evidence(),),
                missing=("traces: the store did not answer",),
                directive=directive(attempt, *where),
                settle=SETTLE,
                exhibit=exhibit(),
                steered="/reject slow in user-service by octocat",
            )
        case "ruled":
            made = Ruled.model_validate(
                {
                    "ruling": value,
                    "directive_sha256": force.digest,
                    "policy_sha256": "a" * 64,
                    "predicates": (
                        Predicate(name="in-catalogue", ok=True, detail="restart of policy-service"),
                        Predicate(name="cool-down", ok=value == "allow", detail="last restart 90 s ago"),
                    ),
                    "expires_at": now + timedelta(minutes=10),
                }
            )
        case "commanded":
            told = [c.comment_id for c in incident.all(Commanded)] if incident else []
            listed = incident.listed()[:1] if incident else ()
            about = listed[0] if listed else hypothesis()
            made = Commanded.model_validate(
                {
                    "command": value,
                    "login": "octocat",
                    "permission": "write",
                    "comment_id": max(told, default=10_000) + 1,
                    "comment_sha256": "b" * 64,
                    "directive_sha256": force.digest if value == "approve" else None,
                    "expires_at": now + timedelta(minutes=10) if value == "approve" else None,
                    "steers": Steers(hypothesis=about.id, service=about.service, cause=about.cause)
                    if value in ("focus", "reject")
                    else None,
                }
            )
        case "advised":
            heard = (incident.listed() if incident else ()) or panel
            proof = evidence()
            made = Advised(
                attempt=attempt,
                model="some-model",
                ranking=tuple(
                    Ranked(id=h.id, service=h.service, cause=h.cause, probability=h.probability) for h in heard
                ),
                wish=tuple(h.id for h in heard),
                narrative=(Sentence(text="The process was killed by the kernel.", evidence=(proof.id,)),),
                next_observation=Sentence(text="Look at the memory before it.", evidence=(proof.id,)),
                dropped=1,
                evidence=(proof,),
                prompt_tokens=900,
                completion_tokens=120,
                cost_usd=0.0012,
                took_s=1.5,
            )
        case "began":
            made = Began(directive_id=force.id, directive_sha256=force.digest)
        case "applied":
            after = force.observed.model_copy(update={"started_at": "2026-01-01T12:00:03.5Z"})
            made = Applied(directive_id=force.id, before=force.observed, after=after, took_s=1.7, settled=False)
        case "refused":
            made = Refused(
                directive_id=force.id, precondition="the container has not been started since", detail="12:00:03"
            )
        case "verified":
            made = Verified.model_validate(
                {"outcome": value, "detail": "probes answer", "held_s": 5.0, "measures": (measure,)}
            )
        case "learned":
            made = Learned(
                time_to_detect_s=1.2,
                time_to_act_s=0.8,
                time_to_recover_s=3.9,
                actions=1,
                refusals=0,
                ineffective=0,
                recurrences=2,
                earlier=(3, 5),
            )
        case "escalated":
            made = Escalated(reason="three restarts in the window", brief="It leaks.", hypotheses=panel, settle=SETTLE)
        case "stuck":
            made = Stuck(
                reason="the policy vetoes every action", todo="Look at the container's memory limit.", hypotheses=panel
            )
        case _:
            raise KeyError(move)
    return made
