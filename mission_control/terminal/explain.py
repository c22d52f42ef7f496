"""`explain N`: the story of an incident, told from its facts and nothing else."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from mission_control.exits import Exit
from mission_control.running import target
from mission_control.settings import Settings
from mission_control.terminal.glance import age
from mission_control.terminal.printable import printable
from mission_control.terminal.shapes import ExplainShape, FactShape
from mission_control.terminal.verify import read_incident
from shared.incident.details import details
from shared.incident.replay import Entry, Incident
from shared.incident.story import headline


def explain(settings: Settings, number: int, as_json: bool) -> Exit:
    """OK when there is a story, ERROR when the issue is no incident. Raises GithubSaysNo, NotRunning, BadSettings."""
    incident = read_incident(target(settings), number)
    if as_json:
        document: ExplainShape = {
            "number": incident.number,
            "url": incident.url,
            "status": incident.status.value,
            "facts": [fact_shape(entry) for entry in incident.entries],
            "rejected": len(incident.rejected),
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(story(incident))
    return Exit.OK if incident.is_incident else Exit.ERROR


def story(incident: Incident) -> str:
    """The story in plain text: the same text for the same comments."""
    if not incident.is_incident:
        return f"#{incident.number} is not an incident: no fact of the fleet stands there.\n"
    began = incident.entries[0].posted_at
    lines = [f"#{incident.number} {incident.status.value}  {printable(incident.url)}", ""]
    for entry in incident.entries:
        lines += told(entry, began)
    if incident.rejected:
        lines += ["", f"{len(incident.rejected)} comment(s) claimed to be facts and are not; see verify."]
    return "\n".join(lines) + "\n"


def told(entry: Entry, began: datetime) -> list[str]:
    """One fact in printable lines: when (GitHub's time), how long after `began`, who, what; then its details."""
    said = printable(headline(entry.fact))
    first = f"{entry.posted_at:%H:%M:%S}  +{_since(began, entry.posted_at):>6}  {entry.by}: {said}"
    return [first, *(f"{'':21}{printable(line)}" for line in details(entry.fact))]


def fact_shape(entry: Entry) -> FactShape:
    """The same for programs."""
    return {
        "seq": entry.seq,
        "kind": entry.fact.kind,
        "move": entry.fact.move,
        "by": entry.by,
        "posted_at": entry.posted_at.isoformat(),
        "headline": headline(entry.fact),
        "details": list(details(entry.fact)),
    }


def _since(began: datetime, at: datetime) -> str:
    return age((at - began).total_seconds())
