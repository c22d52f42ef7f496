"""500 destructive patches of which none may pass, and 200 honest ones of which all must.

Run: `python -m bench.bad_patches [--seed N]`. Prints a table; exit 1 when a bad patch passes or a good one is refused.
Every patch is made of the real files of this checkout; the bad ones by one mutation of the kind that the row names, put
in the way that fits it: as the fleet's own edit, as somebody else's pull request, or as a title.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from typing import Final

from bench.patch_world import Again, Kind, World, read_world
from bench.patches_bad import KINDS
from bench.patches_good import GOOD_KINDS, past_commits
from shared.gitops.refusals import check_foreign

BAD: Final = 500
GOOD: Final = 200


def run(world: World, kinds: dict[Kind, str], count: int, seed: int) -> tuple[Counter[str], list[str], list[float]]:
    """How many of each kind there were, what went wrong, and the seconds each took. `kinds` as in KINDS; "" for good
    ones, which must have no reason against them."""
    tried: Counter[str] = Counter()
    wrong, took = [], []
    for number in range(count):
        kind, expected = list(kinds.items())[number % len(kinds)]
        for attempt in range(100):
            began = time.perf_counter()
            try:
                reasons = kind(world, random.Random(f"{seed}/{kind.__name__}/{number}/{attempt}"))
            except Again:
                continue
            break
        else:
            raise RuntimeError(f"{kind.__name__} #{number} could not be drawn")
        took.append(time.perf_counter() - began)
        tried[kind.__name__] += 1
        as_expected = any(re.search(expected, reason) for reason in reasons) if expected else not reasons
        if not as_expected:
            wrong.append(f"{kind.__name__} #{number}: {'; '.join(reasons) or 'passed'}")
    return tried, wrong, took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    seed: int = parser.parse_args().seed
    world, state = read_world()
    print(f"seed {seed}, Python {sys.version.split()[0]}, {len(world.files)} files, desired state: {state}\n")
    failed = False
    for title, kinds, count in (("bad patches", KINDS, BAD), ("good patches", GOOD_KINDS, GOOD)):
        tried, wrong, took = run(world, kinds, count, seed)
        what = "passed, or refused for another reason" if kinds is KINDS else "refused"
        print(f"| {title} | tried | {what} |\n|---|---|---|")
        for name, number in tried.items():
            print(f"| {name.replace('_', ' ')} | {number} | {sum(line.startswith(name + ' ') for line in wrong)} |")
        middle = sorted(took)[len(took) // 2]
        print(f"| **all** (target 0; each took {middle * 1e3:.0f} ms at the median) | {count} | {len(wrong)} |\n")
        print("".join(f"  {line}\n" for line in wrong), end="")
        failed |= bool(wrong)
    changes = past_commits()
    passed = sum(not check_foreign((file,), existing=world.files) for _, file in changes)
    print(
        f"Of {len(changes)} changes of one file in the history of protected_services, {passed} would pass; the others:"
    )
    why = Counter(r.partition(": ")[2][:60] for _, f in changes for r in check_foreign((f,), existing=world.files)[:1])
    print("".join(f"  {number} × {re.sub(r'[0-9]+', 'N', reason)}\n" for reason, number in why.items()), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
