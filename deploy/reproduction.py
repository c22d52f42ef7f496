"""Shows whether an incident's symptom is there when this very tree runs: `python deploy/reproduction.py INCIDENT.json`.

Run by the fleet in a sandbox, once on the tree before a change and once on the tree after it, always as it stands on
the default branch, so that a change cannot soften it. Exit status: 0 the symptom is not there, 1 it is, 3 it cannot be
told. The last line of the output is JSON: the figure, the bound it was held against, and what it is.

    {"service": "policy-service", "symptom": "conversion",
     "measures": [{"name": "refused purchases", "before": 0.02, "after": 0.97}],
     "environment": {"policy-service": {"MAX_RISK_FACTOR": "1.8"}, ...}, "memory_mib": {"policy-service": 192, ...},
     "base": what the last line said of the tree before the change, for the run on the tree after it}

It starts the marketplace of the tree on loopback (`marketplace.py`) and sends it customers of its own. Standard library
only.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from deploy.marketplace import Marketplace
else:
    from marketplace import Marketplace  # beside this file, wherever that is

ABSENT, SHOWN, CANNOT_TELL = 0, 1, 3
CUSTOMERS: Final = 40
STEP: Final = 20
MOST_CUSTOMERS: Final = 500
"""Customers after which a service that is still below its memory limit keeps nothing of them."""


def main() -> int:
    """The exit status the module's text explains."""
    incident = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    market = Marketplace(incident["environment"])
    try:
        return _judge(incident, market)
    finally:
        market.stop()


def _judge(incident: dict[str, Any], market: Marketplace) -> int:
    symptom, service = incident["symptom"], incident["service"]
    missing = market.not_up()
    if missing is not None:
        if symptom in ("crash", "oom", "unresponsive") and missing == service:
            return _say(SHOWN, 1, 0, f"{missing} does not come up")
        return _say(CANNOT_TELL, None, None, f"{missing} does not come up")
    match symptom:
        case "conversion":
            seen = _customers(market, CUSTOMERS)
            return _share(incident, seen["refused"], seen["refused"] + seen["purchased"], "refused purchases")
        case "errors":
            seen = _customers(market, CUSTOMERS)
            return _share(incident, seen["failed"], sum(seen.values()), "failed requests")
        case "oom":
            return _leak(incident, market)
        case _:
            return _say(CANNOT_TELL, None, None, f"there is no reproduction of {symptom}")


def _share(incident: dict[str, Any], bad: int, count: int, what: str) -> int:
    """Held against the middle between what was usual and what was seen during the incident."""
    sizes = [m for m in incident["measures"] if m.get("before") is not None and m.get("after") is not None]
    if not sizes or count < CUSTOMERS // 2:
        return _say(CANNOT_TELL, bad, count, f"{what}: too little to go by")
    bound = (sizes[0]["before"] + sizes[0]["after"]) / 2
    return _say(SHOWN if bad / count > bound else ABSENT, round(bad / count, 4), round(bound, 4), what)


def _leak(incident: dict[str, Any], market: Marketplace) -> int:
    """How many customers it takes to its memory limit; a head is held against as many as killed the base."""
    service, limit = incident["service"], incident["memory_mib"].get(incident["service"])
    if limit is None:
        return _say(CANNOT_TELL, None, None, f"no memory limit of {service} is declared")
    what, served = f"MiB of {service}", 0
    most = int((incident.get("base") or {}).get("customers") or MOST_CUSTOMERS)
    while served < most:
        _customers(market, min(STEP, most - served), first=served)
        served += min(STEP, most - served)
        if market.processes[service].poll() is not None:
            return _say(SHOWN, 1, 0, f"{service} died", served)
        resident = market.resident_kib(service) / 1024
        if resident >= limit:
            return _say(SHOWN, round(resident), limit, f"{what} after {served} customers", served)
    return _say(ABSENT, round(resident), limit, f"{what} after {served} customers", served)


def _customers(market: Marketplace, count: int, first: int = 0) -> dict[str, int]:
    """What became of so many people who all mean to buy: the same people each time, others for another `first`."""
    chance = random.Random(7 + first)
    seen = {"purchased": 0, "refused": 0, "failed": 0}
    for _ in range(count):
        wish = {
            "name": f"{chance.choice(('Ada', 'Bo', 'Carla'))} {chance.choice(('Abara', 'Brandt', 'Castro'))}",
            "age": min(90, max(18, round(chance.gauss(43, 14)))),
            "postcode": f"{chance.choice('ABCDEFGH')}{chance.randint(10, 49)} {chance.randint(1, 9)}XY",
            "claims": chance.choices((0, 1, 2, 3), (78, 16, 5, 1))[0],
            "product": chance.choice(("home", "motor", "travel", "pet")),
            "cover": chance.choice(("basic", "plus", "total")),
        }
        try:
            status, quote = market.ask("frontend", "POST", "/api/quotes", wish)
            if status == 201:
                status, _answer = market.ask("frontend", "POST", "/api/purchases", {"quote_id": quote["quote_id"]})
        except OSError:
            status = 0
        seen[{201: "purchased", 409: "refused"}.get(status, "failed")] += 1
    return seen


def _say(status: int, figure: float | None, bound: float | None, what: str, customers: int | None = None) -> int:
    sys.stdout.write(json.dumps({"figure": figure, "bound": bound, "what": what, "customers": customers}) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
