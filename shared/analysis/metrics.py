"""A time series as a metrics store gives it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SERVICE: Final = "service"
"""The label that names whose series it is."""


@dataclass(frozen=True, slots=True)
class Series:
    """One time series. `points`: (epoch seconds, value), oldest first, finite values only."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
