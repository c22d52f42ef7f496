"""Guardrail's judgement: people's commands first, then the ruling on the directive in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, get_args

from agents.guardrail.words import LEAST_TO_SUGGEST, commands, explain, postmortem, suggestion
from shared.agent import Answer, Effect, Label, Later, Say
from shared.incident.commands import COMMANDS, MOST_TO_STRANGERS, RANK, Command, Mistyped, worth_an_answer
from shared.incident.facts import Commanded, Ruled, Steers
from shared.incident.labels import HOLD
from shared.incident.record import Tier3
from shared.incident.render import code, plain
from shared.incident.replay import Incident, why_not
from shared.incident.silence import about, how_long
from shared.incident.situation import Silence, Situation
from shared.incident.status import Status
from shared.policy.model import Policy
from shared.policy.rules import rule

LOOK_AGAIN: Final = timedelta(seconds=5)
"""How soon a passing obstacle is looked at again. A freeze or hold that ends wakes Guardrail sooner."""

STOPS: Final = frozenset(("hold", "unhold", "silence"))
"""Commands that do not wait behind others."""
MOST_REFUSALS: Final = MOST_TO_STRANGERS
"""Answers in words on one issue; beyond it nobody is told that they may not."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command nobody has answered yet, with its author's permission as GitHub said just now."""

    command: Command
    permission: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: GitHub's time, the commands to answer, and the situation if there is a directive to rule on.

    `silence`: the one that an /approve would go against; `slips`: what was nearly a command, with its author's
    permission; `ticked`: boxes that people ticked beside what waits for them."""

    now: datetime
    spoken: tuple[Spoken, ...]
    situation: Situation | None
    silence: Silence | None = None
    slips: tuple[tuple[Mistyped, str], ...] = ()
    ticked: tuple[Spoken, ...] = ()


def judge(incident: Incident, seen: Seen, policy: Policy) -> Effect | None:
    """Permitted people's commands first (a hold before all), then the ruling, then words to those who may not."""
    told = len(incident.answered)
    heard = (s for s in seen.spoken if worth_an_answer(told, s.permission))
    permitted = [s for s in heard if s.command.permitted(s.permission)]
    if permitted:
        first = min(permitted, key=lambda s: (s.command.name not in STOPS, s.command.comment_id))
        return _answer(incident, first, seen, policy)
    ticked = (_answer(incident, s, seen, policy) for s in seen.ticked if s.command.permitted(s.permission))
    counts = next((effect for effect in ticked if isinstance(effect, Say)), None)
    if counts is not None:  # one that does not count is only drawn again: there is no comment to answer
        return counts
    ruling = _ruling(incident, seen, policy)
    if isinstance(ruling, Say) or told >= MOST_REFUSALS:
        return ruling
    if seen.spoken:
        return _refusal(seen.spoken[0])
    slip = next((said for said, may in seen.slips if RANK.get(may, 0) >= LEAST_TO_SUGGEST), None)
    return Answer(suggestion(slip), slip.comment_id) if slip is not None else ruling


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


def _answer(incident: Incident, spoken: Spoken, seen: Seen, policy: Policy) -> Effect:
    command = spoken.command
    match command.name:
        case "hold" | "unhold":
            held = command.name == "hold"
            said = "Held: the fleet does nothing here until /unhold." if held else "The hold is lifted."
            return Label(HOLD, held, Answer(said, command.comment_id))
        case "help":
            return Answer(commands(incident), command.comment_id)
        case "explain":
            return Answer(explain(incident), command.comment_id)
        case "postmortem":
            return Answer(postmortem(incident), command.comment_id)
        case "silence":
            return _silence(incident, spoken, seen.now, policy)
        case "escalate" if command.arguments and _addressee(command) is None:
            return _no(command, f"say one of {', '.join(get_args(Tier3))}; without a name they are asked in order")
        case "approve" if seen.silence is not None:
            quiet = seen.silence
            why = f"{', '.join(quiet.services)} silenced until {quiet.until:%H:%M:%S} UTC by {quiet.login}"
            return _no(command, f"{why} on #{quiet.issue}; /silence off ends that")
        case _:
            return _command(incident, spoken, seen.now, policy)


def _no(command: Command, why: str) -> Answer:
    return Answer(f"Refused: {code('/' + command.name)}: {plain(why)}.", command.comment_id)


def _silence(incident: Incident, spoken: Spoken, now: datetime, policy: Policy) -> Effect:
    """Say, or Answer where it is not said for how long, or for too long."""
    command, most = spoken.command, policy.limits.silence_at_most
    asked = command.arguments[0].casefold() if command.arguments else ""
    length = how_long(asked)
    if length is None and asked != "off":
        return _no(command, "say for how long, as in /silence 2h (s, m, h, d), or /silence off")
    if length is not None and length > most:
        return _no(command, f"at most {most.total_seconds() / 3600:g}h at a time")
    before = (c for c in incident.all(Commanded) if c.command == "silence")
    named = dict.fromkeys((*about(incident), *(name for c in before for name in c.silences)))
    return _said(
        incident,
        Commanded(
            command="silence",
            login=command.login,
            permission=spoken.permission,
            comment_id=command.comment_id,
            comment_sha256=command.comment_sha256,
            expires_at=(now + length).replace(microsecond=0) if length is not None else None,
            silences=tuple(named)[:4],
        ),
        command,
        now,
    )


def _said(incident: Incident, fact: Commanded, command: Command, now: datetime) -> Effect:
    """The fact, or why it would not count."""
    reason = why_not(incident, fact, "guardrail", now)
    return Say(fact) if reason is None else _no(command, reason)


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
            "edit": command.edit,
            "directive_sha256": about if bound else None,
            "expires_at": (now + policy.limits.approval_holds_for).replace(microsecond=0)
            if command.name == "approve"
            else None,
            "steers": _about(incident, command) if command.name in ("focus", "reject") else None,
            "to": _addressee(command) if command.name == "escalate" else None,
        }
    )
    return _said(incident, fact, command, now)


def _addressee(command: Command) -> str | None:
    """Whom an escalation names; None for nobody, and for a name that nobody has."""
    named = command.arguments[0].casefold() if command.arguments else ""
    return named if named in get_args(Tier3) else None


def _about(incident: Incident, command: Command) -> Steers | None:
    """The hypothesis that the command names, as it stood on the issue when the command was written."""
    named = command.arguments[0].casefold() if command.arguments else ""
    listed = incident.listed(command.comment_id)
    found = next((h for h in listed if h.id.casefold() == named), None)
    return Steers(hypothesis=found.id, service=found.service, cause=found.cause) if found else None
