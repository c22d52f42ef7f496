"""How the diagnosis' time and memory grow from a thousand spans to a million.

Run: `python -m bench.rca_scale [--sizes 1000 10000 100000 1000000]`. Each size is written to disk and diagnosed in a
process of its own that reads it trace by trace; its seconds are of one core and without the reading of JSON, its
memory is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from bench.rca_generate import Fault, World, window
from mission_control.rca.files import read_traces
from shared.analysis.rca.rank import diagnose
from shared.analysis.rca.table import Builder

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BATCH = 200


def write(path: Path, spans: int, *, incident: bool) -> None:
    """A window of about `spans` spans: a generated one, its traces repeated under new ids."""
    fault = Fault("cpu", "payment") if incident else None
    texts = [
        json.dumps(t) for t in window(World(1, traces=min(1_000, spans // 5)), incident=incident, fault=fault)["data"]
    ]
    sizes = [text.count('"operationName"') for text in texts]
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write('{"data": [')
        written = number = 0
        while written < spans:
            at = number % len(texts)
            old = texts[at][13:45]
            file.write(", " * bool(number) + texts[at].replace(old, f"{number:032x}"))
            written += sizes[at]
            number += 1
        file.write("]}")


def measure(baseline: Path, incident: Path) -> dict[str, Any]:
    """Diagnose; seconds without reading, peak memory with everything."""
    builder = Builder()
    seconds = 0.0
    for path, faulty in ((baseline, False), (incident, True)):
        for batch in batches(path):
            began = time.process_time()
            builder.add_jaeger(batch, incident=faulty)
            seconds += time.process_time() - began
    began = time.process_time()
    found = diagnose(builder.table())
    seconds += time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"spans": found.spans, "seconds": seconds, "peak_mb": peak, "first": found.ranked[0].service}


def batches(path: Path) -> Any:
    """Lists of up to BATCH traces."""
    traces = read_traces(path)
    while batch := list(islice(traces, BATCH)):
        yield batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(*given.measure)))
        return
    print(f"{'spans':>10} {'seconds':>9} {'spans/s':>10} {'peak MB':>8}  first")
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / "baseline.json.gz", Path(folder) / "incident.json.gz"]
            for path, faulty in zip(paths, (False, True), strict=True):
                write(path, size // 2, incident=faulty)
            command = [sys.executable, "-m", "bench.rca_scale", "--measure", *map(str, paths)]
            m = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rate = m["spans"] / m["seconds"]
        print(f"{m['spans']:10,} {m['seconds']:9.3f} {rate:10,.0f} {m['peak_mb']:8.0f}  {m['first']}", flush=True)


if __name__ == "__main__":
    main()
