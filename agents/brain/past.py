"""What Brain says of the past: which lessons bear on the action it chose, with the evidence for each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from agents.brain.case import Runbook, evidence
from shared.incident.evidence import one_line
from shared.incident.parts import Evidence, Hypothesis, Verb
from shared.recall.experience import Experience, Lesson

MOST: Final = 6
"""Lessons that one fact cites: the newest of each verb."""
LONGEST_EXCERPT: Final = 1_200
"""Characters of a runbook that a brief holds."""


def lessons(past: Experience) -> tuple[Lesson, ...]:
    """The newest verdict on each verb, newest first; where there is none, that it was not made."""
    newest = {lesson.tried.verb: lesson for lesson in (*past.vain, *past.lessons)}
    return tuple(sorted(newest.values(), key=lambda x: x.tried.at, reverse=True))[:MOST]


def remembered(past: Experience, chosen: Verb | None) -> tuple[str, ...]:
    """One line a lesson: what speaks for the verb that was chosen, and what is left out because it did not help."""
    return tuple(one_line(_line(lesson, chosen)) for lesson in lessons(past))


def _line(lesson: Lesson, chosen: Verb | None) -> str:
    if lesson.tried.result == "worked":
        return f"{lesson.line}: so again" if lesson.tried.verb == chosen else lesson.line
    return lesson.line if lesson.tried.verb == chosen else f"{lesson.line}: so not again"


def cited(past: Experience, held: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence of the lessons that `held` does not hold yet."""
    ids = {one.id for one in held}
    made = []
    for lesson in lessons(past):
        verbatim = {
            "issue": lesson.episode.issue,
            "fact": lesson.tried.digest,
            "verb": lesson.tried.verb,
            "result": lesson.tried.result,
        }
        made.append(evidence("incident", str(lesson.episode.issue), lesson.line, verbatim, link=lesson.episode.url))
    return tuple(one.evidence for one in made if one.evidence.id not in ids)


def fitting(runbooks: Iterable[Runbook], best: Hypothesis) -> Runbook | None:
    """The runbook that is named after this cause in this service; else the likeliest that speaks of the service."""
    all_of_them = tuple(runbooks)
    named = f"docs/runbooks/{best.service}-{best.cause}.md"
    exact = (r for r in all_of_them if r.path == named)
    about = (r for r in all_of_them if best.service in r.text)
    return next(exact, None) or next(about, None)


def pointed(runbook: Runbook | None) -> tuple[str, ...]:
    """The line that points to it."""
    return (one_line(f"runbook {runbook.path} at {runbook.commit[:10]}"),) if runbook is not None else ()


def excerpt(runbook: Runbook | None) -> tuple[str, ...]:
    """Its beginning, line by line, marked as quoted."""
    if runbook is None:
        return ()
    told = [line.strip() for line in runbook.text[:LONGEST_EXCERPT].splitlines() if line.strip()]
    return (f"{runbook.path} at {runbook.commit[:10]} says:", *(f"> {line}" for line in told))
