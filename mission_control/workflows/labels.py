"""`labels`: compares the repository's labels with the fleet's catalogue, and with `--sync` makes them so."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Final

import yaml

from mission_control.github import LabelChange
from mission_control.running import target
from mission_control.settings import REPOSITORY_ROOT, Settings
from mission_control.terminal.printable import printable
from shared.incident.labels import CATALOGUE

FILE: Final = REPOSITORY_ROOT / "deploy" / "labels.yaml"
_HEAD: Final = """\
# Every label of the fleet: colour and description. Made from CATALOGUE in shared/incident/labels.py, which the workers
# carry with them; a test holds the two together. To change one: change it there, then
#     ./mission-control.sh labels --yaml > deploy/labels.yaml
# A push of this file to main makes GitHub's labels so (.github/workflows/labels.yml). Labels not named here are left.
"""


def labels(settings: Settings, sync: bool, as_json: bool) -> int:
    """Say what differs, and with `sync` change it; 0. Raises GithubSaysNo or NotRunning."""
    repository = target(settings).repository
    changes = repository.label_changes()
    same = len(CATALOGUE) - len(changes)
    if as_json:
        if sync:
            repository.sync_labels()
        told = {"synced": sync, "same": same, "changes": [asdict(change) for change in changes]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return 0
    for change in changes:
        sys.stdout.write(printable(_line(change)) + "\n")
    if sync:  # what is about to be done has been said
        repository.sync_labels()
    done = "done" if sync else "not done: --sync does it"
    sys.stdout.write(f"{same} labels are as they should be, {len(changes)} differ{f' ({done})' if changes else ''}\n")
    return 0


def as_yaml() -> str:
    """The catalogue as deploy/labels.yaml holds it."""
    rows = [{"name": str(name), "color": color, "description": text} for name, (color, text) in CATALOGUE.items()]
    return _HEAD + yaml.safe_dump(rows, sort_keys=False, width=120)


def _line(change: LabelChange) -> str:
    what = "make" if change.was is None else "change"
    renamed = f" (now {change.was})" if change.was not in (None, change.name) else ""
    return f"{what:6} {change.name}{renamed}: #{change.color} {change.description}"
