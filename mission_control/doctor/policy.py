"""The policy: whether it speaks of the containers that are there, and whether it is the one that people review."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mission_control.doctor.engine import EngineSeen
from mission_control.doctor.finding import Finding, well, wrong
from mission_control.fleet.policy_file import read_policy
from mission_control.github import NotThere, Repository
from mission_control.settings import BadSettings, Settings
from shared.policy.model import parse_policy
from shared.recall.grants import POLICY


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """What was read. `services`: by the policy; `managed`: containers, None where they could not be seen."""

    file: Path
    trouble: str | None = None
    services: tuple[str, ...] = ()
    managed: tuple[str, ...] | None = None
    reviewed: bool | None = None
    """Whether the repository's own says the same; None where it has none, or was not asked."""


def read(settings: Settings, engine: EngineSeen | None, at: Repository | None) -> PolicySeen:
    """Look. Raises GithubSaysNo."""
    managed = engine.managed if engine is not None and engine.trouble is None else None
    try:
        policy = read_policy(settings)
    except BadSettings as bad:
        return PolicySeen(settings.policy, bad.lines[0])
    theirs = _reviewed(at) if at is not None else None
    same = None if theirs is None else _digest(theirs) == _digest(settings.policy.read_text(encoding="utf-8"))
    return PolicySeen(settings.policy, services=tuple(policy.services), managed=managed, reviewed=same)


def _reviewed(at: Repository) -> str | None:
    try:
        return base64.b64decode(at.call("GET", f"/contents/{POLICY}").json()["content"]).decode(errors="replace")
    except NotThere:
        return None


def _digest(text: str) -> str | None:
    """None for what is no policy."""
    try:
        return parse_policy(text).digest
    except ValueError:
        return None


def judge(seen: PolicySeen) -> Iterator[Finding]:
    """The findings."""
    if seen.trouble is not None:
        yield wrong("policy", seen.trouble)
        return
    yield well("policy", f"{seen.file}: {len(seen.services)} services")
    if seen.reviewed is not None:
        said = f"{seen.file} and {POLICY} of the repository"
        if seen.reviewed:
            yield well("policy-reviewed", f"{said} say the same")
        else:
            yield wrong("policy-reviewed", f"{said} are not the same", file=seen.file, how=POLICY)
    if seen.managed is None:
        return
    for name in sorted(set(seen.services) - set(seen.managed)):
        yield wrong("policy-stranger", f"no managed container is named {name}", name, file=seen.file)
    for name in sorted(set(seen.managed) - set(seen.services)):
        yield wrong("policy-unlisted", f"{name} is managed and not in the policy", name, file=seen.file)
