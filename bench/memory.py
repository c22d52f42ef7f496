"""Finding past incidents by other people's words: our embedding and ranking, BM25 and TF-IDF, in one run on one split.

Run: `python -m bench.memory [--half dev|test|field|all] [--sizes 100,1000,10000] [--misses] [--json]`. What was tuned
saw the dev half alone (bench/memory_corpus/queries.toml says how a query gets into it). `field` is a third set, in the
words of strangers.

`similarity`: the cosines of the texts; `without synonyms`: the same without the table of concepts. `hybrid, as
/similar`: `shared.recall.rank` with the text alone. `hybrid, as Brain`: service and symptom are known too;
`metadata alone`: these without the text, so that what the text adds is seen. The peers are given the texts alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from bench.memory_cases import NOW, Half, Query, enlarged, queries, records
from bench.memory_peers import PEERS
from shared.recall.document import Document
from shared.recall.hashing import Hashed
from shared.recall.rank import POOL, ranked
from shared.recall.wanted import Wanted

SETS: Final[tuple[Half, ...]] = ("dev", "test", "field")
SIZES: Final = (100, 1_000, 10_000)
TARGET_MS: Final = 50.0
"""p95 of one query at 10,000 incidents, embedding included: a twentieth of what a diagnosis may take."""
Method = Callable[[Query], list[str]]
"""The ids of the records, best first."""


class Ours:
    """Exact search in memory over the vectors of `held`."""

    def __init__(self, held: Sequence[Document], *, synonyms: bool = True) -> None:
        self.held = held
        self.embedder = Hashed(synonyms=synonyms)
        self.matrix = np.array([self.embedder.vector(d.passage) for d in held], dtype=np.float32)
        self.services = np.array([d.service for d in held])

    def similarity(self, query: Query) -> list[str]:
        return [self.held[n].id for n in np.argsort(-self._cosines(query), kind="stable")]

    def as_text(self, query: Query) -> list[str]:
        return self._ranked(query, Wanted(query.text, NOW, limit=POOL))

    def as_brain(self, query: Query) -> list[str]:
        return self._ranked(query, Wanted(query.text, NOW, query.service, query.symptom, limit=2 * POOL))

    def metadata(self, query: Query) -> list[str]:
        wanted = Wanted(query.text, NOW, query.service, query.symptom, limit=POOL)
        own = np.flatnonzero(self.services == query.service)
        return [one.document.id for one in ranked(((self.held[int(n)], 0.0) for n in own), wanted)]

    def best(self, query: Query) -> float:
        """The highest cosine there is."""
        return float(self._cosines(query).max())

    def _cosines(self, query: Query) -> Any:
        vector = self.embedder.vector(query.text).astype(np.float32)
        return np.einsum("ij,j->i", self.matrix, vector)  # one core; `@` starts threads that wait for each other

    def _ranked(self, query: Query, wanted: Wanted) -> list[str]:
        cosines = self._cosines(query)
        pool = set(_top(cosines, np.arange(len(cosines))))
        if wanted.service:
            pool |= set(_top(cosines, np.flatnonzero(self.services == wanted.service)))
        found = ((self.held[n], float(cosines[n])) for n in pool)
        return [one.document.id for one in ranked(found, wanted)]


def _top(cosines: Any, among: Any) -> list[int]:
    if len(among) <= POOL:
        return [int(n) for n in among]
    return [int(n) for n in among[np.argpartition(-cosines[among], POOL)[:POOL]]]


def methods(held: Sequence[Document]) -> tuple[Ours, dict[str, Method]]:
    """Every method over `held`, by the name it is printed under."""
    ours = Ours(held)
    by_name: dict[str, Method] = {}
    for name, fit in PEERS.items():
        score = fit([d.passage for d in held])
        by_name[name] = lambda query, score=score: _by(score(query.text), held)  # type: ignore[misc]
    by_name |= {
        "without synonyms": Ours(held, synonyms=False).similarity,
        "similarity": ours.similarity,
        "metadata alone": ours.metadata,
        "hybrid, as /similar": ours.as_text,
        "hybrid, as Brain": ours.as_brain,
    }
    return ours, by_name


def _by(scores: list[float], held: Sequence[Document]) -> list[str]:
    return [held[n].id for n in np.argsort(-np.array(scores), kind="stable")]


def judged(asked: Sequence[Query], held: Sequence[Document], method: Method) -> dict[str, Any]:
    """How well `method` answers the queries that have an answer, and which it misses."""
    service = {d.id: d.service for d in held}
    known = [q for q in asked if q.answer]
    answers = {q.id: method(q) for q in known}
    places = {q.id: answers[q.id].index(q.answer) + 1 if q.answer in answers[q.id] else 0 for q in known}
    lured = [answers[q.id][0] == q.lure for q in known if q.lure]
    return {
        "n": len(known),
        "hit@1": _mean(places[q.id] == 1 for q in known),
        "hit@3": _mean(0 < places[q.id] <= 3 for q in known),
        "MRR": _mean(1 / places[q.id] if places[q.id] else 0.0 for q in known),
        "wrong service": _mean(service[answers[q.id][0]] != service[q.answer] for q in known),
        "lured": _mean(lured),
        "lures": len(lured),
        "misses": {q.id: answers[q.id][:3] for q in known if places[q.id] != 1},
    }


def _mean(values: Any) -> float:
    given = [float(v) for v in values]
    return round(sum(given) / len(given), 4) if given else 0.0


def told_apart(asked: Sequence[Query], ours: Ours) -> float | None:
    """How often a query that has an answer has a higher best cosine than one that has none (area under the ROC); None
    where there are none of the one sort."""
    known = [ours.best(q) for q in asked if q.answer]
    unknown = [ours.best(q) for q in asked if not q.answer]
    return _mean(k > u for k in known for u in unknown) if known and unknown else None


def timed(asked: Sequence[Query], size: int) -> dict[str, Any]:
    """Milliseconds of one query, text to order, over `size` records; and whether the answer is still first."""
    held = enlarged(records(), size)
    began = time.perf_counter()
    _, by_name = methods(held)
    built = time.perf_counter() - began
    rows: dict[str, Any] = {"vectors_mb": round(size * 4 * Hashed().dimensions / 2**20, 1), "built_s": round(built, 2)}
    for name, method in by_name.items():
        gc.collect()
        took = []
        for query in asked:
            began = time.perf_counter()
            method(query)
            took.append(1000 * (time.perf_counter() - began))
        good = judged(asked, held, method)
        rows[name] = {
            "p50": round(float(np.quantile(took, 0.5)), 2),
            "p95": round(float(np.quantile(took, 0.95)), 2),
            "hit@1": good["hit@1"],
            "wrong service": good["wrong service"],
        }
    return rows


def run(halves: Sequence[Half], sizes: Sequence[int]) -> dict[str, Any]:
    """Everything measured, as JSON types. Raises ValueError for a size below the number of records."""
    held = records()
    if any(size < len(held) for size in sizes):
        raise ValueError(f"there are {len(held)} records: no smaller size")
    ours, by_name = methods(held)
    quality = {
        half: {name: judged(queries(half), held, method) for name, method in by_name.items()}
        | {"told apart": told_apart(queries(half), ours)}
        for half in halves
    }
    asked = [query for half in halves for query in queries(half)]
    scale = {str(size): timed(asked, size) for size in sizes}
    slowest = scale[str(max(sizes))]["hybrid, as Brain"]["p95"] if sizes else 0.0
    return {
        "conditions": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}, Python "
        f"{platform.python_version()}, numpy {np.__version__}",
        "embedding": ours.embedder.name,
        "records": len(held),
        "quality": quality,
        "scale": scale,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "met": slowest <= TARGET_MS,
    }


def report(found: Mapping[str, Any], *, misses: bool = False) -> str:
    """`run` for people."""
    lines = [found["conditions"], f"{found['records']} records, {found['embedding']}"]
    for half, by_name in found["quality"].items():
        rows = {name: row for name, row in by_name.items() if isinstance(row, dict)}
        one = next(iter(rows.values()))
        lines.append(f"\n{half}, {one['n']} queries, {one['lures']} with a lure")
        lines.append(f"{'':22}{'hit@1':>7}{'hit@3':>7}{'MRR':>7}{'wrong service':>15}{'lured':>7}")
        for name, row in rows.items():
            lines.append(
                f"{name:22}{row['hit@1']:7.2f}{row['hit@3']:7.2f}{row['MRR']:7.2f}{row['wrong service']:15.2f}"
                f"{row['lured']:7.2f}"
            )
            lines += [f"    {id}: {', '.join(first)}" for id, first in row["misses"].items() if misses]
        if by_name["told apart"] is not None:
            lines.append(
                f"a query with an answer has the higher best cosine than one without: {by_name['told apart']:.2f}"
            )
    for size, rows in found["scale"].items():
        lines.append(f"\n{int(size):,} incidents, vectors {rows['vectors_mb']} MiB, all built in {rows['built_s']} s")
        lines.append(f"{'':22}{'p50 ms':>8}{'p95 ms':>8}{'hit@1':>7}{'wrong service':>15}")
        lines += [
            f"{name:22}{row['p50']:8.2f}{row['p95']:8.2f}{row['hit@1']:7.2f}{row['wrong service']:15.2f}"
            for name, row in rows.items()
            if isinstance(row, dict)
        ]
    lines.append(f"\npeak memory {found['peak_memory_mb']} MiB")
    if found["scale"]:
        lines.append(f"p95 as Brain at the largest size <= {TARGET_MS:.0f} ms: {'yes' if found['met'] else 'NO'}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("dev", "test", "field", "all"), default="all")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="none: an empty text")
    parser.add_argument("--misses", action="store_true", help="say which queries are not answered first")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    halves = SETS if given.half == "all" else (given.half,)
    found = run(halves, [int(size) for size in given.sizes.split(",") if size])
    print(json.dumps(found) if given.json else report(found, misses=given.misses))
    return 0 if found["met"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
