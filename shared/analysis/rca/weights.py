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
        weights=(4.024, 3.875, 1.471, 4.381, 4.683, 3.083, 7.717, 4.0, 4.0, 4.0),
        none=4.076,
        temperature=1.0,
        line=0.188,
    ),
    "logs+traces": Weights(
        weights=(4.593, 4.425, 1.786, 4.687, 5.014, 3.29, 8.34, 4.0, 4.0, 4.0),
        none=4.639,
        temperature=0.9,
        line=0.351,
    ),
    "metrics": Weights(
        weights=(3.937, 3.208, 1.761, 4.255, 4.106, 2.81, 7.414, 2.404, 2.651, 4.053),
        none=4.415,
        temperature=1.2,
        line=0.484,
    ),
    "logs+metrics": Weights(
        weights=(4.604, 3.637, 2.219, 4.573, 4.295, 3.019, 8.511, 2.879, 2.963, 4.052),
        none=5.147,
        temperature=0.9,
        line=0.747,
    ),
}
