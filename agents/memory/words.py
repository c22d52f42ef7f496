"""What Memory answers to `/similar`: a table of what each earlier incident's own signed log says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.agent import Answer
from shared.incident.commands import ANSWERS, Command, parse, worth_an_answer
from shared.incident.episodes import Episode, episodes
from shared.incident.facts import Commanded
from shared.incident.postmortem import RESULT
from shared.incident.render import code, escape, link
from shared.incident.replay import Incident

_NONE: Final = "No earlier incident like this one is known."


@dataclass(frozen=True, slots=True)
class Asked:
    """A `/similar` that nobody has answered, its author's permission just now, what was found and how."""

    command: Command
    permission: str
    found: tuple[Incident, ...]
    how: str


def unanswered(incident: Incident) -> Command | None:
    """The first /similar that nobody has answered."""
    counted = {c.comment_id for c in incident.all(Commanded)} | incident.answered
    said = (parse(comment)[:1] for comment in incident.words if comment.id not in counted)
    return next((c for found in said for c in found if ANSWERS[c.name] == "memory"), None)


def answer(incident: Incident, asked: Asked) -> Answer | None:
    """A table of what each log says was tried, or why not; None for a stranger who has been told enough."""
    command = asked.command
    if not worth_an_answer(len(incident.answered), asked.permission):
        return None
    if not command.permitted(asked.permission):
        return Answer(f"Refused: {code('/' + command.name)} needs read permission.", command.comment_id)
    rows = [row for one in asked.found for row in _rows(one)]
    head = ["| incident | what it was | what was tried | ended |", "|---|---|---|---|"]
    told = [*head, *rows] if rows else [_NONE]
    return Answer("\n".join([*told, "", f"Looked for {escape(asked.how)}."]), command.comment_id)


def _rows(incident: Incident) -> list[str]:
    ended = [e for e in episodes(incident) if e.ended]
    return [_row(incident, ended[-1], len(ended))] if ended else []


def _row(incident: Incident, last: Episode, times: int) -> str:
    what = f"{last.cause} in {code(last.service)}: {escape(last.summary)}"
    tried = "; ".join(f"{t.verb} {code(t.directive.target)} {RESULT[t.result]}" for t in last.tries) or "nothing"
    again = f", {times} times" if times > 1 else ""
    return f"| {link('#' + str(incident.number), incident.url)}{again} | {what} | {tried} | {last.ending} |"
