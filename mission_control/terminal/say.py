"""A person's word from the command line: the comment `/word` with that person's token, and Guardrail's answer to it.

The comment is all there is: whoever says the same on the issue is answered the same.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass
from typing import Final, Literal

from mission_control.exits import Ended, Exit
from mission_control.github import Repository
from mission_control.running import as_operator
from mission_control.settings import Settings
from mission_control.terminal.follow import OneIssue, keyring_of
from mission_control.terminal.printable import printable, printable_lines
from mission_control.terminal.shapes import SaidShape
from shared.incident.commands import Command
from shared.incident.facts import Commanded
from shared.incident.replay import ANSWER, Incident
from shared.incident.thread import Comment

EVERY: Final = 0.5
"""Seconds between two looks for the answer; a look without a change is a 304, which GitHub does not count."""
REFUSED: Final = "Refused"
"""How Guardrail's words begin when the answer is no (agents/guardrail/judge.py)."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is said where, and how many seconds its answer may take; 0: it is not waited for."""

    number: int
    name: str
    arguments: tuple[str, ...] = ()
    within: float = 60.0

    @property
    def comment(self) -> str:
        return " ".join((f"/{self.name}", *self.arguments))


@dataclass(frozen=True, slots=True)
class Heard:
    """Guardrail's answer."""

    how: Literal["fact", "words"]
    text: str
    refused: bool = False


class MayNotSay(Ended):
    """This account may not say it; the message says why."""

    code = Exit.DENIED


class NoIncident(Ended):
    """The issue is no incident of the fleet: nobody there would answer."""

    code = Exit.PRECONDITION


def say(settings: Settings, word: Word, as_json: bool) -> Exit:
    """Say it, and tell the answer. Raises GithubSaysNo, NotRunning, BadSettings, NoOperator, MayNotSay, NoIncident."""
    at = as_operator(settings)
    keyring = keyring_of(at)
    login = at.repository.login()
    if login in keyring.accounts:
        raise MayNotSay(
            f"{login} is an account of the fleet, and the fleet cannot command itself: "
            "set SRE_OPERATOR_TOKEN to a token of a person"
        )
    issue = OneIssue(at.repository, keyring, word.number)
    before = issue.look()
    if before is None or not before.is_incident:
        raise NoIncident(f"#{word.number} is not an incident: no fact of the fleet stands there")
    posted = at.repository.call("POST", f"/issues/{word.number}/comments", json={"body": word.comment}).json()
    heard = _wait(issue, word, int(posted["id"]))
    code = _code(at.repository, word, login, heard)
    if as_json:
        document: SaidShape = {
            "number": word.number,
            "said": word.comment,
            "login": login,
            "comment_url": str(posted["html_url"]),
            "answered": heard.how if heard else None,
            "text": heard.text if heard else None,
            "code": int(code),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(f"{login} said {printable(word.comment)} on #{word.number}: {printable(posted['html_url'])}\n")
        if heard is not None:
            sys.stdout.write(printable_lines(heard.text))
        elif word.within:
            sys.stdout.write(f"no answer within {word.within:g} s: it counts when Guardrail reads it\n")
    return code


def answer_to(incident: Incident, comments: tuple[Comment, ...], comment_id: int) -> Heard | None:
    """What the fleet said to the comment: the fact that counts it, else the words that name it; None: nothing yet.

    `comments` are those by accounts of the fleet.
    """
    for entry in incident.entries:
        fact = entry.fact
        if isinstance(fact, Commanded) and fact.comment_id == comment_id:
            until = f", until {fact.expires_at:%H:%M:%S} UTC" if fact.expires_at else ""
            return Heard("fact", f"counted: /{fact.command} by {fact.login} ({fact.permission}){until}; "
                                 f"now {incident.status.value.removeprefix('Status: ')}")  # fmt: skip
    for comment in comments:
        mark = ANSWER.match(comment.body)
        if mark and int(mark[1]) == comment_id:
            words = comment.body[mark.end() :].strip()
            return Heard("words", words, words.startswith(REFUSED))
    return None


def _wait(issue: OneIssue, word: Word, comment_id: int) -> Heard | None:
    deadline = time.monotonic() + word.within
    pause = threading.Event()
    while time.monotonic() < deadline:
        incident = issue.look()
        if incident is not None and (heard := answer_to(incident, issue.own_words, comment_id)):
            return heard
        pause.wait(EVERY)
    return None


def _code(repository: Repository, word: Word, login: str, heard: Heard | None) -> Exit:
    """A refusal is for want of permission when GitHub says now that the person has less than the word needs."""
    if heard is None:
        return Exit.DEGRADED if word.within else Exit.OK
    if not heard.refused:
        return Exit.OK
    command = Command(word.name, word.arguments, login, 0, "")
    return Exit.PRECONDITION if command.permitted(_role(repository)) else Exit.DENIED


def _role(repository: Repository) -> str:
    """The caller's own role, from the repository as the caller sees it. Raises GithubSaysNo."""
    rights = repository.call("GET", "").json().get("permissions") or {}
    names = (("admin", "admin"), ("maintain", "maintain"), ("push", "write"), ("triage", "triage"), ("pull", "read"))
    return next((role for right, role in names if rights.get(right)), "none")
