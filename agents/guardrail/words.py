"""What Guardrail answers in words: the list of commands, the story so far, the post-mortem. From facts alone."""

from __future__ import annotations

from typing import Final

from shared.incident.commands import RANK, TABLE, Mistyped
from shared.incident.facts import AnyFact, Commanded, Learned, Ruled
from shared.incident.fitting import fits
from shared.incident.render import clock, code, escape, link, plain, render_postmortem
from shared.incident.replay import Incident
from shared.incident.statuscard import permalink

MOST_ROWS: Final = 100
"""Facts that `/explain` tells, the newest ones: a comment has an end."""
LEAST_TO_SUGGEST: Final = RANK["triage"]
"""On a public repository everybody has read: strangers cannot make the bot talk by mistyping."""


def suggestion(said: Mistyped) -> str:
    return f"{code('/' + said.word)} is no command. Did you mean {code('/' + said.nearest)}? `/help` lists them all."


def commands(incident: Incident) -> str:
    """Each command: who may use it, what it does, whether it fits now."""
    now = fits(incident)
    rows = [
        f"| {'**now**' if f'/{r.name}' in now else '–'} | {code(r.syntax)} | {r.permission} | {escape(r.does)} |"
        for r in TABLE
    ]
    told = "Written at the start of a line in a new comment; your permission is looked up when you say it."
    return "\n".join(["| fits | command | needs | what it does |", "|---|---|---|---|", *rows, "", told])


def explain(incident: Incident) -> str:
    """The story of an incident from its facts alone: who said what, when and why, each linked to where it stands."""
    told = incident.entries[-MOST_ROWS:]
    rows = []
    for e in told:
        said = link(e.fact.move, permalink(incident, e))
        rows.append(f"| {clock(e.posted_at)} | {e.by} | {said} | {_why(e.fact)} |")
    left = len(incident.entries) - len(told)
    more = [f"{left} older facts are not shown.", ""] if left else []
    return "\n".join([*more, "| when | who | what | why |", "|---|---|---|---|", *rows])


def _why(fact: AnyFact) -> str:
    match fact:
        case Ruled():
            failed = [f"{p.name}: {p.detail}" for p in fact.predicates if not p.ok]
            why = "; ".join(failed) or "every predicate holds"
        case Commanded(command="silence"):
            until = f"until {fact.expires_at:%Y-%m-%d %H:%M:%S} UTC" if fact.expires_at else "off"
            why = f"{fact.login}: {', '.join(fact.silences)} {until}"
        case _:
            named = ("summary", "root_cause", "reason", "detail", "login")
            why = next((str(value) for name in named if (value := getattr(fact, name, None))), "")
    return str(code(plain(why)[:300])) if why else ""


def postmortem(incident: Incident) -> str:
    """A link to the post-mortem that stands, else the one so far."""
    closed = next((e for e in reversed(incident.firing) if isinstance(e.fact, Learned)), None)
    if closed is not None:
        return f"It stands {link('here', permalink(incident, closed))}."
    return f"**Post-mortem so far**\n\n{render_postmortem(incident, None)}"
