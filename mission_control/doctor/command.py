"""`doctor`: look at everything, mend what is safe to mend when asked to, and tell."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from mission_control.doctor import engine, github_judged, github_seen, keyring, machine, parts, policy, slow, world
from mission_control.doctor.finding import Finding, well, wrong
from mission_control.exits import Exit
from mission_control.github import GithubSaysNo
from mission_control.running import Target, target
from mission_control.settings import Settings
from mission_control.terminal.console import console, progress
from mission_control.terminal.printable import printable
from mission_control.world import record
from shared.incident.record import Role

if TYPE_CHECKING:
    from rich.text import Text

DOCS = "docs/doctor.md"
PROVERS: Final[tuple[Role, ...]] = ("fixer", "escalation")
"""Who runs what nobody trusts, and needs a sandbox for it."""
_MARKS = {"ok": "ok  ", "note": "note", "bad": "BAD "}
_COLOURS = {"ok": "green", "note": "yellow", "bad": "bold red"}


def doctor(settings: Settings, as_json: bool, fix: bool = False, verbose: bool = True) -> Exit:
    """OK when nothing is bad, DEGRADED when something is; notes alone are OK. `fix`: mend what is safe, then look."""
    with progress("looking") as _:
        mended = list(mend(settings)) if fix else []
        findings = [*mended, *look(settings)]
    if as_json:
        sys.stdout.write(json.dumps([finding.shape() for finding in findings], indent=2) + "\n")
    else:
        _print(findings, verbose)
    return Exit.DEGRADED if any(finding.severity == "bad" for finding in findings) else Exit.OK


def look(settings: Settings) -> Iterator[Finding]:
    """Every finding, also those that are well."""
    running = _running(settings)
    at = _target(settings)
    yield from machine.judge(machine.read(settings.state_dir.resolve()))
    yield from world.judge(world.read(settings.state_dir.resolve(), running, settings.github_token is not None))
    keys = keyring.read(settings, at, datetime.now(UTC))
    if at is not None:
        fleet = keys.keyring.accounts if keys.keyring is not None else frozenset()
        merge = settings.merge or ("propose" if settings.github_token is not None else "policy")
        yield from github_judged.judge(github_seen.read(settings), merge, fleet)
    if at is not None or keys.own or settings.keys_file.exists():
        yield from keyring.judge(keys)
    seen = parts.read(settings, running)
    yield from parts.judge(seen, settings.partitions)
    yield from engine.judge(seen.engine, keys.worker == "fixer")
    yield from policy.judge(policy.read(settings, seen.engine, at.repository if at is not None else None))
    if keys.works_here(*PROVERS):
        yield from slow.sandbox(settings)
    yield from slow.knowledge(settings, running)
    yield from slow.model(settings)


def mend(settings: Settings) -> Iterator[Finding]:
    """What is safe: modes of our own files, the labels of the catalogue, Kafka's topics. Each is said."""
    running = _running(settings)
    state = settings.state_dir.resolve()
    at = _target(settings)
    steps: list[Callable[[], Iterator[str]]] = [
        lambda: machine.mend(machine.read(state)),
        lambda: world.mend(world.read(state, running, settings.github_token is not None)),
        lambda: keyring.mend(keyring.read(settings, at, datetime.now(UTC))),
        lambda: _labels(at),
        lambda: _topics(settings),
    ]
    from mission_control.fleet.topics import TopicsNotMade

    for step in steps:
        try:
            for done in step():
                yield well("mended", done)
        except (OSError, GithubSaysNo, TopicsNotMade) as error:
            yield wrong("mended", str(error), how="see what it says")


def _labels(at: Target | None) -> Iterator[str]:
    if at is not None and (made := at.repository.sync_labels()):
        yield f"{made} labels are as the catalogue has them now"


def _topics(settings: Settings) -> Iterator[str]:
    if settings.kafka is None:
        return
    from mission_control.fleet.topics import make_topics

    if made := make_topics(settings.kafka, settings.partitions):
        yield f"topics: {', '.join(made)}"


def _running(settings: Settings) -> record.Record | None:
    try:
        return record.read(settings.state_dir.resolve())
    except record.NotRunning:
        return None


def _target(settings: Settings) -> Target | None:
    try:
        return target(settings)
    except record.NotRunning:
        return None


def _print(findings: list[Finding], verbose: bool) -> None:
    from rich.text import Text

    out = console()
    wide = max(len(finding.id) for finding in findings)
    for id, group in groupby(findings, key=lambda finding: finding.id):
        rows = list(group)
        well_ones = [row for row in rows if row.ok]
        if well_ones and verbose:
            out.print(_line("ok", id, wide, _together(well_ones)), soft_wrap=True)
        for row in (row for row in rows if not row.ok):
            about = f"{row.about}: " if row.about else ""
            out.print(_line(row.severity, id, wide, about + row.said), soft_wrap=True)
            indent = " " * (wide + 7)
            out.print(Text(f"{indent}{printable(row.why)}", style="dim"), soft_wrap=True)
            out.print(Text(f"{indent}→ {printable(row.fix)}"), soft_wrap=True)
    counts = {kind: sum(finding.severity == kind for finding in findings) for kind in _MARKS}
    told = f"{counts['ok']} well, {counts['note']} to know, {counts['bad']} bad"
    out.print(Text(told if counts["ok"] == len(findings) else f"{told}; each is explained in {DOCS}"))


def _together(rows: list[Finding]) -> str:
    """What is well of one id in one line: what was seen, or of whom where there are several."""
    if len(rows) == 1:
        return f"{rows[0].about}: {rows[0].said}" if rows[0].about else rows[0].said
    same = {row.said for row in rows}
    return f"{', '.join(row.about for row in rows)}{': ' + same.pop() if len(same) == 1 else ''}"


def _line(severity: str, id: str, wide: int, said: str) -> Text:
    from rich.text import Text

    return Text.assemble((_MARKS[severity], _COLOURS[severity]), f" {id:{wide}}  {printable(said)}")
