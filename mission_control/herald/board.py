"""What the fleet's own issue shows: pure, from logs, policy and who was heard. The same input gives the same text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agents.guardrail.look import actions
from mission_control.fleet.roster import ROLES
from shared.incident.card import BEGIN, END
from shared.incident.episodes import episodes
from shared.incident.labels import FREEZE
from shared.incident.outlook import outlook
from shared.incident.render import Markdown, render_board
from shared.incident.replay import Incident
from shared.incident.status import Status
from shared.incident.ticks import box
from shared.policy.model import Policy
from shared.recall.report import fared
from shared.recall.trust import standings

MARK: Final = "<!-- sre-space:dashboard -->"
"""Opens the body: by it the issue is found again."""
TITLE: Final = "SRE-Space: the fleet"
WEEK: Final = timedelta(days=7)
MOST_INCIDENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one role: since when it is heard without a pause, or since when no more. Both None: never."""

    since: datetime | None = None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class View:
    """`incidents`: all that are open, and what changed within a week. `frozen`: the issues that freeze; None when that
    could not be read. `heard` is None without a stream."""

    now: datetime
    incidents: Sequence[Incident]
    frozen: tuple[int, ...] | None
    heard: Mapping[str, Heard] | None
    policy: Policy


@dataclass(frozen=True, slots=True)
class Agent:
    name: str
    heard: datetime | None
    silent_since: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A directive, or a plan, that a person is asked about."""

    number: int
    url: str
    what: str
    until: datetime | None
    digest: str

    @property
    def box(self) -> Markdown:
        """The line to tick."""
        return Markdown(box(self.number, self.what, self.digest))


@dataclass(frozen=True, slots=True)
class Open:
    number: int
    url: str
    summary: str
    status: str
    service: str
    since: datetime
    next: str


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    used: int
    of: int
    alone: tuple[str, ...]
    asks: tuple[str, ...]
    doubt: tuple[str, ...]


def board_of(rows: Iterable[dict[str, Any]], login: str) -> int | None:
    """The oldest open board of this account among issues as GitHub lists them."""
    found = [int(row["number"]) for row in rows if is_board(row, login) and row.get("state") == "open"]
    return min(found, default=None)


def is_board(row: dict[str, Any], login: str) -> bool:
    """Whether an issue, open or closed, is one that this account made to show the fleet."""
    author = str((row.get("user") or {}).get("login", ""))
    marked = str(row.get("body") or "").startswith(MARK) or row.get("title") == TITLE
    return author.casefold() == login.casefold() and marked and "pull_request" not in row


def body(view: View) -> str:
    """The issue's body: the mark, and between the markers of a card what the fleet edits."""
    return f"{MARK}\n{BEGIN}\n{text(view)}\n{END}\n\n"


def urgent(view: View) -> tuple[object, ...]:
    """What is shown at once: who is waited for, and whether the fleet is frozen."""
    return (view.frozen, tuple((w.number, w.digest) for w in waiting(view)))


def worth_showing(view: View) -> bool:
    """Whether there is anything to make a board for: an incident that has ended or waits for people, or a freeze."""
    rests = (Status.NEEDS_APPROVAL, Status.NEEDS_HUMAN, Status.ESCALATED)
    return bool(view.frozen) or any(i.closed or i.status in rests for i in view.incidents if i.is_incident)


def text(view: View) -> str:
    limits = view.policy.limits
    opened = sorted((i for i in view.incidents if i.is_incident and not i.closed), key=lambda i: -i.number)
    done = [a for i in view.incidents for a in actions(i) if view.now - a.at <= limits.window]
    return render_board(
        frozen=view.frozen,
        freeze_label=FREEZE,
        waiting=waiting(view),
        incidents=tuple(_open(i) for i in opened[:MOST_INCIDENTS]),
        left_out=max(len(opened) - MOST_INCIDENTS, 0),
        fleet=tuple(Agent(r, *_heard(view, r)) for r in ROLES),
        deaf=view.heard is None,
        window=f"{limits.window.total_seconds() / 60:g} min",
        used=len(done),
        of=limits.actions_in_all,
        services=_services(view, [a.target for a in done]),
        week=fared(view.incidents, view.now - WEEK)[0],
    )


def waiting(view: View) -> tuple[Waiting, ...]:
    """What waits for a person's /approve, oldest first."""
    found = []
    for incident in sorted(view.incidents, key=lambda i: i.number):
        if incident.closed:
            continue
        if incident.status is Status.NEEDS_APPROVAL and incident.directive is not None:
            told, ruling = incident.directive, incident.ruling
            until = ruling.expires_at if ruling is not None else None
            found.append(Waiting(incident.number, incident.url, f"{told.verb} {told.target}", until, told.digest))
        if incident.status is Status.ESCALATED and incident.plan is not None:
            what = f"the plan of {incident.plan.backend}"
            found.append(Waiting(incident.number, incident.url, what, None, incident.plan.plan_sha256))
    return tuple(found)


def _heard(view: View, role: str) -> tuple[datetime | None, datetime | None]:
    told = (view.heard or {}).get(role, Heard())
    return told.since, told.silent_since


def _open(incident: Incident) -> Open:
    seen = incident.detected
    status = incident.status.value.removeprefix("Status: ")
    return Open(incident.number, incident.url, seen.summary, status, seen.service, seen.since, outlook(incident))


def _services(view: View, targets: Sequence[str]) -> tuple[Service, ...]:
    policy = view.policy
    lost = _lost(view)
    past = standings((e for i in view.incidents if i.is_incident for e in episodes(i)), view.now - WEEK)
    rows = []
    for name, rule in policy.services.items():
        doubt = tuple(
            f"{r.verb} against {r.cause}" for r, s in past.items() if r.service == name and policy.trust.in_doubt(s)
        )
        asked = [v for v in rule.verbs if policy.asks(name, "", v)]
        alone = tuple(v for v in rule.verbs if v not in asked and v not in lost)
        asks = (*asked, *(f"{v} ({lost[v]})" for v in rule.verbs if v in lost and v not in asked))
        used = sum(target == name for target in targets)
        rows.append(Service(name, used, policy.limits.actions_per_service, alone, asks, doubt))
    return tuple(rows)


def _lost(view: View) -> dict[str, str]:
    """The verbs that the fleet may not use alone for now, because they did not help (the rule `autonomy`), and why."""
    rule, since = view.policy.autonomy, view.now - view.policy.limits.window
    done = sorted((a for i in view.incidents for a in actions(i) if a.at >= since), key=lambda a: a.at)
    told: dict[str, str] = {}
    for verb in view.policy.catalogue:
        last = [a for a in done if a.verb == verb and a.effective is not None][-rule.of_last :]
        failed = sum(not a.effective for a in last)
        if failed >= rule.ineffective:
            told[verb] = f"{failed} of the last {len(last)} did not help"
    return told
