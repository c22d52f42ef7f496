"""Like TraceRCA (Li et al., IWQoS 2021): the service whose presence tells abnormal traces from normal ones.

Written from the paper, not from its code: a call (caller, callee) is abnormal when its time is more than three usual
deviations off, for those callee operations whose times changed between the windows at all; a trace is abnormal when
one of its calls is; sets of services are mined by their support among abnormal traces and ranked by the Jaccard index
of support and confidence; a service takes its best set's score, ties broken by how abnormal its own calls are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import Final

import numpy as np

from bench.rca_cases import Case
from bench.rca_peers.spans import Seen, seen

SIGMAS: Final = 3.0
CHANGED: Final = 0.1
"""Of the incident's samples that must be off for a call's times to be looked at."""
SUPPORT: Final = 0.1
LARGEST: Final = 2

Call = tuple[str, str]


def tracerca(case: Case) -> list[str]:
    """Services, the likeliest first."""
    usual: dict[Call, list[int]] = defaultdict(list)
    for trace in case.baseline:
        for span, call in _calls(seen(trace)):
            usual[call].append(span.own)
    level = {c: (float(np.mean(t)), float(np.std(t)) + 1.0) for c, t in usual.items() if len(t) > 1}
    off: Counter[Call] = Counter()
    total: Counter[Call] = Counter()
    marked = []
    for trace in case.incident:
        odd = []
        for span, call in _calls(seen(trace)):
            total[call] += 1
            mean, deviation = level.get(call, (0.0, float("inf")))
            if abs(span.own - mean) > SIGMAS * deviation or span.failed:
                off[call] += 1
                odd.append(call)
        marked.append((frozenset(p["serviceName"] for p in trace["processes"].values()), odd))
    looked_at = {c for c in off if off[c] >= CHANGED * total[c]}
    hit: list[set[str]] = [{c[0] for c in odd if c in looked_at} for _, odd in marked]
    abnormal = [frozenset(h) for h in hit if h]
    score: dict[str, float] = {s: 0.0 for present, _ in marked for s in present}
    services = sorted({s for h in abnormal for s in h})
    for size in range(1, LARGEST + 1):
        for group in combinations(services, size):
            wanted = set(group)
            inside = sum(wanted <= h for h in abnormal)
            support = inside / max(len(abnormal), 1)
            if support < SUPPORT:
                continue
            confidence = inside / max(sum(wanted <= present for present, _ in marked), 1)
            jaccard = 1 / (1 / support + 1 / max(confidence, 1e-9) - 1)
            for service in group:
                score[service] = max(score[service], jaccard)
    strength: Counter[str] = Counter()
    for call in looked_at:
        strength[call[0]] += off[call]
    return sorted(score, key=lambda s: (-score[s], -strength[s], s))


def _calls(trace: list[Seen]) -> list[tuple[Seen, Call]]:
    return [(s, (s.service, s.operation)) for s in trace]
