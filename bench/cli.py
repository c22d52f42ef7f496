"""How long the command line takes from the start to its end: `python -m bench.cli [--state DIR] [--runs N]`.

Each command is a process of its own, started as a person starts it (./mission-control.sh), in turn, so that a
disturbance meets all of them. `status` needs a running world; without one it is left out, and that is said.
The aim is 300 ms (p95) for `--help` and `status` on a machine that does nothing else. Besides the time on the clock
there is the processor time, which other programs disturb less: on a busy machine only that can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
SCRIPT: Final = ROOT / "mission-control.sh"
AIM_MS: Final = 300.0
AIMED: Final = ("--help", "status")


@dataclass(frozen=True, slots=True)
class Took:
    """One run: milliseconds on the clock, and of processor time (user and system, of the command and its children)."""

    wall: float
    cpu: float


def once(words: tuple[str, ...]) -> Took:
    """One run. Raises RuntimeError when the command fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(SCRIPT), *words], capture_output=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode not in (0, 3):  # 3: it told, and something is unwell
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return Took(wall * 1000, cpu * 1000)


def measure(commands: dict[str, tuple[str, ...]], runs: int) -> dict[str, list[Took]]:
    """Each command, `runs` times in turn, after one run that is not counted."""
    for words in commands.values():
        once(words)
    taken: dict[str, list[Took]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, words in commands.items():
            taken[name].append(once(words))
    return taken


def conditions(runs: int) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "runs": runs,
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "machine": platform.platform(),
    }


def main() -> int:
    """0 when what is aimed at is met, 1 when not, 2 when nothing could be measured."""
    parser = argparse.ArgumentParser("python -m bench.cli", description="Start-up times of the command line.")
    parser.add_argument("--state", type=Path, default=ROOT / ".sre-space", help="state folder of a running world")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    commands: dict[str, tuple[str, ...]] = {"--help": ("--help",), "approve --help": ("approve", "--help")}
    if (asked.state / "run.json").exists():
        here = ("--state", str(asked.state))
        commands |= {name: (*name.split(), *here) for name in ("status", "status --json", "incidents")}
    around = conditions(asked.runs)
    try:
        taken = measure(commands, asked.runs)
    except RuntimeError as failure:
        sys.stderr.write(f"bench cli: {failure}\n")
        return 2
    figures = {
        name: {
            "median_ms": round(statistics.median(run.wall for run in runs), 1),
            "p95_ms": round(statistics.quantiles([run.wall for run in runs], n=20, method="inclusive")[18], 1),
            "cpu_median_ms": round(statistics.median(run.cpu for run in runs), 1),
        }
        for name, runs in taken.items()
    }
    met = all(figures[name]["p95_ms"] <= AIM_MS for name in AIMED if name in figures)
    document = {"conditions": around, "aim_p95_ms": AIM_MS, "met": met, "commands": figures}
    print(json.dumps(document, indent=2) if asked.json else table(document))
    return 0 if met else 1


def table(document: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"{'command':16} {'median':>9} {'p95':>9} {'cpu':>9}"]
    for name, row in document["commands"].items():
        lines.append(f"{name:16} {row['median_ms']:6.0f} ms {row['p95_ms']:6.0f} ms {row['cpu_median_ms']:6.0f} ms")
    if "status" not in document["commands"]:
        lines.append("status is left out: no world runs there")
    around = document["conditions"]
    lines.append(
        f"{around['runs']} runs each, in turn; {around['cores']} cores, load {around['load_1min']} at the start; "
        f"Python {around['python']}, {around['machine']}"
    )
    lines.append(f"aim: p95 of {' and '.join(AIMED)} within {document['aim_p95_ms']:.0f} ms: "
                 f"{'met' if document['met'] else 'NOT met'}")  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
