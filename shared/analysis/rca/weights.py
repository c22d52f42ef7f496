"""Learned by bench/rca_learn.py from recorded incidents; do not edit.

Order of the weights:
own_share, own_rise, in_share, in_rise, out_rise, touched, changed, cpu_rise, cpu_share, memory_rise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.analysis.rca.model import Weights

LEARNED: Final[Mapping[str, Weights]] = {
    "traces": Weights(
        weights=(4.489, 4.502, 4.667, 3.301, 4.461, 4.653, 7.638, 4.0, 4.0, 4.0),
        none=3.93,
        temperature=1.0,
        line=0.76,
    ),
    "logs+traces": Weights(
        weights=(4.571, 5.142, 4.782, 3.679, 4.757, 4.843, 8.151, 4.0, 4.0, 4.0),
        none=4.431,
        temperature=0.9,
        line=0.936,
    ),
    "metrics": Weights(
        weights=(4.389, 3.535, 4.959, 2.952, 4.161, 4.411, 7.341, 2.305, 3.077, 4.031),
        none=4.278,
        temperature=1.0,
        line=0.273,
    ),
    "logs+metrics": Weights(
        weights=(4.478, 4.028, 5.149, 3.358, 4.328, 4.568, 8.317, 2.768, 3.39, 4.033),
        none=4.938,
        temperature=0.9,
        line=0.933,
    ),
}
