"""The double by hand: `python -m tests.stack.page [--port N] [--board empty|usual|many] [--still]`."""

from __future__ import annotations

import argparse
import random
import time
from itertools import count
from typing import Final

from tests.stack.page.boards import AGENTS, SERVICES, Json, board, card, now, stamp, vital
from tests.stack.page.double import Double

BOARDS: Final[dict[str, Json]] = {
    "empty": {"open_incidents": 0, "closed": 0, "busy": False},
    "usual": {"open_incidents": 3, "closed": 4},
    "many": {"open_incidents": 200, "closed": 60},
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--board", choices=BOARDS, default="usual")
    options.add_argument("--still", action="store_true", help="no events")
    asked = options.parse_args()
    double = Double(board(**BOARDS[asked.board]), port=asked.port)
    print(double.url, flush=True)  # noqa: T201
    rng, opened = random.Random(3), now()
    try:
        for second in count():
            time.sleep(1)
            if asked.still:
                continue
            vitals = [vital(name, rng, name == "policy-service" and second % 60 < 20) for name in SERVICES]
            double.emit("vitals", {"at": stamp(now()), "services": vitals})
            sold = rng.randrange(4, 9)
            double.emit("business", {"at": stamp(now()), "requested": 9, "purchased": sold, "refused": 9 - sold})
            agent = AGENTS[second % len(AGENTS)]
            double.emit("beat", {"at": stamp(now()), "agent": agent, "ok": True, "detail": "lag 0"})
            step = second % 28
            if step == 0:
                opened = now()
            if step % 4 == 0 and step // 4 < 7:
                number = 300 + second // 28
                double.emit("incident", card(number, min(6, 1 + step // 4), opened))
                thought = {
                    "at": stamp(now()),
                    "incident": number,
                    "agent": AGENTS[step // 4 % 6],
                    "text": f"step {step}",
                }
                double.emit("thought", thought)
    finally:
        double.stop()


if __name__ == "__main__":
    main()
