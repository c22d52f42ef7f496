"""`watchdog`: opens one issue when the fleet is not heard any more, and closes it when it is. Runs outside the fleet.

It knows what stands on GitHub alone (mission_control/fleet/pulse.py), and measures time by GitHub's own clock.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from mission_control.fleet.pulse import silence
from mission_control.github import Repository
from mission_control.running import target
from mission_control.settings import Settings
from shared.incident.labels import PULSE, SILENT

MARK: Final = "<!-- sre-space:watchdog -->"
TITLE: Final = "Fleet silent"
_TEXT: Final = """{mark}
{why}

While this is so, incidents may not be seen, and those that are open may stand still. The herald says every ten minutes
whom it hears, in the description of the label `{label}`.

- `docker compose ps`, or `systemctl status 'sre-space*'`, on the machine the fleet runs on
- `./mission-control.sh doctor` there
- a worker that ended with status 2 says in its log which setting is wrong

This issue is closed when the fleet is heard again. It is no incident: the fleet does nothing about it.
"""


def watchdog(settings: Settings, after: timedelta) -> int:
    """0, whether the fleet is heard or not: the issue is the alarm. Raises GithubSaysNo or NotRunning."""
    repository = target(settings).repository
    description, now = _said(repository)
    why = silence(description, now, after)
    open_ones = [row for row in repository.pages("/issues", labels=SILENT, state="open") if _ours(row)]
    if why is None:
        for row in open_ones:
            _close(repository, row)
        closed = f"; closed {', '.join(row['html_url'] for row in open_ones)}" if open_ones else ""
        sys.stdout.write(f"the fleet is heard: {description}{closed}\n")
    elif open_ones:
        sys.stdout.write(f"{why} {open_ones[0]['html_url']} says so already.\n")
    else:
        body = _TEXT.format(mark=MARK, why=why, label=PULSE)
        row = repository.call("POST", "/issues", json={"title": TITLE, "body": body, "labels": [SILENT]}).json()
        sys.stdout.write(f"{why} Opened {row['html_url']}\n")
    return 0


def _said(repository: Repository) -> tuple[str, datetime]:
    """The label's description, empty where there is none; and GitHub's time."""
    answer = repository.call("GET", "/labels", params={"per_page": 100})
    now = parsedate_to_datetime(answer.headers.get("Date") or "")
    found = next((row for row in repository.pages("/labels") if row["name"] == PULSE), None)
    return str((found or {}).get("description") or ""), now


def _ours(row: dict[str, Any]) -> bool:
    """Opened by a watchdog: another issue that somebody gave the label is theirs to close."""
    return "pull_request" not in row and str(row.get("body") or "").startswith(MARK)


def _close(repository: Repository, row: dict[str, Any]) -> None:
    path = f"/issues/{row['number']}"
    repository.call("POST", f"{path}/comments", json={"body": "The fleet is heard again."})
    repository.call("PATCH", path, json={"state": "closed", "state_reason": "completed"})
