"""One incident in full: its facts line by line, what speaks for them, why nothing was done, what people said. Pure."""

from __future__ import annotations

from typing import Final

from dashboard.card import card
from dashboard.shapes import (
    Detail,
    EvidenceRow,
    FactRow,
    HypothesisRow,
    PullRow,
    RejectedRow,
    Rule,
    WhyNot,
    Word,
    stamp,
)
from shared.incident.details import details
from shared.incident.facts import Merged, Proposed, Proved, Ruled, Undone
from shared.incident.parts import Evidence, Predicate
from shared.incident.replay import Entry, Incident
from shared.incident.story import headline

MOST_WORDS: Final = 100
LONGEST_WORD: Final = 4_000


def detail(incident: Incident) -> Detail:
    """Raises LookupError for an issue that is no incident."""
    return Detail(
        card=card(incident),
        facts=[_fact(incident, entry) for entry in incident.entries],
        rejected=[
            RejectedRow(comment_url=comment_url(incident, r.comment_id), reason=r.reason) for r in incident.rejected
        ]
        + [RejectedRow(comment_url=incident.url, reason=gap) for gap in incident.gaps],
        hypotheses=[
            HypothesisRow(
                id=h.id, service=h.service, cause=h.cause, text=h.why, probability=h.probability, evidence=[*h.evidence]
            )
            for h in incident.listed()
        ],
        evidence=_evidence(incident),
        why_not=_why_not(incident),
        pulls=_pulls(incident),
        words=[
            Word(login=w.author, at=stamp(w.created_at), text=w.body[:LONGEST_WORD])
            for w in incident.words[-MOST_WORDS:]
        ],
    )


def comment_url(incident: Incident, comment_id: int) -> str:
    """Where a comment stands; 0 is the issue's body."""
    return f"{incident.url}#issuecomment-{comment_id}" if comment_id else incident.url


def _fact(incident: Incident, entry: Entry) -> FactRow:
    edited = () if entry.text_intact else ("The text of this comment was edited afterwards; the signed fact stands.",)
    return FactRow(
        seq=entry.seq,
        kind=entry.fact.kind,
        move=entry.fact.move,
        by=entry.by,
        at=stamp(entry.at),
        posted_at=stamp(entry.posted_at),
        headline=headline(entry.fact),
        lines=[*details(entry.fact), *edited],
        url=comment_url(incident, entry.comment_id),
    )


def _evidence(incident: Incident) -> list[EvidenceRow]:
    """Of the present firing; of one id the newest."""
    held: dict[str, Evidence] = {}
    for entry in incident.firing:
        held |= {one.id: one for one in getattr(entry.fact, "evidence", ())}
    return [
        EvidenceRow(id=e.id, source=e.kind, summary=e.summary, sha256=e.sha256, trace_id=e.trace_id, url=e.link)
        for e in held.values()
    ]


def _why_not(incident: Incident) -> WhyNot | None:
    ruled = next((e.fact for e in reversed(incident.firing) if isinstance(e.fact, Ruled)), None)
    if ruled is None:
        return None
    expires = incident.permit_expires_at if incident.ruling is not None else ruled.expires_at
    return WhyNot(
        ruling=ruled.ruling,
        expires_at=stamp(expires) if expires else None,
        predicates=[_rule(p) for p in ruled.predicates],
    )


def _rule(predicate: Predicate) -> Rule:
    return Rule(name=predicate.name, ok=predicate.ok, detail=predicate.detail)


def _pulls(incident: Incident) -> list[PullRow]:
    found: dict[int, PullRow] = {}
    base = incident.url.rsplit("/issues/", 1)[0]
    merged: int | None = None
    for entry in incident.entries:
        match entry.fact:
            case Proposed() as fact:
                found[fact.number] = PullRow(number=fact.number, url=fact.link, state="proposed", checks=[])
            case Proved() as fact:
                row = found.setdefault(fact.number, _pull(base, fact.number))
                row["state"], row["checks"] = fact.verdict, [_rule(check) for check in fact.checks]
            case Merged() as fact:
                merged = fact.number
                found.setdefault(fact.number, _pull(base, fact.number))["state"] = "merged"
            case Undone() as fact:
                if merged in found:
                    found[merged]["state"] = "undone"
                found.setdefault(fact.number, _pull(base, fact.number))["state"] = "merged"
            case _:
                pass
    return list(found.values())


def _pull(base: str, number: int) -> PullRow:
    return PullRow(number=number, url=f"{base}/pull/{number}", state="proposed", checks=[])
