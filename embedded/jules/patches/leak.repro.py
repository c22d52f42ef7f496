"""Does quote-service keep something of every quote? Exit 1: yes. 0: no. 2: it cannot be told.

    python -I leak.repro.py [TREE]

TREE (default: the current folder) holds `protected_services`. Distinct customers ask the service's own handler for
quotes, with user-service replaced by an answer; nothing is started, nothing leaves the process. The memory in Python's
hands is compared after 40 and after 55 quotes, so that a store of up to 40 is no leak. Takes 1–2 s and up to 100 MB.
"""

import asyncio
import gc
import json
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WARM, MORE = 40, 15
MOST_PER_QUOTE = 32 * 1024
"""Bytes. A quote itself takes about 2 kB, of which the newest 5,000 are kept."""


class Calls:
    """user-service, knowing everybody."""

    async def post(self, *_: object) -> Any:
        return SimpleNamespace(status=200, body={"customer_id": "C-1", "risk_factor": 1.0, "risk_band": "standard"})


def service() -> Any:
    from protected_services.quote_service.app import QuoteService

    settings = SimpleNamespace(user_url="", policy_url="")
    metrics = SimpleNamespace(
        counter=lambda *_: SimpleNamespace(add=lambda *_: None), gauge=lambda *_: SimpleNamespace()
    )
    events = SimpleNamespace(emit=lambda *_, **__: None)
    configuration = SimpleNamespace(number=lambda _, usual, *__: usual)
    toolbox: Any = SimpleNamespace(
        settings=settings, metrics=metrics, calls=Calls(), events=events, configuration=configuration
    )
    return QuoteService(toolbox)


async def quote(asked: Any, number: int) -> None:
    from starlette.requests import Request

    wish = {"name": f"Customer {number}", "age": 40, "postcode": "A10 1XY", "claims": 0}
    body = json.dumps({"journey_id": f"J-{number}", "product": "home", "cover": "plus", **wish}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/quotes", "query_string": b"", "headers": headers}
    answer = await asked.create(Request(scope, receive))
    if answer.status_code != 201:
        raise RuntimeError(f"a quote was answered with {answer.status_code}")


async def kept_by_a_quote() -> float:
    """Bytes that each further quote leaves behind."""
    asked = service()
    tracemalloc.start()
    for number in range(WARM):
        await quote(asked, number)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(WARM, WARM + MORE):
        await quote(asked, number)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (kept - before) / MORE


def main() -> int:
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
    try:
        kept = asyncio.run(kept_by_a_quote())
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing was measured
        sys.stderr.write(f"cannot be told: {type(error).__name__}: {error}\n")
        return 2
    leaks = kept > MOST_PER_QUOTE
    sys.stdout.write(f"each quote of a new customer leaves {kept:,.0f} bytes behind, {MOST_PER_QUOTE:,} may be\n")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main())
