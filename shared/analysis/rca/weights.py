"""Learned by bench/rca_learn.py from recorded incidents; do not edit.

Order of the weights: own_share, own_rise, in_share, in_rise, out_rise, touched, changed, cpu_rise, cpu_share, memory_rise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.analysis.rca.model import Weights

LEARNED: Final[Mapping[str, Weights]] = {
    "traces": Weights(
        weights=(4.15, 3.938, 1.436, 4.384, 4.642, 3.183, 7.65, 4.0, 4.0, 4.0),
        none=4.083,
        temperature=1.0,
        line=0.209,
    ),
    "logs+traces": Weights(
        weights=(4.745, 4.518, 1.745, 4.717, 4.979, 3.39, 8.501, 4.0, 4.0, 4.0),
        none=4.651,
        temperature=0.9,
        line=0.282,
    ),
    "metrics": Weights(
        weights=(3.96, 3.228, 1.764, 4.242, 4.089, 2.832, 7.425, 2.406, 2.659, 4.052),
        none=4.419,
        temperature=1.2,
        line=0.493,
    ),
    "logs+metrics": Weights(
        weights=(4.644, 3.675, 2.197, 4.592, 4.303, 3.053, 8.686, 2.861, 3.009, 4.049),
        none=5.153,
        temperature=0.9,
        line=0.769,
    ),
}
