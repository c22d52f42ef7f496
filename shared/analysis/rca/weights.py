"""Learned by bench/rca_learn.py from recorded incidents; do not edit.

Order of the weights:
own_share, own_rise, in_share, in_rise, out_rise, touched, changed, cpu_rise, cpu_share, memory_rise, restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.analysis.rca.model import Weights

LEARNED: Final[Mapping[str, Weights]] = {
    "traces": Weights(
        weights=(4.768, 3.905, 4.842, 4.243, 3.932, 4.657, 6.627, 4.0, 4.0, 4.0, 3.704),
        none=4.201,
        temperature=1.2,
        line=0.683,
    ),
    "logs+traces": Weights(
        weights=(5.021, 4.851, 5.253, 5.131, 3.888, 4.995, 8.196, 4.0, 4.0, 4.0, 4.649),
        none=5.363,
        temperature=0.8,
        line=1.353,
    ),
    "metrics": Weights(
        weights=(4.528, 2.704, 5.04, 3.636, 3.701, 4.433, 6.719, 2.3, 3.464, 4.012, 3.902),
        none=4.572,
        temperature=1.2,
        line=0.36,
    ),
    "logs+metrics": Weights(
        weights=(4.771, 3.6, 5.547, 4.509, 3.77, 4.829, 8.829, 2.933, 4.316, 4.023, 4.719),
        none=6.127,
        temperature=0.8,
        line=1.269,
    ),
}
