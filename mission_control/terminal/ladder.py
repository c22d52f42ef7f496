"""`trust` and `report`: what the logs of the control plane add up to, read from GitHub and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import cast

from mission_control.fleet.policy_file import read_policy
from mission_control.running import Target, target
from mission_control.settings import BadSettings, Settings
from mission_control.terminal.console import progress
from mission_control.terminal.printable import printable
from mission_control.terminal.shapes import HeldShape, WouldShape
from shared.incident.episodes import episodes
from shared.incident.labels import INCIDENT
from shared.incident.replay import Incident, replay
from shared.recall.grants import decides, table
from shared.recall.report import Fared, fared
from shared.recall.trust import standings
from shared.recall.would import came, held_back, summary


def trust(settings: Settings, as_json: bool, markdown: bool) -> int:
    """Print the trust ladder. Raises GithubSaysNo, NotRunning or BadSettings."""
    policy = read_policy(settings)
    since = datetime.now(UTC) - policy.trust.horizon
    known = standings((e for i in past(target(settings), since) for e in episodes(i)), since)
    if as_json:
        rows = [
            asdict(rung) | stands.model_dump() | {"decides": decides(rung, stands, policy)}
            for rung, stands in known.items()
        ]
        sys.stdout.write(json.dumps({"since": since.isoformat(), "rungs": rows}, indent=2) + "\n")
    elif markdown:
        sys.stdout.write(table(known, policy))
    else:
        heads = ("service", "cause", "action", "helped", "did not", "taken back", "not done", "who decides")
        cells = [
            (*(getattr(rung, name) for name in ("service", "cause", "verb")),
             s.successes, s.failures, s.undone, s.refusals, decides(rung, s, policy))
            for rung, s in known.items()
        ]  # fmt: skip
        _print(heads, cells, f"nothing was tried since {since:%Y-%m-%d}")
    return 0


def report(settings: Settings, window: timedelta, as_json: bool) -> int:
    """Print MTTD, MTTA, MTTR and counts. Raises GithubSaysNo, NotRunning or BadSettings."""
    since = datetime.now(UTC) - window
    rows = fared(past(target(settings), since), since)
    if as_json:
        document = {"since": since.isoformat(), "all": asdict(rows[0]), "services": [asdict(r) for r in rows[1:]]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return 0
    heads = (
        "service",
        "closed",
        "by an action",
        "by itself",
        "MTTD",
        "MTTA",
        "MTTR",
        "actions",
        "refused",
        "no effect",
    )
    _print(heads, [_cells(row) for row in (*rows[1:], rows[0])], "")
    return 0


def would(settings: Settings, window: timedelta, as_json: bool) -> int:
    """Print what nothing but the wish for a person held back. Raises GithubSaysNo, NotRunning or BadSettings."""
    since = datetime.now(UTC) - window
    held = held_back(past(target(settings), since), since)
    if as_json:
        rows = [cast(HeldShape, asdict(one) | {"asked_at": one.asked_at.isoformat()}) for one in held]
        told: WouldShape = {"since": since.isoformat(), "held_back": rows}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return 0
    heads = ("asked (UTC)", "issue", "would have", "on", "against", "what came instead", "after")
    cells = [
        (f"{one.asked_at:%m-%d %H:%M:%S}", f"#{one.issue}", one.verb, one.target, one.cause, came(one),
         "–" if one.after_s is None else f"{one.after_s:.0f} s")
        for one in held
    ]  # fmt: skip
    _print(heads, cells, f"nothing was held back by the wish for a person alone since {since:%Y-%m-%d %H:%M} UTC")
    if held:
        sys.stdout.write(f"\n{summary(held)}\n")
    return 0


def past(at: Target, since: datetime) -> tuple[Incident, ...]:
    """Every incident that changed since then, replayed, oldest first. Raises GithubSaysNo, BadSettings."""
    try:
        keyring = at.keyring()
    except (OSError, ValueError) as error:
        raise BadSettings((f"SRE_KEYRING {error}",)) from error
    stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    listed = at.repository.pages("/issues", labels=INCIDENT, state="all", since=stamp)
    numbers = sorted(int(issue["number"]) for issue in listed if "pull_request" not in issue)
    found = []
    with progress("reading incidents") as tell:
        for done, number in enumerate(numbers, 1):
            found.append(replay(at.repository.thread(number), keyring))
            tell(done, len(numbers))
    return tuple(incident for incident in found if incident.is_incident)


def _cells(row: Fared) -> tuple[object, ...]:
    times = ("–" if t is None else f"{t:.1f} s" for t in (row.mttd_s, row.mtta_s, row.mttr_s))
    counts = (row.actions, row.refusals, row.ineffective)
    return (row.service or "all", row.firings, row.worked, row.recovered, *times, *counts)


def _print(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]], nothing: str) -> None:
    if not rows:
        sys.stdout.write(nothing + "\n")
        return
    lines = [heads, *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(heads))]
    for line in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")
