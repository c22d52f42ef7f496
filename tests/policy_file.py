"""The policy that comes with the repository, read once: it is frozen."""

from __future__ import annotations

import functools
from pathlib import Path

from shared.policy.model import Policy, parse_policy

FILE = Path(__file__).parents[1] / "deploy" / "policy.yaml"


@functools.cache
def shipped_policy() -> Policy:
    """`deploy/policy.yaml`."""
    return parse_policy(FILE.read_text(encoding="utf-8"))
