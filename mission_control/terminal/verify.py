"""`verify N`: the log of one issue checked from its comments and the fleet's public keys alone."""

from __future__ import annotations

import json
import sys
from typing import Any

from mission_control.exits import Exit
from mission_control.running import Target, target
from mission_control.settings import BadSettings, Settings
from mission_control.terminal.printable import shortened
from shared.incident.record import canonical_json
from shared.incident.replay import GENESIS, Entry, Incident, replay


def verify(settings: Settings, number: int, as_json: bool) -> Exit:
    """OK when nothing in the fleet's log was deleted, edited or forged, ERROR when something was or there is no log.

    Strangers' copies and twins that came second are listed; they say nothing against the log.

    Raises GithubSaysNo, NotRunning or BadSettings.
    """
    incident = read_incident(target(settings), number)
    whole = incident.whole
    if as_json:
        sys.stdout.write(json.dumps(_document(incident, whole), indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(incident, whole)))
    return Exit.OK if whole else Exit.ERROR


def read_incident(at: Target, number: int) -> Incident:
    """The issue replayed. Raises GithubSaysNo, or BadSettings when the keyring cannot be used."""
    try:
        keyring = at.keyring()
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING {error}",)) from error
    return replay(at.repository.thread(number), keyring)


def _lines(incident: Incident, whole: bool) -> list[str]:
    lines = [f"{incident.url or incident.repo}#{incident.number}: {incident.status.value}"]
    for entry in incident.entries:
        words = "text as signed" if entry.text_intact else "TEXT EDITED AFTERWARDS (the fact stands)"
        lines.append(
            f"  fact {entry.seq}  {entry.fact.move:18} by {entry.by:10} {_comment(entry.comment_id):16} "
            f"{entry.posted_at:%Y-%m-%d %H:%M:%S}Z  signature ok, chain ok ({_previous(incident, entry)}), {words}"
        )
    lines += [f"  REFUSED  {_comment(no.comment_id)}: {shortened(no.reason, 200)}" for no in incident.rejected]
    lines += [f"  GAP  {shortened(gap, 200)}" for gap in incident.gaps]
    if not incident.is_incident:
        return [*lines, "not an incident: no fact of the fleet stands here"]
    edited = sum(not entry.text_intact for entry in incident.entries)
    verdict = "the log is whole" if whole else "the log is NOT whole"
    count = f"{len(incident.entries)} facts, {len(incident.rejected)} refused, {len(incident.gaps)} gaps"
    lines.append(f"{verdict}: {count}, {edited} with edited text")
    return lines


def _document(incident: Incident, whole: bool) -> dict[str, Any]:
    facts = [
        {
            "seq": entry.seq,
            "kind": entry.fact.kind,
            "move": entry.fact.move,
            "by": entry.by,
            "at": entry.at.isoformat(),
            "posted_at": entry.posted_at.isoformat(),
            "comment_id": entry.comment_id,
            "sha256": entry.digest,
            "text_intact": entry.text_intact,
            "fact": json.loads(canonical_json(entry.fact.model_dump(mode="json"))),
        }
        for entry in incident.entries
    ]
    return {
        "repo": incident.repo,
        "number": incident.number,
        "status": incident.status.value,
        "whole": whole,
        "facts": facts,
        "rejected": [{"comment_id": no.comment_id, "reason": no.reason} for no in incident.rejected],
        "gaps": list(incident.gaps),
    }


def _previous(incident: Incident, entry: Entry) -> str:
    if entry.seq == 0:
        return f"begins at {GENESIS[:8]}"
    return f"follows {incident.entries[entry.seq - 1].digest[:8]}"


def _comment(comment_id: int) -> str:
    return f"comment {comment_id}" if comment_id else "the issue's body"
