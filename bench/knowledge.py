"""The knowledge base in Chroma: how long a question takes, what it costs, and what its graph hides from exact search.

Run: `python -m bench.knowledge [--sizes 100,1000,10000] [--json]`. Records are those of `bench.memory`, enlarged the
same way. `agreement`: how many of the best five by exact search are among the best five of Chroma's candidates, over
all queries; `alike` is the same where all that is added are copies of one record with other numbers in it, as when one
fault keeps coming back; `alike_first` is how often the best of all is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from bench.memory_cases import NOW, enlarged, queries, records
from shared.adapters.chroma import ChromaLibrary
from shared.knowledge import Recalled, Wanted
from shared.recall.document import Document
from shared.recall.hashing import Hashed
from shared.recall.rank import ranked

SIZES: Final = (100, 1_000, 10_000)
TARGET_MS: Final = 200.0
"""p95 of one question at 10,000 documents, embedding and ranking included: what Brain may lose to it."""
BEST: Final = 5


def main() -> int:
    """0 when the target holds at every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measured(int(size)) for size in options.sizes.split(",")]
    found = {
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}",
        "embedding": Hashed().name,
        "client_mb": client_mb(),
        "rows": rows,
        "target_p95_ms": TARGET_MS,
    }
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['machine']}; {found['embedding']}; Chroma's client adds {found['client_mb']} MB to a worker")
        for row in rows:
            print(" ".join(f"{key} {value}" for key, value in row.items()))
    return 0 if all(row["p95_ms"] <= TARGET_MS for row in rows) else 1


def measured(size: int) -> dict[str, Any]:
    """One size, in an empty Chroma of its own."""
    known = enlarged(records(), size)
    asked = _questions()
    with server() as (url, process):
        empty = process.memory_info().rss
        library = ChromaLibrary(url, "o/r", Hashed(), recall_within=30.0)
        began = time.perf_counter()
        library.put(known)
        filled_s = time.perf_counter() - began
        library.recall(asked[0])
        took = [_timed(library, one) for one in asked]
        began = time.perf_counter()
        library.held()
        held_s = time.perf_counter() - began
        row = {
            "documents": size,
            "p50_ms": round(statistics.median(took), 1),
            "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
            "agreement": round(agreement(library, Exact(known), asked), 4),
            "filled_s": round(filled_s, 1),
            "held_s": round(held_s, 2),
            "server_mb": round(process.memory_info().rss / 2**20),
            "server_empty_mb": round(empty / 2**20),
        }
        library.clear()
        crowded = alike(size)
        library.put(crowded)
        exact = Exact(crowded)
        row["alike"] = round(agreement(library, exact, asked), 4)
        row["alike_first"] = round(agreement(library, exact, [replace(one, limit=1) for one in asked]), 4)
        library.close()
    return row


class Exact:
    """Compares with everything."""

    def __init__(self, held: Sequence[Document]) -> None:
        self._held = held
        self._vectors = np.array([Hashed().vector(one.passage) for one in held], dtype=np.float32)

    def recall(self, wanted: Wanted) -> tuple[Recalled, ...]:
        cosines = self._vectors @ Hashed().vector(wanted.text).astype(np.float32)
        return ranked(((one, float(cosine)) for one, cosine in zip(self._held, cosines, strict=True)), wanted)


def alike(size: int) -> tuple[Document, ...]:
    """The records, and copies of one of them until there are `size`."""
    known = records()
    one = known[0]
    copies = (
        replace(one, id=f"copy-{n}", issue=10_000 + n, text=f"{one.text} request {n * 7919 % 100_000} of pod {n % 97}")
        for n in range(size - len(known))
    )
    return (*copies, *known)


def agreement(library: ChromaLibrary, exact: Exact, asked: Sequence[Wanted]) -> float:
    """Of the best BEST by exact search, which share Chroma's candidates hold; equal scores count as the same."""
    shares = []
    for one in asked:
        ought = exact.recall(one)
        there = [found.score for found in library.recall(one)]
        shares.append(sum(any(abs(found.score - s) < 1e-4 for s in there) for found in ought) / max(len(ought), 1))
    return statistics.mean(shares)


def client_mb() -> float:
    """What loading Chroma's client adds to a process that has what a worker has."""
    code = (
        "import sys, psutil, numpy, pydantic, requests, structlog, github, confluent_kafka, opentelemetry.sdk.trace\n"
        "sys.modules['rich'] = None\n"
        "import shared.recall.hashing\n"
        "me = psutil.Process(); before = me.memory_info().rss\n"
        "import shared.adapters.chroma.wire as wire; wire.client('http://127.0.0.1:9')\n"
        "print((me.memory_info().rss - before) / 2**20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


@contextmanager
def server() -> Iterator[tuple[str, psutil.Process]]:
    """A Chroma of its own."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded.chroma", "--data", f"{folder}/data"], stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def _questions() -> tuple[Wanted, ...]:
    """As Brain asks: with the service and the symptom."""
    asked = (*queries("dev"), *queries("test"))
    return tuple(Wanted(q.text, NOW, service=q.service, symptom=q.symptom, limit=BEST) for q in asked)


def _timed(library: ChromaLibrary, one: Wanted) -> float:
    began = time.perf_counter()
    library.recall(one)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
