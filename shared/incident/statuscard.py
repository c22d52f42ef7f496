"""The status card's words, from the log and the labels alone: the same log gives the same card, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.incident.commands import TABLE, Row
from shared.incident.episodes import firings, tries
from shared.incident.facts import Advised, Deployed, Diagnosed, Escalated, Merged, Stuck, Undone, Verified
from shared.incident.fitting import fits
from shared.incident.outlook import outlook
from shared.incident.parts import Evidence, Hypothesis
from shared.incident.postmortem import RESULT
from shared.incident.render import Markdown, code, escape, link, render_card
from shared.incident.replay import Entry, Incident
from shared.incident.status import Status
from shared.incident.timeline import timeline

MOST_HYPOTHESES: Final = 3
MOST_EVIDENCE: Final = 3


@dataclass(frozen=True, slots=True)
class Thought:
    """One hypothesis as it is shown. `evidence`: links, as Markdown."""

    hypothesis: Hypothesis
    evidence: Markdown


def card(incident: Incident) -> str:
    """Markdown. What is said in it of an action, a cause or an end stands in a fact that it links to."""
    opening = incident.firing[0]
    panel = _panel(incident)
    return render_card(
        status=incident.status.value.removeprefix("Status: "),
        detected=incident.detected,
        times=len(firings(incident)),
        where=permalink(incident, opening),
        thoughts=tuple(_thoughts(incident, panel)) if panel is not None else (),
        diagnosed=permalink(incident, panel) if panel is not None else None,
        cause=next((e.fact for e in reversed(incident.firing) if isinstance(e.fact, Diagnosed)), None),
        done=tuple(_done(incident)),
        next=outlook(incident),
        can=_can(incident),
        timeline=Markdown(timeline(incident.firing)),
        model=_model(incident),
    )


def permalink(incident: Incident, entry: Entry) -> str:
    """Where a fact stands: its comment, or the issue itself."""
    return f"{incident.url}#issuecomment-{entry.comment_id}" if entry.comment_id else incident.url


def _can(incident: Incident) -> tuple[Row, ...]:
    """The commands that would do something now; those that only tell are named in the template. Of what is closed only
    what takes it up again: a silence may still be said there."""
    now = set(fits(incident)) - ({"/silence"} if incident.status is Status.CLOSED else set())
    return tuple(row for row in TABLE if row.permission == "write" and f"/{row.name}" in now)


def _panel(incident: Incident) -> Entry | None:
    """The newest fact of this firing that lists hypotheses."""
    return next((e for e in reversed(incident.firing) if getattr(e.fact, "hypotheses", ())), None)


def _thoughts(incident: Incident, panel: Entry) -> Iterator[Thought]:
    hypotheses: tuple[Hypothesis, ...] = getattr(panel.fact, "hypotheses", ())
    held: dict[str, Evidence] = {e.id: e for e in getattr(panel.fact, "evidence", ())}
    for one in hypotheses[:MOST_HYPOTHESES]:
        shown = [
            link(id, (held[id].link if id in held else None) or permalink(incident, panel))
            for id in one.evidence[:MOST_EVIDENCE]
        ]
        more = len(one.evidence) - len(shown)
        yield Thought(one, Markdown(", ".join([*shown, *([f"{more} more"] if more else [])]) or "none"))


def _done(incident: Incident) -> Iterator[Markdown]:
    """What was tried in this firing and what came of it, each linked to the fact that says so."""
    by_digest = {e.digest: e for e in incident.firing}
    for tried in tries(incident.firing):
        entry = by_digest.get(tried.digest)
        if entry is None or isinstance(entry.fact, Diagnosed):
            continue  # proposed, and nothing has come of it yet
        where = link(RESULT[tried.result], permalink(incident, entry))
        yield Markdown(f"{tried.verb} {code(tried.directive.target)}: {where}")
    for entry in incident.firing:
        match entry.fact:
            case Merged(number=number):
                yield Markdown(link(f"pull request {number} merged", permalink(incident, entry)))
            case Deployed(outcome=outcome):
                yield Markdown(link(f"deploy {outcome}", permalink(incident, entry)))
            case Undone(number=number):
                yield Markdown(link(f"taken back by pull request {number}", permalink(incident, entry)))
            case Verified(outcome=outcome):
                yield Markdown(link(f"verified {outcome}", permalink(incident, entry)))
            case Escalated(reason=reason) | Stuck(reason=reason):
                yield Markdown(f"{link(entry.fact.kind, permalink(incident, entry))}: {escape(reason)}")
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Advice:
    """What a model has taken for one incident, as the facts say."""

    name: str
    answers: int
    tokens: int | None
    cost_usd: float | None


def _model(incident: Incident) -> Advice | None:
    """The whole issue's; a number that one answer lacks is not known of all."""
    said = incident.all(Advised)
    if not said:
        return None
    tokens = [
        f.prompt_tokens + f.completion_tokens
        for f in said
        if f.prompt_tokens is not None and f.completion_tokens is not None
    ]
    costs = [f.cost_usd for f in said if f.cost_usd is not None]
    return Advice(
        name=said[-1].model,
        answers=len(said),
        tokens=sum(tokens) if len(tokens) == len(said) else None,
        cost_usd=sum(costs) if len(costs) == len(said) else None,
    )
