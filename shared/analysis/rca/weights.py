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
        weights=(4.764, 3.643, 4.722, 3.339, 4.445, 4.607, 7.695, 4.0, 4.0, 4.0),
        none=3.945,
        temperature=1.0,
        line=0.828,
    ),
    "logs+traces": Weights(
        weights=(4.764, 4.393, 4.889, 3.725, 4.696, 4.833, 8.251, 4.0, 4.0, 4.0),
        none=4.464,
        temperature=0.9,
        line=1.139,
    ),
    "metrics": Weights(
        weights=(4.574, 2.717, 4.981, 3.003, 4.172, 4.4, 7.367, 2.329, 3.202, 4.015),
        none=4.298,
        temperature=1.2,
        line=0.332,
    ),
    "logs+metrics": Weights(
        weights=(4.645, 3.306, 5.187, 3.423, 4.331, 4.594, 8.364, 2.791, 3.508, 4.016),
        none=4.971,
        temperature=0.9,
        line=1.184,
    ),
}
