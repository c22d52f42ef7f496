"""Learn the weights of shared/analysis/rca/weights.py from recorded incidents, and say honestly how good they are.

Run: `python -m bench.rca_learn --cases DIR [--write]`. Every figure is of held-out cases: the weights, the temperature
and the line are learned without the day (or system) they are judged on; temperature and line by folds within that.
"""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench.rca_cases import Case, cases, quiet
from bench.rca_generate import Fault, World, gauges, window
from bench.rca_score import Answer, report
from shared.analysis.rca.features import NAMES, measure
from shared.analysis.rca.metrics import Rows
from shared.analysis.rca.model import FAULTY, Weights, scores
from shared.analysis.rca.table import Builder, Floats

MODES: Final = ("traces", "logs+traces", "metrics", "logs+metrics")
METRIC: Final = tuple(n for n, name in enumerate(NAMES) if name.startswith(("cpu", "memory")))
PRIOR: Final = 4.0
"""What a weight is without data: a feature at its full alone decides about even."""
RIDGE: Final = 0.2
QUIET: Final = 1 / 3
MADE: Final = 0.15
"""Weights of one quiet pair and of one generated window, in recorded cases."""
SPECIFIC: Final = 0.96
"""Share of quiet pairs that must be called unknown in the folds where the line is chosen."""
KINDS: Final = ("cpu", "exception", "crash", "early", "refusal", "database", "saturation", "none", "none", "none")
"""Faults of the generated windows."""
MARGIN: Final = 0.7
"""Nats that the line is put above that: quiet pairs are all of a few windows, other quiet windows differ more."""
WHERE: Final = Path(__file__).parents[1] / "shared/analysis/rca/weights.py"


@dataclass(frozen=True, slots=True)
class Example:
    """Features with and without logs; `right` is the row of the truth, or the number of rows where nothing is wrong."""

    name: str
    day: str
    system: str
    fault: str
    services: tuple[str, ...]
    with_logs: Floats
    without_logs: Floats
    right: int
    weight: float
    logs: bool
    """Are there log lines on its spans?"""

    def features(self, mode: str) -> Floats:
        matrix = self.with_logs if mode.startswith("logs") else self.without_logs
        if not mode.endswith("metrics"):
            matrix = matrix.copy()
            matrix[:, METRIC] = 0.0
        return matrix


def example(case: Case, weight: float, day: str | None = None) -> Example:
    """Measure a case."""
    matrices, logs = [], False
    for read_logs in (True, False):
        builder = Builder(read_logs=read_logs)
        builder.add_jaeger(case.baseline, incident=False)
        builder.add_jaeger(case.incident, incident=True)
        table = builder.table()
        logs = logs or bool(table.logs)
        matrices.append(measure(table, case.rows)[0])
    services = tuple(table.services)
    right = services.index(case.service) if case.service else len(services)
    return Example(
        case.name, day or case.day, case.system, case.fault, services, matrices[0], matrices[1], right, weight, logs
    )


def recorded(folder: Path) -> list[Example]:
    """Every case whose truth is in its traces, and its quiet pairs."""
    found = []
    for case in cases(folder):
        if any(
            p["serviceName"] == case.service for t in (*case.baseline, *case.incident) for p in t["processes"].values()
        ):
            found.append(example(case, 1.0))
        found += [example(pair, QUIET, case.day) for pair in quiet(case)]
    return found


def generated() -> list[Example]:
    """Faults that the recorded incidents lack, of an invented shop; only ever learned from, never judged on."""
    found = []
    for seed in range(3):
        for kind in KINDS:
            for service in ("catalog", "payment", "stock"):
                world = World(1_000 + seed, logs=seed == 1, noise=0.3 + 0.1 * seed, give_up_us=20_000 * (seed == 2))
                fault = Fault(kind, service, 3.0 + seed, share=(1.0, 0.5, 0.8)[seed]) if kind != "none" else None
                before, after = window(world, incident=False), window(world, incident=True, fault=fault)
                rows = gauges(world, after, fault)
                case = Case(
                    name="generated",
                    system="generated",
                    baseline=before["data"],
                    incident=after["data"],
                    rows=Rows(rows["columns"], rows["rows"]),
                    service=service if fault else "",
                    fault=kind,
                )
                found.append(example(case, MADE, "generated"))
    return found


def fit(examples: Sequence[Example], mode: str, steps: int = 300) -> tuple[Floats, float]:
    """Weights (at least 0, drawn to PRIOR) and none's score, by penalised maximum likelihood (Adam)."""
    width = max(len(e.services) for e in examples) + 1
    given = np.zeros((len(examples), width, len(NAMES) + 1))
    blank = np.full((len(examples), width), -1e9)
    for n, e in enumerate(examples):
        rows = len(e.services)
        given[n, :rows, :-1] = e.features(mode)
        given[n, rows, -1] = 1.0
        blank[n, : rows + 1] = 0.0
    right = given[np.arange(len(examples)), [e.right for e in examples]]
    importance = np.array([e.weight for e in examples])
    w = np.full(len(NAMES) + 1, PRIOR)
    first, second = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, steps + 1):
        z = given @ w + blank
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        slope = -(importance @ (right - (p[:, :, None] * given).sum(1)))
        slope[:-1] += RIDGE * (w[:-1] - PRIOR)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        pace = 0.15 if step < steps / 2 else 0.04
        w = w - pace * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        w[:-1] = np.maximum(w[:-1], 0.0)
    return w[:-1], float(w[-1])


def learn(examples: Sequence[Example], made: Sequence[Example], mode: str, by: Callable[[Example], str]) -> Weights:
    """Weights from all `examples`; temperature and line from folds within them."""
    held: list[tuple[Example, Floats]] = []
    for fold in sorted({by(e) for e in examples}):
        inner = [e for e in examples if by(e) != fold]
        if inner:
            w, none = fit([*inner, *made], mode)
            held += [(e, e.features(mode) @ w - none) for e in examples if by(e) == fold]
    if not held:
        held = [(e, e.features(mode) @ np.full(len(NAMES), PRIOR) - PRIOR) for e in examples]
    grid = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0]
    temperature = min(grid, key=lambda t: sum(_surprise(e, s, t) for e, s in held))
    quiet_best = sorted(float(s.max()) for e, s in held if e.fault == "none")
    line = quiet_best[min(len(quiet_best) - 1, math.ceil(SPECIFIC * len(quiet_best)))]
    line += MARGIN
    w, none = fit([*examples, *made], mode)
    return Weights(tuple(round(float(x), 3) for x in w), round(none, 3), temperature, round(max(line, -1.0), 3))


def _surprise(e: Example, score: Floats, temperature: float) -> float:
    """-ln of the probability said of the truth; a quiet pair weighs as little as it is likely to be asked about."""
    given = np.append(score + math.log(FAULTY / (1 - FAULTY)), 0.0) / temperature
    share = np.exp(given - given.max())
    weight = e.weight * ((1 - FAULTY) / FAULTY if e.fault == "none" else 1.0)
    return -weight * math.log(float(share[e.right] / share.sum()) + 1e-9)


def held_out(
    examples: Sequence[Example], made: Sequence[Example], mode: str, by: Callable[[Example], str]
) -> list[Answer]:
    """Answers about every example from weights that were learned without its fold."""
    answers = []
    for fold in sorted({by(e) for e in examples}):
        weights = learn([e for e in examples if by(e) != fold], made, mode, by)
        for e in examples:
            if by(e) == fold:
                answers.append(answer(e, weights, mode))
    return answers


def answer(e: Example, weights: Weights, mode: str) -> Answer:
    """What the model says about an example."""
    result = scores(e.features(mode), weights)
    order = np.argsort(-result.score, kind="stable")
    return Answer(
        case=e.name,
        system=e.system,
        fault=e.fault,
        truth=e.services[e.right] if e.right < len(e.services) else "",
        ranked=tuple(e.services[i] for i in order),
        probability=float(result.probability[order[0]]),
        unknown=not result.known,
    )


def write(learned: dict[str, Weights], where: Path = WHERE) -> None:
    """Make weights.py."""
    lines = [
        '"""Learned by bench/rca_learn.py from recorded incidents; do not edit.\n',
        "Order of the weights:",
        *textwrap.wrap(", ".join(NAMES) + ".", 118),
        '"""\n',
        "from __future__ import annotations\n",
        "from collections.abc import Mapping",
        "from typing import Final\n",
        "from shared.analysis.rca.model import Weights\n",
        "LEARNED: Final[Mapping[str, Weights]] = {",
    ]
    for mode, weights in learned.items():
        lines.append(
            f'    "{mode}": Weights(\n        weights={weights.weights},\n        none={weights.none},\n'
            f"        temperature={weights.temperature},\n        line={weights.line},\n    ),"
        )
    where.write_text("\n".join([*lines, "}", ""]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="replace weights.py by what all cases teach")
    given = parser.parse_args()
    examples, made = recorded(given.cases), generated()
    for name, by in (("day", lambda e: e.day), ("system", lambda e: e.system)):
        for mode in MODES:
            print(f"\n== {mode}, leave one {name} out")
            print(report(held_out(examples, made, mode, by)))
    if given.write:
        write({mode: learn(examples, made, mode, lambda e: e.day) for mode in MODES})


if __name__ == "__main__":
    main()
