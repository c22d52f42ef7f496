"""Our diagnosis and its peers on recorded incidents, side by side in one run.

Run: `python -m bench.rca --cases DIR [--traces-only] [--held-out day|system] [--json]`. Without --held-out the
committed weights are used: honest for cases they were not learned from. With it, each case is judged by weights
learned without its day or system.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.rca_cases import Case, cases, folders, quiet
from bench.rca_learn import Example, answer, generated, learn, recorded
from bench.rca_peers import PEERS
from bench.rca_score import Answer, accuracy, average, calibration_error, named, reliability, report
from shared.analysis.rca.rank import diagnose
from shared.analysis.rca.table import Builder

OURS = "ours"


def run(
    folder: Path,
    *,
    traces_only: bool = False,
    held_out: str = "",
    peers: bool = True,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> dict[str, Any]:
    """Everything measured, as JSON types, under `methods`; `text` is the same for people. Seconds are CPU time.

    `tell` is called with how many cases are done, of how many.
    """
    answers: dict[str, list[Answer]] = {OURS: []}
    silent: list[Answer] = []
    spans = 0
    known = _refitted(folder, traces_only, held_out) if held_out else {}
    of = len(folders(folder))
    for done, case in enumerate(cases(folder)):
        tell(done, of)
        spans += case.spans
        ours = ask(case, traces_only=traces_only)
        answers[OURS].append(replace(known.get(case.name, ours), seconds=ours.seconds, cause=ours.cause))
        for pair in quiet(case):
            silent.append(known.get(pair.name) or ask(pair, traces_only=traces_only))
        for name, rank in PEERS.items() if peers else ():
            answers.setdefault(name, []).append(_peer(case, rank))
    if not answers[OURS]:
        raise ValueError(f"no cases in {folder}")
    methods = {name: _summary(given, spans) for name, given in answers.items()}
    methods[OURS] |= {
        "calibration_error": round(calibration_error(answers[OURS]), 4),
        "reliability": [{"said": round(s, 3), "right": round(r, 3), "n": n} for s, r, n in reliability(answers[OURS])],
        "cause_class": _causes(answers[OURS]),
        "unknown": round(float(np.mean([a.unknown for a in answers[OURS]])), 4),
        "quiet_unknown": round(float(np.mean([a.unknown for a in silent])), 4) if silent else None,
        "quiet_pairs": len(silent),
    }
    return {
        "cases": len(answers[OURS]),
        "spans": spans,
        "traces_only": traces_only,
        "weights": f"learned without the case's {held_out}" if held_out else "committed",
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "methods": methods,
        "text": "\n".join((report([*answers[OURS], *silent]), _named(methods[OURS]["cause_class"]), _table(methods))),
        "answers": [
            {
                "case": a.case,
                "truth": a.truth,
                "rank": a.rank if a.truth in a.ranked else None,
                "first": a.ranked[0] if a.ranked else None,
                "probability": round(a.probability, 4),
            }
            for a in answers[OURS]
        ],
    }


def ask(case: Case, *, traces_only: bool = False) -> Answer:
    """Our answer; seconds are of one core's time, from parsed JSON to ranking."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        builder = Builder(read_logs=not traces_only)
        builder.add_jaeger(case.baseline, incident=False)
        builder.add_jaeger(case.incident, incident=True)
        found = diagnose(builder.table(), None if traces_only else case.rows)
        seconds = time.process_time() - began
    finally:
        gc.enable()
    return Answer(
        case=case.name,
        system=case.system,
        fault=case.fault,
        truth=case.service,
        ranked=tuple(s.service for s in found.ranked),
        probability=found.ranked[0].probability if found.ranked else 0.0,
        unknown=found.unknown,
        seconds=seconds,
        cause=next((s.cause for s in found.ranked if s.service == case.service), ""),
    )


def _refitted(folder: Path, traces_only: bool, fold: str) -> Mapping[str, Answer]:
    if fold not in {"day", "system"}:
        raise ValueError(f"folds are by day or system, not by {fold!r}")

    def by(e: Example) -> str:
        return e.day if fold == "day" else e.system

    examples, made = recorded(folder), generated()
    found: dict[str, Answer] = {}
    for held in sorted({by(e) for e in examples}):
        rest = [e for e in examples if by(e) != held]
        for mode in ("traces",) if traces_only else ("metrics", "logs+metrics"):
            weights = learn(rest, made, mode, by)
            asked = [e for e in examples if by(e) == held and (traces_only or e.logs == mode.startswith("logs"))]
            found |= {e.name: answer(e, weights, mode) for e in asked}
    return found


def _peer(case: Case, rank: Callable[[Case], list[str]]) -> Answer:
    began = time.process_time()
    ranked = tuple(rank(case))
    return Answer(case.name, case.system, case.fault, case.service, ranked, 0.0, False, time.process_time() - began)


def _summary(answers: list[Answer], spans: int) -> dict[str, Any]:
    seconds = [a.seconds for a in answers]
    groups = {"all": answers}
    for a in answers:
        groups.setdefault(a.system, []).append(a)
        groups.setdefault(a.fault, []).append(a)
    return {
        "accuracy": {
            name: {
                "n": len(given),
                "AC@1": round(accuracy(given, 1), 4),
                "AC@3": round(accuracy(given, 3), 4),
                "AC@5": round(accuracy(given, 5), 4),
                "Avg@5": round(average(given), 4),
            }
            for name, given in groups.items()
        },
        "seconds_per_case": {
            "median": round(float(np.median(seconds)), 5),
            "p95": round(float(np.quantile(seconds, 0.95)), 5),
        },
        "spans_per_second": round(spans / max(sum(seconds), 1e-9)),
    }


def _causes(answers: list[Answer]) -> dict[str, dict[str, int]]:
    """Right cause classes among the cases whose service is first, by fault. Classes need no weights: no folds here."""
    found = {}
    for fault in ("all", *sorted({a.fault for a in answers})):
        right, n = named([a for a in answers if fault in {"all", a.fault}])
        found[fault] = {"right": right, "n": n}
    return found


def _named(causes: Mapping[str, Mapping[str, int]]) -> str:
    said = "  ".join(f"{fault} {c['right']}/{c['n']}" for fault, c in causes.items())
    return f"cause class right where the service is first: {said}"


def _table(methods: Mapping[str, Any]) -> str:
    lines = [
        f"\n{'method':26} {'AC@1':>6} {'AC@3':>6} {'AC@5':>6} {'Avg@5':>6} {'ms/case':>8} {'p95':>7} {'spans/s':>9}"
    ]
    for name, m in methods.items():
        a, s = m["accuracy"]["all"], m["seconds_per_case"]
        lines.append(
            f"{name:26} {a['AC@1']:6.2f} {a['AC@3']:6.2f} {a['AC@5']:6.2f} {a['Avg@5']:6.2f} "
            f"{1000 * s['median']:8.1f} {1000 * s['p95']:7.1f} {m['spans_per_second']:9,}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--traces-only", action="store_true")
    parser.add_argument("--held-out", choices=("day", "system"), default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = run(given.cases, traces_only=given.traces_only, held_out=given.held_out)
    text = found.pop("text")
    print(json.dumps(found) if given.json else text)


if __name__ == "__main__":
    main()
