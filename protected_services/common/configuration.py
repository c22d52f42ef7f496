"""A service's business numbers and features: read from the environment when it starts, their defaults in the code.

What they are set to stands in `deploy/stack.yaml`. A value that makes no sense ends the service before it answers, so
a bad deploy is not healthy.
"""

import math
import os
from collections.abc import Mapping

SWITCH = {"on": True, "off": False}


class BadConfiguration(Exception):
    """A configuration value that the service cannot run with; the message is one line."""


class Configuration:
    """Values by the name of their environment variable. Every question raises BadConfiguration for a senseless one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        text = self._environ.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise BadConfiguration(f"{name} must be a number from {low:g} to {high:g}, not {text[:40]!r}")
        return value

    def feature(self, name: str, default: bool) -> bool:
        """Whether a feature is switched `on` or `off`."""
        text = self._environ.get(name)
        if text is None:
            return default
        if text not in SWITCH:
            raise BadConfiguration(f"{name} must be on or off, not {text[:40]!r}")
        return SWITCH[text]
