"""Guardrail's judgement: people's commands first, then the ruling on the directive in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.agent import Answer, Effect, Label, Later, Say
from shared.incident.commands import COMMANDS, Command
from shared.incident.facts import Commanded, Ruled, Steers
from shared.incident.labels import HOLD
from shared.incident.render import code, plain
from shared.incident.replay import Incident, why_not
from shared.incident.situation import Situation
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.policy.rules import rule

LOOK_AGAIN: Final = timedelta(seconds=5)
"""How soon a passing obstacle is looked at again. A freeze or hold that ends wakes Guardrail sooner."""

STOPS: Final = frozenset(("hold", "unhold"))
"""Commands that do not wait behind others."""
MOST_REFUSALS: Final = 5
"""Answers in words on one issue; strangers beyond it are met with silence, or they could spend the write budget."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command nobody has answered yet, with its author's permission as GitHub said just now."""

    command: Command
    permission: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: GitHub's time, the commands to answer, and the situation if there is a directive to rule on."""

    now: datetime
    spoken: tuple[Spoken, ...]
    situation: Situation | None


def judge(incident: Incident, seen: Seen, policy: Policy) -> Effect | None:
    """Permitted people's commands first (a hold before all), then the ruling, then words to those who may not."""
    permitted = [s for s in seen.spoken if s.command.permitted(s.permission)]
    if permitted:
        first = min(permitted, key=lambda s: (s.command.name not in STOPS, s.command.comment_id))
        return _answer(incident, first, seen.now, policy)
    ruling = _ruling(incident, seen, policy)
    if isinstance(ruling, Say) or not seen.spoken or len(incident.answered) >= MOST_REFUSALS:
        return ruling
    return _refusal(seen.spoken[0])


def _ruling(incident: Incident, seen: Seen, policy: Policy) -> Say | Later | None:
    """The ruling on the directive in force; Later while the obstacle is a passing one."""
    directive = incident.directive
    if incident.status is not Status.DIAGNOSED or directive is None or seen.situation is None:
        return None
    verdict = rule(policy, directive, seen.situation)
    if verdict.outcome == "wait":
        why = "; ".join(f"{p.name}: {p.detail}" for p in verdict.failed)
        return Later(seen.now + LOOK_AGAIN, why)
    holds = policy.limits.approval_holds_for if verdict.outcome == "needs-approval" else policy.limits.ruling_holds_for
    return Say(
        Ruled(
            ruling=verdict.outcome,
            directive_sha256=directive.digest,
            policy_sha256=policy.digest,
            predicates=verdict.predicates,
            expires_at=(seen.now + holds).replace(microsecond=0),
            situation=seen.situation if seen.situation.fits else None,
        )
    )


def _refusal(spoken: Spoken) -> Answer:
    name, login = code("/" + spoken.command.name), code(spoken.command.login)
    needs = COMMANDS[spoken.command.name]
    return Answer(
        f"Refused: {name} needs {needs} permission, {login} has {plain(spoken.permission)}.", spoken.command.comment_id
    )


def _answer(incident: Incident, spoken: Spoken, now: datetime, policy: Policy) -> Effect:
    command = spoken.command
    match command.name:
        case "hold" | "unhold":
            held = command.name == "hold"
            said = "Held: the fleet does nothing here until /unhold." if held else "The hold is lifted."
            return Label(HOLD, held, Answer(said, command.comment_id))
        case "help":
            rows = [f"| {code('/' + name)} | {needs} |" for name, needs in COMMANDS.items()]
            return Answer("\n".join(["| command | permission |", "|---|---|", *rows]), command.comment_id)
        case "explain":
            return Answer(explain(incident), command.comment_id)
        case _:
            return _command(incident, spoken, now, policy)


def _command(incident: Incident, spoken: Spoken, now: datetime, policy: Policy) -> Effect:
    command, directive = spoken.command, incident.directive
    bound = command.name in ("approve", "deny")
    planned = incident.plan if incident.status is Status.ESCALATED else None
    about = planned.plan_sha256 if planned else directive.digest if directive else None
    fact = Commanded.model_validate(
        {
            "command": command.name,
            "login": command.login,
            "permission": spoken.permission,
            "comment_id": command.comment_id,
            "comment_sha256": command.comment_sha256,
            "directive_sha256": about if bound else None,
            "expires_at": (now + policy.limits.approval_holds_for).replace(microsecond=0)
            if command.name == "approve"
            else None,
            "steers": _about(incident, command) if command.name in ("focus", "reject") else None,
        }
    )
    reason = why_not(incident, fact, "guardrail", now)
    if reason is not None:
        return Answer(f"Refused: {code('/' + command.name)}: {plain(reason)}.", command.comment_id)
    return Say(fact)


def _about(incident: Incident, command: Command) -> Steers | None:
    """The hypothesis that the command names, as it stood on the issue when the command was written."""
    named = command.arguments[0].casefold() if command.arguments else ""
    listed = incident.listed(command.comment_id)
    found = next((h for h in listed if h.id.casefold() == named), None)
    return Steers(hypothesis=found.id, service=found.service, cause=found.cause) if found else None


def explain(incident: Incident) -> str:
    """The story of an incident from its facts alone: who said what, when, and what failed."""
    rows = ["| when | who | what | why |", "|---|---|---|---|"]
    for entry in incident.entries:
        fact = entry.fact
        match fact:
            case Ruled():
                failed = [f"{p.name}: {p.detail}" for p in fact.predicates if not p.ok]
                why = "; ".join(failed) or "every predicate holds"
            case _:
                why = str(
                    getattr(fact, "summary", None)
                    or getattr(fact, "root_cause", None)
                    or getattr(fact, "reason", None)
                    or getattr(fact, "detail", None)
                    or getattr(fact, "login", None)
                    or ""
                )
        rows.append(f"| {entry.at:%H:%M:%S} | {entry.by} | {fact.move} | {code(why) if why else ''} |")
    return "\n".join(rows)
