"""The real files of this checkout, as what patches are made of, and the ways a patch is put before the fleet."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.gitops.diff import File, FileChange, tree, with_files
from shared.gitops.edit import apply
from shared.gitops.refusals import check, check_foreign
from shared.gitops.stack import STACK, Service, parse_stack
from shared.incident.change import Change, SetConfig, SetFlag, SetMemory, SetReplicas

ROOT: Final = Path(__file__).resolve().parents[1]
STAND_IN: Final = b"""\
# Stands in where this checkout has no deploy/stack.yaml.
services:
  policy-service:
    mem_limit: 192m
    environment:
      MAX_RISK_FACTOR: "1.8" # risks above it are not insured
      FEATURE_INSTANT_QUOTES: "on"
  quote-service:
    mem_limit: 192m
    environment: {PRICE_FACTOR: "1.0"}
  frontend:
    mem_limit: 192m
"""

Reasons = tuple[str, ...]


class Again(Exception):
    """What was drawn makes no patch of this kind: another is drawn. Never raised for what `check` said."""


@dataclass(frozen=True)
class World:
    """The files that patches are made of."""

    files: Mapping[str, bytes]

    def pick(self, draw: random.Random, *suffixes: str, least: int = 10) -> str:
        """A file that is not protected, of one of `suffixes`, with at least so many lines."""
        fits = [p for p, d in self.files.items() if p.endswith(suffixes) and d.count(b"\n") >= least]
        return draw.choice([p for p in fits if p.startswith(("protected_services/", "observed/"))])

    def foreign(self, path: str, after: bytes | None, mode: str = "100644", was: str | None = None) -> Reasons:
        return check_foreign((FileChange(path, mode, self.files.get(path), after, was),), existing=self.files)

    def own(self, change: Change, head: Mapping[str, bytes | None], mode: str = "100644") -> Reasons:
        base = tree({path: self.files[path] for path in (STACK, "deploy/policy.yaml", "docker-compose.yml")})
        new = with_files(base, head)
        if mode != "100644":
            new[STACK] = File(new[STACK].data, mode)
        return check(change, base, new)


Kind = Callable[[World, random.Random], Reasons]
"""Draws one patch of its kind and says what is held against it."""


def read_world() -> tuple[World, str]:
    paths = [
        p for d in ("protected_services", "deploy", "shared", "agents") for p in (ROOT / d).rglob("*") if p.is_file()
    ]
    files = {
        str(p.relative_to(ROOT)): p.read_bytes()
        for p in paths
        if "__pycache__" not in p.parts and "static" not in p.parts
    }
    files = {path: data for path, data in files.items() if data and b"\0" not in data}
    for name in ("docker-compose.yml", "AGENTS.md", "README.md", "pyproject.toml"):
        files[name] = (ROOT / name).read_bytes()
    # the YAML and TOML of this repository is protected; copies under an open name stand for a service's own
    for path in [p for p in files if p.startswith("deploy/prometheus/rules/")]:
        files[f"observed/{path.rpartition('/')[2]}"] = files[path]
    files["protected_services/settings.toml"] = files["pyproject.toml"]
    state = (
        "deploy/stack.yaml of this checkout"
        if STACK in files
        else "a stand-in (this checkout has no deploy/stack.yaml)"
    )
    files.setdefault(STACK, STAND_IN)
    return World(files), state


def typed(world: World, draw: random.Random) -> tuple[Change, bytes]:
    """A change of the fleet's and the right edit for it."""
    services = parse_stack(world.files[STACK]).services
    name = draw.choice(sorted(services))
    change = draw.choice(_changes(name, services[name], draw))
    after = apply(change, world.files)[STACK]
    assert after is not None
    return change, after


def _changes(name: str, service: Service, draw: random.Random) -> list[Change]:
    mib = service.memory_mib
    found: list[Change] = [
        SetMemory(service=name, before=mib, after=mib + 2 ** draw.randint(4, 9)),
        SetReplicas(service=name, before=service.replicas, after=service.replicas + draw.randint(1, 4)),
        SetConfig(service=name, key=f"NEW_{draw.randint(0, 99)}", before=None, after=str(draw.random())),
    ]
    for key, value in service.environment.items():
        if key.startswith("FEATURE_"):
            found.append(SetFlag(service=name, flag=key, before=value == "on", after=value != "on"))
        else:
            found.append(SetConfig(service=name, key=key, before=value, after=f"{draw.random():.3f} $x '\""))
            found.append(SetConfig(service=name, key=key, before=value, after=None))
    return found
