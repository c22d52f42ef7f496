"""Learned by bench/rca_learn.py; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.analysis.rca.model import Weights

LEARNED: Final[Mapping[str, Weights]] = {
    name: Weights((4.0,) * 10, 4.5, 1.0, 0.0) for name in ("traces", "logs+traces", "metrics", "logs+metrics")
}
