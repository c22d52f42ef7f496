"""What one would do without a method."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from statistics import median

from bench.rca_cases import Case
from bench.rca_peers.spans import seen


def chance(case: Case) -> list[str]:
    """The services of the incident in an order drawn by the case's name."""
    services = sorted({p["serviceName"] for t in case.incident for p in t["processes"].values()})
    random.Random(case.name).shuffle(services)
    return services


def most_errors(case: Case) -> list[str]:
    """By the number of spans that failed or logged an error."""
    count: Counter[str] = Counter()
    for trace in case.incident:
        for span in seen(trace):
            count[span.service] += span.failed
    return sorted(count, key=lambda s: (-count[s], s))


def self_time_ratio(case: Case) -> list[str]:
    """By the greatest ratio, over its operations, of the median own time to that of the baseline."""
    times: tuple[dict[tuple[str, str], list[int]], ...] = (defaultdict(list), defaultdict(list))
    for window, traces in zip(times, (case.baseline, case.incident), strict=True):
        for trace in traces:
            for span in seen(trace):
                window[span.service, span.operation].append(span.own)
    best: dict[str, float] = defaultdict(float)
    for (service, operation), now in times[1].items():
        before = times[0].get((service, operation))
        ratio = (median(now) + 1) / (median(before) + 1) if before else 0.0
        best[service] = max(best[service], ratio)
    return sorted(best, key=lambda s: (-best[s], s))
