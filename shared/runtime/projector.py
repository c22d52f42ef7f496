"""Labels and the status card follow the log: read it again, change only what differs, one label at a time, later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from shared.incident import labels
from shared.incident.card import with_card
from shared.incident.facts import Advised, Applied, Diagnosed, Merged, Undone, Verified
from shared.incident.render import render_card
from shared.incident.replay import Incident, replay
from shared.incident.signing import Keyring
from shared.incident.status import Status
from shared.ports import Issues, IssueWriter, Lane

_log = structlog.get_logger()

NEXT: Final[dict[Status, str]] = {
    Status.DETECTED: "Next: Brain looks for the root cause.",
    Status.DIAGNOSED: "Next: Guardrail rules.",
    Status.NEEDS_APPROVAL: "Waits for a person: `/approve` or `/deny`.",
    Status.APPROVED: "Next: Fixer acts.",
    Status.FIXING: "Fixer is acting.",
    Status.VERIFYING: "Scout watches whether it helped.",
    Status.UNDOING: "Fixer takes the change back.",
    Status.FIXED: "Next: Memory closes.",
    Status.ESCALATED: "Handed on: a restart is not the answer. `/retry` starts over.",
    Status.NEEDS_HUMAN: "Waits for a person. `/retry` starts over, `/escalate` hands it on.",
    Status.CLOSED: "",
}


class Later(Protocol):
    """A queue of writes that may lag; the newest of a key wins."""

    def submit(self, lane: Lane, key: str, work: Callable[[], None]) -> None: ...


class Projector:
    """Fulfils `scribe.Projects`."""

    def __init__(self, issues: Issues, writer: IssueWriter, keyring: Keyring, queue: Later) -> None:
        self._issues = issues
        self._writer = writer
        self._keyring = keyring
        self._queue = queue

    def project(self, number: int) -> None:
        self._queue.submit("status", f"labels-{number}", lambda: self.project_now(number))

    def project_now(self, number: int) -> None:
        """Read the log and bring labels, then the card, in line. Raises Transient, Permanent."""
        thread = self._issues.thread(number)
        incident = replay(thread, self._keyring)
        plan = labels.plan(incident)
        for label in plan.add:
            self._writer.add_label(number, label)
        for label in plan.remove:
            self._writer.remove_label(number, label)
        body = with_card(thread.body, card(incident)) if incident.is_incident else thread.body
        if body != thread.body:
            self._queue.submit("cosmetic", f"card-{number}", lambda: self._writer.edit_body(number, body))


def card(incident: Incident) -> str:
    """The status card's Markdown, from facts alone."""
    firing = [e.fact for e in incident.firing]
    diagnosed = next((f for f in reversed(firing) if isinstance(f, Diagnosed)), None)
    done = []
    if any(isinstance(f, Applied) for f in firing):
        done.append(f"{sum(isinstance(f, Applied) for f in firing)} × restart")
    done += [f"pull request {f.number} merged" for f in firing if isinstance(f, Merged)]
    done += [f"taken back by pull request {f.number}" for f in firing if isinstance(f, Undone)]
    verified = next((f for f in reversed(firing) if isinstance(f, Verified)), None)
    if verified is not None:
        done.append(verified.outcome)
    return render_card(
        status=incident.status.value.removeprefix("Status: "),
        service=incident.detected.service,
        since=incident.detected.since,
        cause=diagnosed.root_cause if diagnosed else None,
        confidence=diagnosed.confidence if diagnosed else None,
        waiting=NEXT[incident.status],
        done=", ".join(done),
        model=_model(incident),
    )


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
