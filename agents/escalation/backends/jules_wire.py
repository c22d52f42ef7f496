"""What Jules says, read: pure, total on odd answers, every text of its bounded and made plain.

Shapes: https://developers.google.com/jules/api/reference/rest (v1alpha).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.incident.evidence import one_line
from shared.incident.render import plain
from shared.ports import PullRef, Session, SessionState

STATES: Final[dict[str, SessionState]] = {
    "QUEUED": "queued",
    "PLANNING": "planning",
    "AWAITING_PLAN_APPROVAL": "awaiting-approval",
    "AWAITING_USER_FEEDBACK": "awaiting-feedback",
    "IN_PROGRESS": "working",
    "PAUSED": "paused",
    "FAILED": "failed",
    "COMPLETED": "completed",
}
ENDED: Final = frozenset(("failed", "completed"))
EXPLAINED: Final = frozenset(("awaiting-approval", "awaiting-feedback", "paused", "failed"))
"""The states whose reason stands among the activities."""
LONGEST_PLAN: Final = 4_000
LONGEST_DETAIL: Final = 1_000
"""Characters."""
MOST_STEPS: Final = 40
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PULL: Final = re.compile(r"https?://[^/\s?#]+/([^/\s?#]+/[^/\s?#]+)/pull/(\d{1,9})/?")


@dataclass(frozen=True, slots=True)
class Row:
    """One session of the account. `created_at` is None where it says none that can be read."""

    id: str
    title: str
    state: SessionState
    created_at: datetime | None


def session_id(value: object) -> str:
    """The id, which goes into addresses. Raises ValueError for what is none."""
    if not isinstance(value, str) or not _SESSION_ID.fullmatch(value):
        raise ValueError(f"{value!r:.80} is no session id")
    return value


def row(value: Any) -> Row | None:
    """A listed session; None for what is none."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not _SESSION_ID.fullmatch(value["id"]):
        return None
    return Row(value["id"], _text(value, "title").strip(), state(value), moment(value.get("createTime")))


def state(value: dict[str, Any]) -> SessionState:
    return STATES.get(_text(value, "state"), "unknown")


def session(value: dict[str, Any], activities: Sequence[dict[str, Any]], repo: str) -> Session:
    """`activities` oldest first, empty where the state needs none. A pull request elsewhere than in `repo` is none."""
    said, now = _text(value, "state"), state(value)
    notes = [f"Jules says {plain(said)[:60] or 'no state'}"] if now == "unknown" else []
    pull = _output(value, repo, notes)
    if pull and pull.head and not pull.head.endswith(str(value["id"])):
        notes.append(f"its branch {plain(pull.head)[:100]} does not end in the session's number")
    if pull and now not in ENDED:
        notes.append("it had an outcome and goes on")
    if why := _why(now, activities):
        notes.append(why)
    url = _text(value, "url")
    return Session(
        backend="jules",
        id=str(value["id"]),
        url=url if re.fullmatch(r"https?://[^\s<>\"'`]{1,300}", url) else "",
        state=now,
        plan=_plan(activities) if now == "awaiting-approval" else None,
        pull=pull,
        detail=one_line("; ".join(notes), LONGEST_DETAIL),
    )


def _output(value: dict[str, Any], repo: str, notes: list[str]) -> PullRef | None:
    """The pull request it made. A change set is none: nobody here applies a diff."""
    pulls: dict[int, PullRef] = {}
    alone = False
    for output in _objects(value.get("outputs")):
        if isinstance(opened := output.get("pullRequest"), dict):
            found = _PULL.fullmatch(_text(opened, "url"))
            if found and found[1].lower() == repo.lower():
                pulls[int(found[2])] = PullRef(int(found[2]), found[0], _text(opened, "headRef")[:250])
            else:
                notes.append(f"it names a pull request that is not in {repo}")
        alone |= isinstance(output.get("changeSet"), dict)
    if len(pulls) > 1:
        notes.append(f"it names {len(pulls)} pull requests; the first counts")
    if alone and not pulls:
        notes.append("it made a change set and no pull request")
    return pulls[min(pulls)] if pulls else None


def _why(now: SessionState, activities: Sequence[dict[str, Any]]) -> str:
    """The newest word on why it is where it is."""
    for activity in reversed(activities):
        if now == "failed" and isinstance(failed := activity.get("sessionFailed"), dict):
            return plain(_text(failed, "reason")) or "it gives no reason"
        if now in ("awaiting-feedback", "paused") and isinstance(said := activity.get("agentMessaged"), dict):
            return plain(_text(said, "agentMessage"))
    return ""


def _plan(activities: Sequence[dict[str, Any]]) -> str:
    """The newest plan, a step a line; empty where there is none to read."""
    for activity in reversed(activities):
        if isinstance(made := activity.get("planGenerated"), dict) and isinstance(plan := made.get("plan"), dict):
            steps = _objects(plan.get("steps"))
            lines = [_step(n, step) for n, step in enumerate(steps[:MOST_STEPS], 1)]
            if len(steps) > MOST_STEPS:
                lines.append(f"… and {len(steps) - MOST_STEPS} steps more")
            return _bounded("\n".join(lines))
    return ""


def _bounded(plan: str) -> str:
    """A plan that people approve says when it is not all."""
    rest = "\n… the rest is cut"
    return plan if len(plan) <= LONGEST_PLAN else plan[: LONGEST_PLAN - len(rest)] + rest


def _step(number: int, step: dict[str, Any]) -> str:
    told = [one_line(plain(_text(step, name)), 300) for name in ("title", "description")]
    return f"{number}. {': '.join(part for part in told if part)}"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def moment(value: Any) -> datetime | None:
    """RFC 3339, with up to nine digits of a second."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        return None
    return found if found.tzinfo else None
