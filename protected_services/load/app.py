"""A steady stream of synthetic customers: each gets a quote, and about six of ten try to buy.

Open loop: a slow shop does not make customers come less often, only the number inside at once is bounded.
"""

import asyncio
import logging
import random
import time

import httpx

from protected_services.common.calls import http_client
from protected_services.common.serving import Application, Toolbox
from protected_services.load.customers import Visitor, next_visitor

log = logging.getLogger(__name__)

PATIENCE_S = 3.0
"""How long a customer waits for one answer."""
INSIDE_LIMIT = 64
"""Customers inside at once; one who finds the shop full turns round and is counted."""


class Load:
    """Sends customers at `load_rps` a second to the frontend."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._rate, self._url = toolbox.settings.load_rps, toolbox.settings.frontend_url
        self._chance = random.Random(toolbox.settings.load_seed)
        self._inside: set[asyncio.Task[None]] = set()
        self._journeys = toolbox.metrics.counter("load_journeys_total", "Customer journeys by how they ended.", "end")

    async def customers(self) -> None:
        """Until cancelled."""
        if self._rate <= 0:
            return
        async with http_client(PATIENCE_S) as client:
            due = time.monotonic()
            while True:
                due = max(due + self._chance.uniform(0.8, 1.2) / self._rate, time.monotonic() - 1.0)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                visitor = next_visitor(self._chance)
                if len(self._inside) >= INSIDE_LIMIT:
                    self._journeys.add("turned_away")
                    continue
                journey = asyncio.create_task(self._journey(client, visitor))
                self._inside.add(journey)
                journey.add_done_callback(self._inside.discard)

    async def _journey(self, client: httpx.AsyncClient, visitor: Visitor) -> None:
        try:
            self._journeys.add(await self._visit(client, visitor))
        except httpx.HTTPError as unreachable:
            self._journeys.add("unreachable")
            log.info("%s: %s", type(unreachable).__name__, unreachable)

    async def _visit(self, client: httpx.AsyncClient, visitor: Visitor) -> str:
        answer = await client.post(f"{self._url}/api/quotes", json=visitor.wish.as_body())
        if answer.status_code != 201:
            return "quote_failed"
        if not visitor.buys:
            return "quoted"
        await asyncio.sleep(visitor.thinks_s)
        bought = await client.post(f"{self._url}/api/purchases", json={"quote_id": answer.json()["quote_id"]})
        return {201: "purchased", 409: "refused"}.get(bought.status_code, "purchase_failed")


def build(toolbox: Toolbox) -> Application:
    """No routes of its own besides health and metrics; the work is in the background."""
    return Application([], background=Load(toolbox).customers)
