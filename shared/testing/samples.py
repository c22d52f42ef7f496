"""Lawful parts and facts of incidents, for tests: one of each move."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.incident.change import MergePull, RevertCommit
from shared.incident.evidence import sha256_of
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
    Escalated,
    Learned,
    Merged,
    Planned,
    Proposed,
    Proved,
    Ranked,
    Refused,
    Returned,
    Ruled,
    Sentence,
    Steers,
    Stuck,
    Undone,
    Verified,
)
from shared.incident.parts import Directive, Evidence, Exhibit, Hypothesis, Measure, Observed, Predicate, Settle, Vote
from shared.incident.replay import Incident
from shared.incident.situation import Action, Situation
from shared.incident.status import Status

REPO: Final = "acme/shop"
FLEET: Final = "sre-fleet"
START: Final = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SERVICE: Final = "policy-service"


def evidence(number: int = 1, summary: str = "policy-service ended with exit code 137 (OOMKilled)") -> Evidence:
    """One piece of evidence."""
    return Evidence(
        id=f"E{number}",
        kind="container",
        summary=summary,
        sha256=hashlib.sha256(summary.encode()).hexdigest(),
        link=f"https://traces.example/trace/{number}",
    )


def directive(attempt: int = 1, repo: str = REPO, number: int = 7, *, change: bool = False) -> Directive:
    """A restart of policy-service, or the revert of a commit."""
    if change:
        return Directive(
            id=f"{repo}#{number}/{attempt}",
            verb="revert-commit",
            target=SERVICE,
            observed=None,
            undo="revert the merge commit of this pull request",
            change=RevertCommit(commit="d" * 40, paths=("deploy/stack.yaml",)),
            base="e" * 40,
        )
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


def situation(now: datetime = START) -> Situation:
    """A calm one, a minute after an action elsewhere."""
    return Situation(
        now=now,
        frozen=False,
        held=False,
        gaps=(),
        observed=directive().observed,
        managed=True,
        confidence=0.93,
        uncited=(),
        actions=(Action(target="frontend", verb="restart", at=now - timedelta(minutes=1), effective=True),),
        acting_elsewhere=0,
        healthy={"frontend": True, "user-service": True},
    )


SETTLE: Final = Settle(between=("H1", "H2"), observation="read the container's state", cost="look")


PULL: Final = 12
HEAD: Final = "f" * 40
MERGE: Final = "a" * 40


def merging(repo: str = REPO, number: int = 7) -> Directive:
    """The merge of somebody else's pull request."""
    return Directive(
        id=f"{repo}#{number}/t1",
        verb="merge-pull",
        target=SERVICE,
        observed=None,
        undo="revert the merge commit of this pull request",
        change=MergePull(number=PULL, head=HEAD),
        base="e" * 40,
    )


def sample(move: str, incident: Incident | None = None, now: datetime = START, *, change: bool = False) -> AnyFact:
    """A fact of this move (a key of a row of TRANSITIONS) that fits `incident`. Raises KeyError for an unknown move.

    `change`: the diagnosis proposes a change of the repository, not a restart.
    """
    held = incident.directive if incident else None
    attempt = incident.attempt + 1 if incident else 1
    where = (incident.repo, incident.number) if incident else (REPO, 7)
    force = held or directive(attempt, *where, change=change)
    plan = incident.plan if incident and incident.status is Status.ESCALATED else None
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
                directive=directive(attempt, *where, change=change),
                settle=SETTLE,
                exhibit=exhibit(),
                steered="/reject slow in user-service by octocat",
                frozen="e" * 64,
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
                    "situation": situation(now),
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
                    "directive_sha256": (plan.plan_sha256 if plan else force.digest) if value == "approve" else None,
                    "expires_at": now + timedelta(minutes=10) if value in ("approve", "silence") else None,
                    "silences": (incident.detected.service if incident and incident.is_incident else "policy-service",)
                    if value == "silence"
                    else (),
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
            after = force.container.model_copy(update={"started_at": "2026-01-01T12:00:03.5Z"})
            made = Applied(directive_id=force.id, before=force.container, after=after, took_s=1.7, settled=False)
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
            made = _of_a_pull(kind, value, force.id, incident)
    return made


def _of_a_pull(kind: str, value: str, given: str, incident: Incident | None) -> AnyFact:
    """A fact about a pull request or a Tier-3 session."""
    where = (incident.repo, incident.number) if incident else (REPO, 7)
    stands = incident.standing if incident else None
    by_person = incident is not None and incident.status is Status.NEEDS_APPROVAL
    made: AnyFact
    match kind:
        case "proposed":
            made = Proposed(
                directive_id=given,
                number=PULL,
                link=f"https://github.example/{where[0]}/pull/{PULL}",
                branch="sre-space/i7-a1",
                base_sha="e" * 40,
                head_sha=HEAD,
                files=("deploy/stack.yaml",),
                changes=("policy-service MAX_RISK_FACTOR: 0.5 to 1.8",),
            )
        case "proved":
            others = value == "others"
            merge = merging(*where) if others else None
            made = Proved.model_validate(
                {
                    "directive_id": merge.id if merge else given,
                    "number": PULL,
                    "head_sha": HEAD,
                    "verdict": "refuted" if value == "nobody" else "proved",
                    "merge": "person" if others else value,
                    "checks": (
                        Predicate(name="reproduction", ok=value != "nobody", detail="red on base, green on head"),
                    ),
                    "directive": merge,
                }
            )
        case "merged":
            made = Merged(
                directive_id=given, number=PULL, head_sha=HEAD, merge_sha=MERGE, by="octocat" if by_person else FLEET
            )
        case "deployed":
            made = Deployed.model_validate(
                {
                    "directive_id": given,
                    "sha": MERGE,
                    "outcome": value,
                    "detail": "policy-service runs",
                    "took_s": 1.4,
                }
            )
        case "undone":
            made = Undone.model_validate(
                {
                    "directive_id": stands[0].directive_id if stands else given,
                    "why": value,
                    "number": PULL + 1,
                    "merge_sha": "c" * 40,
                    "detail": "policy-service runs",
                }
            )
        case "dispatched":
            made = Dispatched(
                backend="jules",
                session="sessions/31415926",
                link="https://jules.example/sessions/31415926",
                attempt=1,
                brief_sha256="b" * 64,
            )
        case "planned":
            text = "1. Bound the cache. 2. Test it."
            digest = hashlib.sha256(text.encode()).hexdigest()
            made = Planned(backend="jules", session="sessions/31415926", plan=text, plan_sha256=digest)
        case "returned":
            made = Returned(backend="jules", session="sessions/31415926", reason="the session failed: no plan found")
        case _:
            raise KeyError(f"{kind}:{value}")
    return made
