"""The switch that makes the forge misbehave as GitHub does on a bad day."""

import re
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "commit_then_502",
    "commit_then_drop",
    "fail_502",
    "403_secondary",
    "403_primary",
    "429",
    "timeout",
    "drop",
)


class BadMisbehaviour(ValueError):
    """The misbehaviour asked for makes no sense."""


@dataclass(slots=True)
class Rule:
    """Which requests go wrong and how. `path` is searched as a regular expression from the start of the path without
    /api/v3; `times` is how many more requests are hit (-1: all), after the first `skip` matches were spared."""

    kind: str
    method: str = "*"
    path: str = ".*"
    times: int = -1
    skip: int = 0
    retry_after: int | None = None
    login: str | None = None

    def takes(self, method: str, path: str, login: str) -> bool:
        """Whether this request is hit; counts down."""
        if self.times == 0 or self.method not in {"*", method} or (self.login is not None and self.login != login):
            return False
        if not re.match(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times > 0:
            self.times -= 1
        return True


@dataclass(slots=True)
class Misbehaviour:
    """All that is wrong at present. `down` is "" (up), "drop" (connections close) or "503"."""

    latency_ms: float = 0
    rules: list[Rule] = field(default_factory=list)
    hide_new_for_s: float = 0
    down: str = ""
    rate_limit: int | None = None
    secondary_limits: dict[str, int] | None = None

    def rule_for(self, method: str, path: str, login: str) -> Rule | None:
        """The first rule that hits this request."""
        return next((rule for rule in self.rules if rule.takes(method, path, login)), None)


def parse(raw: Any) -> Misbehaviour:
    """Read the switch's JSON; what is absent is well-behaved. BadMisbehaviour says what is wrong with it."""
    if not isinstance(raw, dict):
        raise BadMisbehaviour("an object is expected")
    known = {"latency_ms", "rules", "commit_then_502", "hide_new_for_s", "down", "rate_limit", "secondary_limits"}
    if raw.keys() - known:
        raise BadMisbehaviour(f"unknown: {sorted(raw.keys() - known)}; known: {sorted(known)}")
    down = {True: "drop", False: "", None: "", "": "", "drop": "drop", "503": "503", 503: "503"}.get(raw.get("down"))
    if down is None:
        raise BadMisbehaviour('down is false, true, "drop" or "503"')
    try:
        rules = [_rule(one) for one in [*(raw.get("rules") or ()), *(raw.get("commit_then_502") or ())]]
        return Misbehaviour(
            latency_ms=float(raw.get("latency_ms") or 0),
            rules=rules,
            hide_new_for_s=float(raw.get("hide_new_for_s") or 0),
            down=down,
            rate_limit=None if raw.get("rate_limit") is None else int(raw["rate_limit"]),
            secondary_limits=_secondary(raw.get("secondary_limits")),
        )
    except (TypeError, ValueError, re.error) as error:
        raise BadMisbehaviour(str(error)) from error


def _secondary(raw: Any) -> dict[str, int] | None:
    """None when off; {} for GitHub's own numbers."""
    if raw is None or raw is False:
        return None
    return {} if raw is True else {str(name): int(value) for name, value in raw.items()}


def _rule(raw: dict[str, Any]) -> Rule:
    rule = Rule(**{"kind": "commit_then_502", **raw})
    if rule.kind not in KINDS:
        raise BadMisbehaviour(f"kind {rule.kind!r} is not one of {', '.join(KINDS)}")
    re.compile(rule.path)
    return rule
