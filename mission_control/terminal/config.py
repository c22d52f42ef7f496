"""`config show`: every setting with its value and where it came from. Of a secret: whether it is set."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from pydantic import SecretStr

from mission_control.exits import Exit
from mission_control.fleet.policy_file import read_policy
from mission_control.settings import BadSettings, Settings, variables, variables_given
from mission_control.terminal.console import console
from mission_control.terminal.printable import printable
from mission_control.terminal.shapes import ConfigShape, PolicyShape, SettingShape
from mission_control.world import record

_RUNNING: Final[dict[str, tuple[str, ...]]] = {
    "kafka": ("kafka",),
    "jaeger_url": ("traces", "query"),
    "otlp_url": ("traces", "otlp"),
    "docker_host": ("docker",),
    "docker_readonly_host": ("docker_readonly",),
    "chroma_url": ("knowledge",),
    "github_api_url": ("github", "api"),
    "github_repository": ("github", "repo"),
    "github_token": ("github", "tokens", "fleet"),
    "operator_token": ("github", "tokens", "operator"),
}
"""What a running world gives to its workers where a setting does not: the way to it in run.json."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How it is to be shown: `origin`, where each value came from and what it means."""

    origin: bool
    as_json: bool


def config_show(settings: Settings, asked: Asked) -> Exit:
    """Print the settings; DEGRADED when the policy cannot be used."""
    try:
        running: record.Record | None = record.read(settings.state_dir.resolve())
    except record.NotRunning:
        running = None
    rows = tuple(shown(settings, variables_given(), running))
    policy = _policy(settings)
    if asked.as_json:
        document: ConfigShape = {"settings": list(rows), "policy": policy}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(rows, policy, asked.origin)))
    return Exit.OK if policy["trouble"] is None else Exit.DEGRADED


def shown(settings: Settings, given: Mapping[str, str], running: record.Record | None) -> Iterator[SettingShape]:
    """Every setting. `given`: variable to where it was found (environment, or a file)."""
    meanings = _meanings()
    for name, variable in variables().items():
        value = getattr(settings, name)
        origin = given.get(variable) or ("command line" if name in settings.model_fields_set else "default")
        if origin == "default" and running is not None:
            told = _found(running, _RUNNING[name]) if name in _RUNNING else _pace(settings, name)
            if told is not None:
                value, origin = (SecretStr(str(told)) if _is_secret(name) else told), "up"
        yield {
            "name": name,
            "variable": variable,
            "value": _text(value),
            "origin": origin,
            "secret": _is_secret(name),
            "about": meanings.get(name, ""),
        }


def _pace(settings: Settings, name: str) -> object:
    """What `up` sets because that part is embedded (world/addresses.py); None where it leaves the default."""
    from mission_control.world.addresses import EMBEDDED_PACE

    embedded = {"healthy_for": settings.docker_host is None, "herald_every": settings.github_token is None}
    if name == "merge":
        return "policy" if settings.github_token is None else "propose"
    return EMBEDDED_PACE.get(name) if embedded.get(name) else None


def _found(running: record.Record, way: tuple[str, ...]) -> str | None:
    value: Any = getattr(running, way[0])
    for key in way[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case SecretStr():
            return "set"
        case timedelta():
            return f"{value.total_seconds():g} s"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def _meanings() -> dict[str, str]:
    """Field name to the words below it in settings.py, which say unit, default and reason."""
    tree = ast.parse(Path(sys.modules[Settings.__module__].__file__ or "").read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    found: dict[str, str] = {}
    for node, after in pairwise(body):
        named = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        words = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if named and words:
            found[node.target.id] = " ".join(cleandoc(str(after.value.value)).split())  # type: ignore[attr-defined]
    return found


def _policy(settings: Settings) -> PolicyShape:
    try:
        return {"file": str(settings.policy), "sha256": read_policy(settings).digest, "trouble": None}
    except BadSettings as bad:
        return {"file": str(settings.policy), "sha256": None, "trouble": bad.lines[0]}


def _lines(rows: tuple[SettingShape, ...], policy: PolicyShape, origin: bool) -> Iterator[str]:
    wide = max(len(row["variable"]) for row in rows)
    for row in rows:
        value = "–" if row["value"] is None else printable(row["value"])
        if not origin:
            yield f"{row['variable']:{wide}}  {value}"
            continue
        yield f"{row['variable']:{wide}}  {value}  ({printable(row['origin'])})"
        yield from wrap(
            row["about"], console().width, initial_indent=" " * (wide + 2), subsequent_indent=" " * (wide + 2)
        )
    yield ""
    state = policy["sha256"] or f"cannot be used: {policy['trouble']}"
    yield f"policy  {printable(policy['file'])}  {printable(state)}"
