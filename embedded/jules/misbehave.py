"""The switch that makes this server misbehave as the real one was seen to, or may."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any, Final

EARLY: Final = {
    "400": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "401": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "403": (403, "PERMISSION_DENIED", "The caller does not have permission."),
    "429": (429, "RESOURCE_EXHAUSTED", "Too many requests."),
    "quota": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for sessions per day."),
    "500": (500, "INTERNAL", "Internal error encountered."),
    "503": (503, "UNAVAILABLE", "The service is currently unavailable."),
}
"""Kinds that answer without doing anything: status, Google's code, message."""
KINDS: Final = (*EARLY, "garbage", "huge", "302", "drop", "commit_then_503", "commit_then_drop", "commit_then_hang")


class BadSwitch(ValueError):
    """The misbehaviour asked for makes no sense."""


@dataclass(slots=True)
class Rule:
    """Which requests go wrong and how. `path`: a regular expression over the whole path; `times` -1: always."""

    kind: str
    method: str = "*"
    path: str = ".*"
    times: int = 1
    skip: int = 0
    retry_after: int | None = None

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts down."""
        if self.times == 0 or self.method not in ("*", method) or not re.fullmatch(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1 if self.times > 0 else 0
        return True


class Switch:
    """All that is wrong at present."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.off()

    def off(self) -> None:
        self.rules: list[Rule] = []
        self.duplicate_listing = False
        """Each page repeats the last entry of the one before."""
        self.hide_new_for_s = 0.0
        """Younger sessions are missing from the list."""
        self.stands_still = False
        """No session goes on by itself."""
        self.asking = False
        """Every plan begins with a question to the user."""

    def set(self, value: Any) -> None:
        """Replace the whole switch; what is left out is well-behaved. Raises BadSwitch."""
        known = {"rules", "duplicate_listing", "hide_new_for_s", "stands_still", "asking"}
        if not isinstance(value, dict) or value.keys() - known:
            raise BadSwitch(f"an object with some of {sorted(known)} is expected")
        try:
            rules = [Rule(**one) for one in value.get("rules", [])]
        except TypeError as error:
            raise BadSwitch(str(error)) from error
        if wrong := [rule.kind for rule in rules if rule.kind not in KINDS]:
            raise BadSwitch(f"no kind {wrong[0]!r}; there are {', '.join(KINDS)}")
        with self._lock:
            self.off()
            self.rules = rules
            self.duplicate_listing = value.get("duplicate_listing") is True
            self.hide_new_for_s = float(value.get("hide_new_for_s", 0))
            self.stands_still = value.get("stands_still") is True
            self.asking = value.get("asking") is True

    def rule_for(self, method: str, path: str) -> Rule | None:
        with self._lock:
            return next((rule for rule in self.rules if rule.takes(method, path)), None)
