"""Quotes over HTTP: price an application, look at the quote, accept it."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from protected_services.common.application import Application as Wish
from protected_services.common.application import parse_application
from protected_services.common.bodies import read_json, text_field
from protected_services.common.calls import Peer
from protected_services.common.failures import Refused, UpstreamFailed
from protected_services.common.serving import Application, Toolbox
from protected_services.common.shelf import Shelf
from protected_services.quote_service.pricing import PRICE_FACTOR, monthly_cents

QUOTE_HOLDS_S = 600.0
"""A quote can be accepted for ten minutes."""


@dataclass(slots=True)
class Quote:
    """A price for an application, and what became of it."""

    quote_id: str
    journey_id: str
    customer_id: str
    wish: Wish
    risk_factor: float
    risk_band: str
    monthly_cents: int
    expires_at: float
    policy_id: str | None = None
    refusal: str | None = None

    def as_body(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in self.__slots__ if name != "wish"}
        return shown | self.wish.as_body()


class QuoteService:
    """Prices with user-service's risk profile; an accepted quote becomes a policy at policy-service."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._users = Peer("user-service", toolbox.settings.user_url)
        self._policies = Peer("policy-service", toolbox.settings.policy_url)
        self._quotes: Shelf[Quote] = Shelf()
        self._price_factor = toolbox.configuration.number("PRICE_FACTOR", PRICE_FACTOR, 0.1, 10.0)
        self._requested = toolbox.metrics.counter("quotes_requested_total", "Quotes given.", "product")

    async def create(self, request: Request) -> JSONResponse:
        body = await read_json(request)
        journey_id, wish = text_field(body, "journey_id"), parse_application(body)
        answer = await self._toolbox.calls.post(self._users, "/customers", "/customers", wish.as_body())
        if answer.status != 200:
            raise UpstreamFailed("user-service", f"registered nobody: {answer.status}")
        risk = float(answer.body["risk_factor"])
        quote = Quote(
            quote_id=f"Q-{secrets.token_hex(6).upper()}",
            journey_id=journey_id,
            customer_id=str(answer.body["customer_id"]),
            wish=wish,
            risk_factor=risk,
            risk_band=str(answer.body["risk_band"]),
            monthly_cents=monthly_cents(wish, risk, self._price_factor),
            expires_at=time.time() + QUOTE_HOLDS_S,
        )
        self._quotes.put(quote.quote_id, quote)
        self._requested.add(wish.product)
        self._toolbox.events.emit(
            "quote.requested",
            subject=quote.quote_id,
            key=journey_id,
            data={"quote_id": quote.quote_id, "product": wish.product, "monthly_cents": quote.monthly_cents},
        )
        return JSONResponse(quote.as_body(), 201)

    async def show(self, request: Request) -> JSONResponse:
        return JSONResponse(self._find(request).as_body())

    async def accept(self, request: Request) -> JSONResponse:
        """Buy: answers the quote with `policy_id`, or with `refusal` when underwriting says no."""
        quote = self._find(request)
        if quote.policy_id is None:
            if time.time() > quote.expires_at:
                raise Refused(410, "this quote has expired")
            await self._check_risk(quote)
            await self._underwrite(quote)
        return JSONResponse(quote.as_body())

    async def _check_risk(self, quote: Quote) -> None:
        path = f"/customers/{quote.customer_id}/risk"
        answer = await self._toolbox.calls.get(self._users, path, "/customers/{customer_id}/risk")
        if answer.status != 200:
            raise Refused(410, "this quote is no longer valid, please ask for a new one")

    async def _underwrite(self, quote: Quote) -> None:
        answer = await self._toolbox.calls.post(self._policies, "/policies", "/policies", quote.as_body())
        if answer.status == 410:
            raise Refused(410, "this quote is no longer valid, please ask for a new one")
        if answer.status not in {200, 201}:
            raise UpstreamFailed("policy-service", f"did not underwrite: {answer.status}")
        quote.policy_id = answer.body.get("policy_id")
        quote.refusal = answer.body.get("refusal")

    def _find(self, request: Request) -> Quote:
        quote = self._quotes.get(request.path_params["quote_id"])
        if quote is None:
            raise Refused(404, "no such quote, or it has expired")
        return quote


def build(toolbox: Toolbox) -> Application:
    """The routes of quote-service."""
    service = QuoteService(toolbox)
    return Application(
        [
            Route("/quotes", service.create, methods=["POST"]),
            Route("/quotes/{quote_id}", service.show),
            Route("/quotes/{quote_id}/accept", service.accept, methods=["POST"]),
        ]
    )
