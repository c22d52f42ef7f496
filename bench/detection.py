"""How rarely Scout cries wolf and how fast it sees: exact figures of its sequential tests, and measured delays.

Run: `python -m bench.detection [--runs N]`. The first two tables are computed (Markov chain, no simulation); the third
is measured on a marketplace in virtual time at the default load, through the whole Watch; so is the cost of a step.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable

from agents.scout.series import IN_CONTROL, conversion_design, errors_design, latency_design
from agents.scout.watch import Watch
from shared.agent import Open
from shared.analysis.cusum import BernoulliCusum
from shared.incident.facts import Detected
from tests.scout.shop import RATE, Shop

DAY = 86_400.0
WARM_UP_S = 60


def quiet_rates(seconds: int = 120) -> dict[str, float]:
    """Observations a second of each stream, measured on the quiet shop."""
    shop = Shop(seed=99)
    watch = Watch(shop)
    spans: Counter[str] = Counter()
    for _ in range(2 * seconds):
        watch.step((), ())
        assert shop.last is not None
        for span in shop.last.spans:
            if span.kind == "server":
                spans[f"errors {span.service}"] += 1
                spans[f"latency {span.service} {span.operation}"] += 1
        spans["conversion policy-service"] += len(shop.last.business)
    return {name: count / seconds for name, count in sorted(spans.items())}


def false_alarms(rates: dict[str, float]) -> None:
    print(f"FALSE ALARMS at {RATE:g} journeys a second (in control: exactly p0; wanted run length {IN_CONTROL:.0e})")
    print(f"{'stream':58} {'1/s':>6} {'p0':>6} {'p1':>6} {'limit':>6} {'run length':>11} {'days':>6} {'a day':>8}")
    tests = {"errors": errors_design(0.0), "latency": latency_design(), "conversion": conversion_design(0.02)}
    total = 0.0
    for stream, rate in rates.items():
        test = tests[stream.split()[0]]
        length = test.run_length(test.p0)
        days = length / rate / DAY
        total += 1 / days
        print(
            f"{stream[:58]:58} {rate:6.1f} {test.p0:6.3f} {test.p1:6.3f} {test.limit / test.down:6.1f} {length:11.3g} "
            f"{days:6.0f} {1 / days:8.4f}"
        )
    print(f"all streams together: {total:.3f} a day, one in {1 / total:.0f} days, if each were always exactly at p0")
    print("a stream below its p0 is far better: errors at a true rate of 0.1 % instead of 0.5 %: run length", end=" ")
    print(f"{tests['errors'].run_length(0.001):.1e}; conversion at 1 %: {tests['conversion'].run_length(0.01):.1e}\n")


def delays(rates: dict[str, float]) -> None:
    print("DETECTION DELAY of the tests, expected, from zero (exact); seconds at policy-service, the least busy one")
    print(f"{'test':12} {'share bad':>9} {'observations':>13} {'99 % within':>12} {'seconds':>8}")
    rows: list[tuple[str, BernoulliCusum, tuple[float, ...]]] = [
        ("errors", errors_design(0.0), (0.2, 0.5, 0.9)),
        ("latency", latency_design(), (0.5, 0.9, 1.0)),
        ("conversion", conversion_design(0.02), (0.3, 0.5, 0.98)),
    ]
    rate = rates["conversion policy-service"]
    for name, test, shares in rows:
        for share in shares:
            length = test.run_length(share)
            print(f"{name:12} {share:9.2f} {length:13.1f} {test.needed(0.99, share):12d} {length / rate:8.2f}")
    print()


def failing(service: str, share: float) -> Callable[[Shop], None]:
    return lambda shop: shop.faults.failing.update({service: share})


def slow(service: str, seconds: float) -> Callable[[Shop], None]:
    return lambda shop: shop.faults.delay.update({service: seconds})


def refusing(share: float) -> Callable[[Shop], None]:
    return lambda shop: setattr(shop.faults, "refusing", share)


def dead(service: str) -> Callable[[Shop], None]:
    return lambda shop: shop.die(service, 137, oom=True)


def hanging(service: str) -> Callable[[Shop], None]:
    def inject(shop: Shop) -> None:
        shop.faults.hanging.add(service)
        shop.silent.add(service)

    return inject


FAULTS: tuple[tuple[str, Callable[[Shop], None], tuple[str, str]], ...] = (
    ("oom policy-service", dead("policy-service"), ("policy-service", "oom")),
    ("hang policy-service (probes refused)", hanging("policy-service"), ("policy-service", "unresponsive")),
    ("errors 20 % policy-service (mild)", failing("policy-service", 0.2), ("policy-service", "errors")),
    ("errors 50 % policy-service (medium)", failing("policy-service", 0.5), ("policy-service", "errors")),
    ("errors 50 % user-service (medium)", failing("user-service", 0.5), ("user-service", "errors")),
    ("latency 0.15 s policy-service (mild)", slow("policy-service", 0.15), ("policy-service", "latency")),
    ("latency 0.4 s policy-service (medium)", slow("policy-service", 0.4), ("policy-service", "latency")),
    ("latency 0.4 s user-service (medium)", slow("user-service", 0.4), ("user-service", "latency")),
    ("conversion 30 % refused", refusing(0.3), ("policy-service", "conversion")),
    ("conversion 98 % refused (severe)", refusing(0.98), ("policy-service", "conversion")),
)


def measured(runs: int) -> None:
    print(f"MEASURED through the whole Watch, {runs} runs each: fault to Open, step 0.5 s, spans exported every 0.2 s")
    print("(a failed call waits 0.5 s for the callee's span; conversion waits 3 s for a technical explanation)")
    print(f"{'fault':42} {'p50 s':>6} {'max s':>6} {'right':>6} {'other':>6}")
    for name, inject, expected in FAULTS:
        took: list[float] = []
        right = other = 0
        for seed in range(runs):
            shop = Shop(seed)
            watch = Watch(shop)
            for _ in range(2 * WARM_UP_S + seed % 3):
                other += sum(isinstance(s, Open) for s in watch.step((), ()))
            inject(shop)
            begun = shop.now
            found: list[Detected] = []
            while not found and (shop.now - begun).total_seconds() < 60:
                found = [s.fact for s in watch.step((), ()) if isinstance(s, Open)]
            for fact in found:
                if (fact.service, fact.symptom) == expected:
                    right += 1
                    took.append((shop.now - begun).total_seconds())
                else:
                    other += 1
        middle, most = (statistics.median(took), max(took)) if took else (float("nan"), float("nan"))
        print(f"{name:42} {middle:6.1f} {most:6.1f} {right:6d} {other:6d}")
    print()


def quiet_and_cost(minutes: int) -> None:
    shop = Shop(seed=5)
    watch = Watch(shop)
    costs, opened, spans = [], 0, 0
    for _ in range(minutes * 120):
        seen = shop.step()
        begun = time.process_time()
        opened += len(watch._judge(seen, (), ()))
        costs.append((time.process_time() - begun) * 1000)
        spans += len(seen.spans)
    costs.sort()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"QUIET {minutes} min of spans: {opened} opened, {spans / minutes / 60:.0f} spans/s")
    print(
        f"COST of a step without its reading: p50 {costs[len(costs) // 2]:.2f} ms CPU, p99 "
        f"{costs[len(costs) * 99 // 100]:.2f} ms; process {memory:.0f} MB at most, simulation included"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--quiet-minutes", type=int, default=20)
    arguments = parser.parse_args()
    rates = quiet_rates()
    false_alarms(rates)
    delays(rates)
    measured(arguments.runs)
    quiet_and_cost(arguments.quiet_minutes)


if __name__ == "__main__":
    main()
