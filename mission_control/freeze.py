"""The switch that stops every action of the fleet: an open issue labelled `sre:freeze`."""

from __future__ import annotations

import sys

from mission_control.running import target
from mission_control.settings import Settings
from shared.incident.labels import FREEZE


def freeze(settings: Settings, why: str) -> int:
    """Open the issue, unless one is open. Raises GithubSaysNo or NotRunning."""
    repository = target(settings, "operator").repository
    there = next(repository.pages("/issues", labels=FREEZE, state="open"), None)
    if there is None:
        reason = why.strip() or "No reason was given."
        body = f"{reason}\n\nWhile this issue is open the fleet watches and reports, and touches nothing."
        title = "Freeze: the fleet does not act"
        there = repository.call("POST", "/issues", json={"title": title, "body": body, "labels": [FREEZE]}).json()
    sys.stdout.write(f"frozen: {there['html_url']}\n")
    return 0


def unfreeze(settings: Settings) -> int:
    """Close every issue with the label. Raises GithubSaysNo or NotRunning."""
    repository = target(settings, "operator").repository
    closed = list(repository.pages("/issues", labels=FREEZE, state="open"))
    for row in closed:
        repository.call("PATCH", f"/issues/{row['number']}", json={"state": "closed"})
        sys.stdout.write(f"closed: {row['html_url']}\n")
    if not closed:
        sys.stdout.write("was not frozen\n")
    return 0
