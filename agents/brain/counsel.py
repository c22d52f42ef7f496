"""When a model is asked about an incident, and what Brain says of what it answers. Pure.

It is asked where arithmetic alone does not say it clearly, and where the incident waits for a person. A clear diagnosis
never waits for it, one that is not waits once and for a bounded time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.brain.advice import Advice, Nonsense, Said, decisive, read, reordered
from agents.brain.question import Shown
from shared.agent import Effect, Later, Say
from shared.incident.facts import Advised, Diagnosed, Escalated, Ranked, Sentence, Stuck
from shared.incident.parts import Cause, Evidence, Hypothesis
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.ports import Pending, Reply

RESTING = frozenset((Status.NEEDS_APPROVAL, Status.ESCALATED, Status.NEEDS_HUMAN))
"""Where only a person is about to do something, so that no other fact is in the way of a model's words."""
Finding = Diagnosed | Escalated | Stuck


@dataclass(frozen=True, slots=True)
class Topic:
    """What a model may be asked about: the hypotheses as listed, and the evidence."""

    hypotheses: tuple[Hypothesis, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Counsel:
    """What a model was asked about, what it was shown, and what came of it."""

    topic: Topic
    shown: Shown
    reply: Reply | Pending


def attempt(incident: Incident) -> int:
    """The number of the diagnosis that advice would be about: the next one, or the one that rests."""
    rests = incident.status in RESTING and isinstance(_finding(incident), Diagnosed)
    return incident.attempt + (0 if rests else 1)


def topic(incident: Incident, draft: Effect | None, enough: float) -> Topic | None:
    """What is worth a question now; None when nothing is.

    `draft`: what Brain would say without a model. Asked is once a diagnosis, on evidence only, and not where the
    arithmetic is clear or people steer.
    """
    if any(isinstance(e.fact, Advised) and e.fact.attempt == attempt(incident) for e in incident.firing):
        return None
    if incident.status is Status.DETECTED:
        found = draft.fact if isinstance(draft, Say) and isinstance(draft.fact, Finding) else None
        if found is None or not found.hypotheses or decisive(found.hypotheses, enough):
            return None
    else:
        found = _finding(incident) if incident.status in RESTING else None
    if found is None or found.steered or not found.hypotheses or not found.evidence:
        return None
    return Topic(found.hypotheses, found.evidence)


def heard(incident: Incident, counsel: Counsel, now: datetime, enough: float) -> Say | Later | str:
    """The advice as a fact; Later while it may still come; or why there is none."""
    reply = counsel.reply
    if isinstance(reply, Pending):
        return Later(now + timedelta(seconds=reply.left_s), "a model is asked")
    if reply.text is None:
        return reply.why
    try:
        advice = read(reply.text, counsel.shown)
    except Nonsense as nonsense:
        return f"the model gave an answer of another form: {nonsense}"
    if advice.empty:
        return "nothing that the model said stands in the evidence"
    return Say(_advised(incident, counsel.topic, advice, reply, enough))


def preferred(incident: Incident) -> tuple[tuple[str, Cause], ...]:
    """The order of the advice that was just given on the diagnosis to come; empty when the newest fact is another."""
    newest = incident.entries[-1].fact
    if not isinstance(newest, Advised) or incident.status is not Status.DETECTED:
        return ()
    rank = {h.id: h for h in newest.ranking}
    return tuple((rank[id].service, rank[id].cause) for id in newest.wish or rank)


def _advised(incident: Incident, about: Topic, advice: Advice, reply: Reply, enough: float) -> Advised:
    order = reordered(about.hypotheses, advice.ranking, enough)
    ids = {(h.service, h.cause): h.id for h in about.hypotheses}
    said = (*advice.narrative, *((advice.next_observation,) if advice.next_observation else ()))
    cited = {id for sentence in said for id in sentence.evidence}
    return Advised(
        attempt=attempt(incident),
        model=reply.model,
        ranking=tuple(Ranked(id=h.id, service=h.service, cause=h.cause, probability=h.probability) for h in order),
        wish=tuple(ids[key] for key in advice.ranking),
        narrative=_sentences(advice.narrative),
        next_observation=next(iter(_sentences((advice.next_observation,))), None) if advice.next_observation else None,
        dropped=len(advice.dropped),
        evidence=tuple(e for e in about.evidence if e.id in cited),
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        cost_usd=reply.cost,
        took_s=reply.seconds,
    )


def _sentences(said: Sequence[Said]) -> tuple[Sentence, ...]:
    return tuple(Sentence(text=s.text, evidence=s.evidence) for s in said)


def _finding(incident: Incident) -> Finding | None:
    """The newest fact of this firing that lists hypotheses."""
    found = (e.fact for e in reversed(incident.firing) if isinstance(e.fact, Finding))
    return next((f for f in found if f.hypotheses), None)
