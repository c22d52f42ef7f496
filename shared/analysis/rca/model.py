"""From features to probabilities: a conditional logit over the services and "none of them".

McFadden, Conditional logit analysis of qualitative choice behavior (1974): each service's score is the weighted sum of
its features, none's is a constant, the probability is the softmax. Weights are at least 0, so that no evidence can
speak for a service by being absent. They are learned by bench/rca_learn.py and are data (weights.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.analysis.rca.table import Floats

FAULTY: Final = 0.85
"""How many of the windows that are diagnosed hold a fault: somebody has raised an incident. Weights are learned at one
half."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned. `weights` is in the order of features.NAMES."""

    weights: tuple[float, ...]
    none: float
    temperature: float
    """Scores are divided by it before the softmax: fitted on held-out folds, so that probabilities are shares."""
    line: float
    """The best service must be this far above none, in nats, or the answer is "unknown"."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Per service its score (nats against none) and its probability; `none` is none's probability."""

    score: Floats
    probability: Floats
    none: float
    known: bool


def scores(matrix: Floats, weights: Weights, extra: Floats | None = None) -> Scores:
    """`matrix` is services × features, `extra` nats added per service (a deployment's timing)."""
    score = matrix @ np.array(weights.weights) - weights.none
    if extra is not None:
        score = score + extra
    odds = math.log(FAULTY / (1 - FAULTY))
    given = np.append((score + odds), 0.0) / weights.temperature
    share = np.exp(given - given.max())
    share /= share.sum()
    known = bool(len(score)) and float(score.max()) > weights.line
    return Scores(score, share[:-1], float(share[-1]), known)
