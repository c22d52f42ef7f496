"""A thousand events as a bad minute brings them: thoughts, vitals, beats, and incidents that move."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from tests.stack.page.boards import AGENTS, SERVICES, card, now, stamp, vital


def storm(count: int, numbers: Sequence[int], seed: int = 1) -> Iterator[tuple[str, Any]]:
    """`count` events about the incidents `numbers`: kind and data. No incident is closed."""
    rng, opened = random.Random(seed), now()
    for n in range(count):
        at = stamp(opened + timedelta(milliseconds=20 * n))
        if n % 5 == 0:
            yield "incident", card(rng.choice(numbers), rng.randrange(1, 6), opened)
        elif n % 5 == 1:
            yield "vitals", {"at": at, "services": [vital(name, rng) for name in SERVICES]}
        elif n % 5 == 2:
            yield "business", {"at": at, "requested": 9, "purchased": rng.randrange(9), "refused": 0}
        elif n % 5 == 3:
            yield "beat", {"at": at, "agent": rng.choice(AGENTS), "ok": True, "detail": "lag 0"}
        else:
            text = f"looked at {rng.choice(SERVICES)} for the {n}th time"
            yield "thought", {"at": at, "incident": rng.choice(numbers), "agent": rng.choice(AGENTS), "text": text}
