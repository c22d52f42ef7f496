"""One line a fact: the story of an incident for those who read it as plain text."""

from __future__ import annotations

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
    Refused,
    Returned,
    Ruled,
    Stuck,
    Undone,
    Verified,
)


def headline(fact: AnyFact) -> str:
    """One line of text; words from the world stand in it as they are."""
    match fact:
        case Detected():
            again = f", recurrence {fact.recurrence}" if fact.recurrence else ""
            text = f"detected {fact.symptom} on {fact.service} ({fact.severity}{again}): {fact.summary}"
        case Diagnosed():
            text = f"root cause: {fact.root_cause} (confidence {fact.confidence:.2f}, attempt {fact.attempt})"
        case Ruled():
            held = sum(p.ok is True for p in fact.predicates)
            text = f"ruled {fact.ruling}: {held} of {len(fact.predicates)} rules hold"
        case Commanded():
            text = f"{fact.login} ({fact.permission}) said /{fact.command}"
        case Began():
            text = f"began {fact.directive_id}"
        case Applied():
            how = "found done after a crash" if fact.settled else f"done in {fact.took_s:.1f} s"
            text = f"applied {fact.directive_id}, {how}"
        case Refused():
            text = f"refused {fact.directive_id}: {fact.precondition}"
        case Verified():
            text = f"verified {fact.outcome}, held {fact.held_s:.1f} s: {fact.detail}"
        case Learned():
            text = f"closed: {fact.actions} action(s), {fact.refusals} refusal(s), {fact.ineffective} without effect"
        case Advised():
            text = (
                f"{fact.model}, a model, on diagnosis {fact.attempt}: {len(fact.narrative)} sentence(s), not evidence"
            )
        case Escalated() | Stuck():
            text = f"{fact.kind}: {fact.reason}"
        case _:
            text = _about_a_pull(fact)
    return text


def _about_a_pull(fact: AnyFact) -> str:
    match fact:
        case Proposed():
            text = f"pull request {fact.number} on {fact.base_sha[:10]}: {'; '.join(fact.changes)}"
        case Proved():
            text = f"pull request {fact.number} {fact.verdict} at {fact.head_sha[:10]}"
        case Merged():
            text = f"pull request {fact.number} merged by {fact.by} as {fact.merge_sha[:10]}"
        case Deployed():
            text = f"deploy of {fact.sha[:10]} {fact.outcome} after {fact.took_s:.1f} s: {fact.detail}"
        case Undone():
            text = f"taken back by pull request {fact.number} ({fact.why})"
        case Dispatched():
            text = f"handed to {fact.backend}: {fact.session}"
        case Planned():
            text = f"{fact.backend} plans: {fact.plan.splitlines()[0] if fact.plan else ''}"
        case Returned():
            text = f"{fact.backend} gave it back: {fact.reason}"
        case _:
            raise TypeError(fact)
    return text
