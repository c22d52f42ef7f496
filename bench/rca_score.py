"""How good a ranking is: AC@k, Avg@5, calibration, and how often quiet windows are called unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

BINS: Final = 5
ACCEPTED: Final[Mapping[str, frozenset[str]]] = {
    "cpu_contention": frozenset(("cpu", "saturation")),
    "cpu_consumed": frozenset(("cpu", "saturation")),
    "network_delay": frozenset(("network-delay",)),
    "exception": frozenset(("exception",)),
    "return": frozenset(("early-return",)),
}
"""Fault of the recorded incidents -> cause classes that name it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A method's ranking of one case; `truth` is empty where nothing is wrong. `probability` is that of the first."""

    case: str
    system: str
    fault: str
    truth: str
    ranked: tuple[str, ...]
    probability: float
    unknown: bool
    seconds: float = 0.0
    cause: str = ""
    """The cause class said of the truth's service, wherever it stands."""

    @property
    def rank(self) -> int:
        """Place of the truth from 1, a large number when it is not in the ranking."""
        return self.ranked.index(self.truth) + 1 if self.truth in self.ranked else 10_000


def accuracy(answers: Sequence[Answer], k: int) -> float:
    """Share of the cases whose truth is among the first k (AC@k)."""
    return float(np.mean([a.rank <= k for a in answers])) if answers else float("nan")


def average(answers: Sequence[Answer], k: int = 5) -> float:
    """Mean of AC@1 … AC@k (Avg@k)."""
    return float(np.mean([accuracy(answers, n) for n in range(1, k + 1)])) if answers else float("nan")


def reliability(answers: Sequence[Answer]) -> list[tuple[float, float, int]]:
    """(mean probability said, share right, count) per fifth of the scale, the empty ones left out."""
    found = []
    for n in range(BINS):
        inside = [
            a for a in answers if n / BINS <= a.probability < (n + 1) / BINS or (n == BINS - 1 and a.probability >= 1)
        ]
        if inside:
            said = float(np.mean([a.probability for a in inside]))
            found.append((said, accuracy(inside, 1), len(inside)))
    return found


def calibration_error(answers: Sequence[Answer]) -> float:
    """Expected calibration error of the first place's probability (Naeini et al., AAAI 2015), BINS equal bins."""
    return sum(n * abs(said - right) for said, right, n in reliability(answers)) / max(len(answers), 1)


def named(answers: Sequence[Answer]) -> tuple[int, int]:
    """Of the cases whose service is first, how many have a right cause class; and how many such cases there are."""
    first = [a for a in answers if a.rank == 1 and a.fault in ACCEPTED]
    return sum(a.cause in ACCEPTED[a.fault] for a in first), len(first)


def report(answers: Sequence[Answer]) -> str:
    """A table: all, by system, by fault; then the reliability curve and the quiet pairs."""
    faulty = [a for a in answers if a.truth]
    silent = [a for a in answers if not a.truth]
    lines = [f"{'':30} {'n':>4} {'AC@1':>6} {'AC@3':>6} {'AC@5':>6} {'Avg@5':>6} {'ECE':>6} {'unknown':>8}"]

    def line(name: str, which: Callable[[Answer], bool]) -> None:
        some = [a for a in faulty if which(a)]
        if some:
            lines.append(
                f"{name:30} {len(some):4d} {accuracy(some, 1):6.2f} {accuracy(some, 3):6.2f} {accuracy(some, 5):6.2f} "
                f"{average(some):6.2f} {calibration_error(some):6.2f} {np.mean([a.unknown for a in some]):8.2f}"
            )

    line("all", lambda _: True)
    for system in sorted({a.system for a in faulty}):
        line(system, lambda a, s=system: a.system == s)  # type: ignore[misc]
    for fault in sorted({a.fault for a in faulty}):
        line(fault, lambda a, f=fault: a.fault == f)  # type: ignore[misc]
    lines.append(f"reliability of the first place's probability (calibration error {calibration_error(faulty):.2f}):")
    lines.append(f"{'':4}{'said':>6} {'right':>6} {'n':>4}")
    lines += [f"{'':4}{said:6.2f} {right:6.2f} {n:4d}" for said, right, n in reliability(faulty)]
    if silent:
        lines.append(f"quiet pairs called unknown: {np.mean([a.unknown for a in silent]):.3f} of {len(silent)}")
    wrong = [
        f"{a.case} {a.fault} rank {a.rank if a.rank < 10_000 else '-'} p {a.probability:.2f}"
        for a in faulty
        if a.rank > 1
    ]
    lines.append("not first: " + "; ".join(wrong))
    return "\n".join(lines)
