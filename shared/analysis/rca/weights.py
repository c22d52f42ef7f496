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
        weights=(4.746, 3.593, 4.69, 3.365, 4.473, 4.568, 7.594, 4.0, 4.0, 4.0),
        none=3.935,
        temperature=1.0,
        line=0.828,
    ),
    "logs+traces": Weights(
        weights=(4.713, 4.252, 4.873, 3.684, 4.707, 4.778, 8.196, 4.0, 4.0, 4.0),
        none=4.431,
        temperature=0.9,
        line=1.14,
    ),
    "metrics": Weights(
        weights=(4.569, 2.674, 4.946, 3.037, 4.206, 4.37, 7.266, 2.326, 3.204, 4.016),
        none=4.288,
        temperature=1.2,
        line=0.332,
    ),
    "logs+metrics": Weights(
        weights=(4.621, 3.183, 5.18, 3.383, 4.332, 4.552, 8.327, 2.777, 3.501, 4.016),
        none=4.929,
        temperature=0.9,
        line=1.165,
    ),
}
