"""The incidents of the control plane as their issues and labels say them; `incidents` lists them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from mission_control.exits import Exit
from mission_control.github import Repository
from mission_control.running import target
from mission_control.settings import Settings

if TYPE_CHECKING:
    from mission_control.terminal.shapes import IncidentShape, IncidentsShape

State = Literal["open", "closed", "all"]
APPROVAL: Final = "Needs-Approval"
_HOLD: Final = "sre:hold"


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One issue labelled `incident`. Labels are a projection of its log: for people, not for decisions."""

    number: int
    title: str
    status: str
    since: datetime
    url: str
    service: str | None = None
    severity: str | None = None
    held: bool = False
    closed_at: datetime | None = None
    stamp: str = ""
    """Changes with every comment and label: times on GitHub have whole seconds, so it is not the time alone."""

    @property
    def waits(self) -> bool:
        """Whether it waits for a person's approval."""
        return self.closed_at is None and self.status == APPROVAL

    def age(self, now: datetime) -> float:
        """Seconds since it was opened, or how long it was open."""
        return ((self.closed_at or now) - self.since).total_seconds()

    def shape(self) -> IncidentShape:
        return {
            "number": self.number,
            "title": self.title,
            "status": self.status,
            "service": self.service,
            "severity": self.severity,
            "open": self.closed_at is None,
            "held": self.held,
            "since": self.since.isoformat(),
            "closed_at": self.closed_at.isoformat() if self.closed_at else None,
            "url": self.url,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents are asked for. `since`: opened within this time."""

    state: State = "open"
    service: str | None = None
    since: timedelta | None = None


def incidents(settings: Settings, wanted: Wanted, as_json: bool, check: bool) -> Exit:
    """List them, newest first; with `check`, APPROVAL when an open one among them waits for a person.

    Raises GithubSaysNo or NotRunning.
    """
    now = datetime.now(UTC)
    repository = target(settings).repository
    rows = read_rows(repository, wanted, now)
    if as_json:
        document: IncidentsShape = {"repo": repository.name, "incidents": [row.shape() for row in rows]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print(rows, wanted, now)
    return Exit.APPROVAL if check and any(row.waits for row in rows) else Exit.OK


def read_rows(repository: Repository, wanted: Wanted, now: datetime) -> tuple[IncidentRow, ...]:
    """Newest first. Raises GithubSaysNo."""
    labels = "incident" if wanted.service is None else f"incident,service:{wanted.service}"
    asked: dict[str, str] = {"labels": labels, "state": wanted.state}
    earliest = now - wanted.since if wanted.since is not None else None
    if earliest is not None:  # GitHub's `since` is about changes; what was opened later has changed later
        asked["since"] = earliest.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = rows_of(repository.pages("/issues", **asked))
    return tuple(row for row in rows if earliest is None or row.since >= earliest)


def rows_of(issues: Iterable[Mapping[str, Any]]) -> tuple[IncidentRow, ...]:
    """Rows of GitHub's list of issues; pull requests among them are none."""
    return tuple(_row(issue) for issue in issues if "pull_request" not in issue)


def _row(issue: Mapping[str, Any]) -> IncidentRow:
    labels = [str(label["name"]) for label in issue["labels"]]
    closed = issue.get("closed_at") if issue.get("state") == "closed" else None
    return IncidentRow(
        number=int(issue["number"]),
        title=str(issue["title"]),
        status="Closed" if issue.get("state") == "closed" else _after("Status: ", labels) or "?",
        since=datetime.fromisoformat(issue["created_at"]),
        url=str(issue["html_url"]),
        service=_after("service:", labels),
        severity=_after("severity:", labels),
        held=_HOLD in labels,
        closed_at=datetime.fromisoformat(closed) if closed else None,
        stamp=f"{issue.get('updated_at')} {issue.get('comments')} {sorted(labels)}",
    )


def _after(prefix: str, labels: list[str]) -> str | None:
    return next((name.removeprefix(prefix) for name in labels if name.startswith(prefix)), None)


def _print(rows: tuple[IncidentRow, ...], wanted: Wanted, now: datetime) -> None:
    from mission_control.terminal.console import console
    from mission_control.terminal.table import incident_table

    which = {"open": "open ", "closed": "closed ", "all": ""}[wanted.state]
    of = f" of {wanted.service}" if wanted.service else ""
    out = console()
    out.print(incident_table(rows, now, out.width, nothing=f"no {which}incident{of}"))
    if waiting := [row for row in rows if row.waits]:
        numbers = ", ".join(f"#{row.number}" for row in waiting)
        console().print(f"{numbers} waits for a person: ./mission-control.sh explain {waiting[0].number}, then "
                        f"approve {waiting[0].number} or deny {waiting[0].number}", style="yellow")  # fmt: skip
