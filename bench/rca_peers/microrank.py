"""Like MicroRank (Yu et al., WWW 2021): personalised PageRank on traces and operations, weighting a spectrum formula.

Written from the paper, not from its code: slow traces are those beyond what their operations' usual times add up to;
PageRank runs on the slow and on the normal traces apart; a rare kind of slow trace and a short one are preferred as
starting points; the two ranks weigh the spectrum counts, and Dstar2 orders the operations. A service takes its best.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Final

import numpy as np

from bench.rca_cases import Case
from bench.rca_peers.spans import Seen, seen

DAMPING: Final = 0.85
CALLS: Final = 0.01
"""Weight of operation-to-operation edges against trace-to-operation edges."""
ROUNDS: Final = 25
SIGMAS: Final = 1.5

Operation = tuple[str, str]


def microrank(case: Case) -> list[str]:
    """Services, the likeliest first."""
    before = [seen(t) for t in case.baseline]
    during = [seen(t) for t in case.incident]
    times: dict[Operation, list[int]] = defaultdict(list)
    for trace in before:
        for span in trace:
            times[span.service, span.operation].append(span.own)
    usual = {op: float(np.mean(t) + SIGMAS * np.std(t)) for op, t in times.items()}
    slow: list[list[Seen]] = []
    normal: list[list[Seen]] = []
    for trace in during:
        if not trace:
            continue
        expected = sum(usual.get((s.service, s.operation), 0.0) for s in trace)
        whole = max(s.duration for s in trace)
        (slow if whole > expected else normal).append(trace)
    if not slow:
        slow = sorted(during, key=lambda t: -max((s.duration for s in t), default=0))[: max(1, len(during) // 5)]
    bad, good = _ranks(slow), _ranks(normal or before)
    n_bad, n_good = _covered(slow), _covered(normal or before)
    score: dict[str, float] = defaultdict(float)
    for op in bad:
        ef, nf = bad[op] * n_bad[op], bad[op] * (len(slow) - n_bad[op])
        ep = good.get(op, 0.0) * n_good[op]
        dstar = ef * ef / (ep + nf + 1e-12)
        score[op[0]] = max(score[op[0]], dstar)
    for trace in during:
        for span in trace:
            score.setdefault(span.service, 0.0)
    return sorted(score, key=lambda s: (-score[s], s))


def _covered(traces: list[list[Seen]]) -> Counter[Operation]:
    return Counter(op for t in traces for op in {(s.service, s.operation) for s in t})


def _ranks(traces: list[list[Seen]]) -> dict[Operation, float]:
    """PageRank of the operations, their mean being 1."""
    ops: dict[Operation, int] = {}
    members, calls = [], set()
    for trace in traces:
        members.append({ops.setdefault((s.service, s.operation), len(ops)) for s in trace})
        for s in trace:
            if s.parent >= 0:
                above = trace[s.parent]
                calls.add((ops[above.service, above.operation], ops[s.service, s.operation]))
    n, m = len(ops), len(traces)
    if not n:
        return {}
    op_from_trace: Any = np.zeros((n, m))
    trace_from_op: Any = np.zeros((m, n))
    spread = Counter(op for inside in members for op in inside)
    for t, inside in enumerate(members):
        for op in inside:
            op_from_trace[op, t] = 1 / len(inside)
            trace_from_op[t, op] = 1 / spread[op]
    op_from_op: Any = np.zeros((n, n))
    out = Counter(a for a, _ in calls)
    for a, b in calls:
        op_from_op[b, a] = 1 / out[a]
    kinds = Counter(frozenset(i) for i in members)
    start = np.array([1 / kinds[frozenset(i)] / max(len(i), 1) for i in members])
    start /= start.sum()
    rank: Any = np.full(n, 1 / (n + m))
    trace_rank: Any = np.full(m, 1 / (n + m))
    for _ in range(ROUNDS):
        new = DAMPING * (op_from_trace @ trace_rank + CALLS * op_from_op @ rank)
        trace_rank = DAMPING * (trace_from_op @ rank) + (1 - DAMPING) * start
        rank = new / max(new.max(), 1e-12)
        trace_rank = trace_rank / max(trace_rank.max(), 1e-12)
    mean = float(rank.mean()) or 1.0
    return {name: float(rank[i]) / mean for name, i in ops.items()}
