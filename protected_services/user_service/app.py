"""Customers and their risk profiles over HTTP."""

import hashlib
import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from protected_services.common.application import Customer, parse_customer
from protected_services.common.bodies import read_json
from protected_services.common.failures import Refused
from protected_services.common.serving import Application, Toolbox
from protected_services.common.shelf import Shelf
from protected_services.user_service.risk import HIGH_RISK_FROM, risk_band, risk_factor


class UserService:
    """Registers customers under an id that their own data determine, so registering twice is registering once."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._customers: Shelf[Customer] = Shelf()
        self._high_from = toolbox.configuration.number("HIGH_RISK_FROM", HIGH_RISK_FROM, 0.95, 100.0)
        toolbox.metrics.gauge("customers_known", "Customers on record.", lambda: len(self._customers))

    async def register(self, request: Request) -> JSONResponse:
        customer = parse_customer(await read_json(request))
        digest = hashlib.sha256(json.dumps(asdict(customer)).encode()).hexdigest()
        customer_id = f"C-{digest[:12].upper()}"
        self._customers.put(customer_id, customer)
        return JSONResponse({"customer_id": customer_id, **self._profile(customer)})

    async def customer(self, request: Request) -> JSONResponse:
        customer = self._find(request)
        return JSONResponse(asdict(customer) | self._profile(customer))

    async def risk(self, request: Request) -> JSONResponse:
        return JSONResponse(self._profile(self._find(request)))

    def _profile(self, customer: Customer) -> dict[str, float | str]:
        factor = risk_factor(customer)
        return {"risk_factor": factor, "risk_band": risk_band(factor, self._high_from)}

    def _find(self, request: Request) -> Customer:
        customer = self._customers.get(request.path_params["customer_id"])
        if customer is None:
            raise Refused(404, "no such customer")
        return customer


def build(toolbox: Toolbox) -> Application:
    """The routes of user-service."""
    service = UserService(toolbox)
    return Application(
        [
            Route("/customers", service.register, methods=["POST"]),
            Route("/customers/{customer_id}", service.customer),
            Route("/customers/{customer_id}/risk", service.risk),
        ]
    )
