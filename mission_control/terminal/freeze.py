"""The switch that stops every action of the fleet: an open issue labelled `sre:freeze`.

Usually one made for that. The label on an issue that is something else, as the fleet's own or an incident, freezes as
well: to go on, the label is taken off there, and the issue stays open.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mission_control.github import Repository
from mission_control.running import target
from mission_control.settings import Settings
from mission_control.terminal.printable import printable
from shared.incident.labels import DASHBOARD, FREEZE, INCIDENT

if TYPE_CHECKING:
    from mission_control.terminal.shapes import FrozenShape


def freeze(settings: Settings, why: str, as_json: bool = False) -> int:
    """Open the issue, unless one is open. Raises GithubSaysNo or NotRunning."""
    return _tell(as_json, True, [freeze_in(target(settings, "operator").repository, why)])


def unfreeze(settings: Settings, as_json: bool = False) -> int:
    """Take the switch away. Raises GithubSaysNo or NotRunning."""
    return _tell(as_json, False, unfreeze_in(target(settings, "operator").repository))


def freeze_in(repository: Repository, why: str) -> str:
    """The URL of the open issue, which is made where there is none. Raises GithubSaysNo."""
    there = next(repository.pages("/issues", labels=FREEZE, state="open"), None)
    if there is None:
        reason = why.strip() or "No reason was given."
        body = f"{reason}\n\nWhile this issue is open the fleet watches and reports, and touches nothing."
        title = "Freeze: the fleet does not act"
        there = repository.call("POST", "/issues", json={"title": title, "body": body, "labels": [FREEZE]}).json()
    return str(there["html_url"])


def unfreeze_in(repository: Repository) -> list[str]:
    """The URLs of the issues that froze. Raises GithubSaysNo."""
    rows = list(repository.pages("/issues", labels=FREEZE, state="open"))
    for row in rows:
        path = f"/issues/{row['number']}"
        if is_more(row):
            repository.call("DELETE", f"{path}/labels/{quote(FREEZE, safe='')}")
        else:
            repository.call("PATCH", path, json={"state": "closed"})
    return [str(row["html_url"]) for row in rows]


def is_more(row: Mapping[str, Any]) -> bool:
    """Whether an issue, as GitHub lists it, is more than a switch."""
    labels = {str(label.get("name")) for label in row.get("labels") or ()}
    return not labels.isdisjoint((INCIDENT, DASHBOARD)) or "pull_request" in row


def _tell(as_json: bool, frozen: bool, urls: list[str]) -> int:
    if as_json:
        document: FrozenShape = {"frozen": frozen, "urls": urls}
        sys.stdout.write(json.dumps(document) + "\n")
        return 0
    word = "frozen" if frozen else "no longer frozen by"
    sys.stdout.write("".join(f"{word}: {printable(url)}\n" for url in urls) or "was not frozen\n")
    return 0
