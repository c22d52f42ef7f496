"""Policies over HTTP: underwrite a quote, show a policy."""

import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from protected_services.common.application import parse_application
from protected_services.common.bodies import read_json, text_field, whole_field
from protected_services.common.calls import Peer
from protected_services.common.failures import Refused, UpstreamFailed
from protected_services.common.serving import Application, Toolbox
from protected_services.common.shelf import Shelf
from protected_services.policy_service.underwriting import MAX_RISK_FACTOR, refusal

SECONDS_A_YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Policy:
    """A contract. `starts` and `ends` are dates."""

    policy_id: str
    quote_id: str
    customer_id: str
    name: str
    product: str
    cover: str
    monthly_cents: int
    starts: str
    ends: str


class PolicyService:
    """Underwrites with user-service's record of the customer. One policy for a quote, however often it is asked."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._users = Peer("user-service", toolbox.settings.user_url)
        self._policies: Shelf[Policy] = Shelf()
        self._by_quote: Shelf[Policy] = Shelf()
        self._max_risk_factor = toolbox.configuration.number("MAX_RISK_FACTOR", MAX_RISK_FACTOR, 0.0, 100.0)
        metrics = toolbox.metrics
        self._purchased = metrics.counter("policies_purchased_total", "Policies sold.", "product")
        self._refused = metrics.counter("purchases_refused_total", "Purchases refused by underwriting.", "reason")

    async def create(self, request: Request) -> JSONResponse:
        """`{"policy_id": …}` with 201, 200 when the quote already is a policy, or 200 with `{"refusal": reason}`."""
        body = await read_json(request)
        quote_id, journey_id = text_field(body, "quote_id"), text_field(body, "journey_id")
        customer_id, wish = text_field(body, "customer_id"), parse_application(body)
        monthly_cents = whole_field(body, "monthly_cents")
        if known := self._by_quote.get(quote_id):
            return JSONResponse({"policy_id": known.policy_id})
        risk = await self._risk(customer_id)
        if known := self._by_quote.get(quote_id):  # a second click, while the first was away
            return JSONResponse({"policy_id": known.policy_id})
        event = {"quote_id": quote_id, "product": wish.product, "monthly_cents": monthly_cents}
        if reason := refusal(risk, self._max_risk_factor):
            self._refused.add(reason.code)
            self._toolbox.events.emit(
                "purchase.refused", subject=quote_id, key=journey_id, data=event | {"reason": reason.code}
            )
            return JSONResponse({"refusal": reason.text})
        now = time.time()
        policy = Policy(
            policy_id=f"P-{secrets.token_hex(5).upper()}",
            quote_id=quote_id,
            customer_id=customer_id,
            name=wish.customer.name,
            product=wish.product,
            cover=wish.cover,
            monthly_cents=monthly_cents,
            starts=datetime.fromtimestamp(now, UTC).date().isoformat(),
            ends=datetime.fromtimestamp(now + SECONDS_A_YEAR, UTC).date().isoformat(),
        )
        self._policies.put(policy.policy_id, policy)
        self._by_quote.put(quote_id, policy)
        self._purchased.add(wish.product)
        self._toolbox.events.emit(
            "policy.purchased", subject=policy.policy_id, key=journey_id, data=event | {"policy_id": policy.policy_id}
        )
        return JSONResponse({"policy_id": policy.policy_id}, 201)

    async def show(self, request: Request) -> JSONResponse:
        policy = self._policies.get(request.path_params["policy_id"])
        if policy is None:
            raise Refused(404, "no such policy")
        return JSONResponse(asdict(policy))

    async def _risk(self, customer_id: str) -> float:
        path = f"/customers/{customer_id}"
        answer = await self._toolbox.calls.get(self._users, path, "/customers/{customer_id}")
        if answer.status == 404:
            raise Refused(410, "the customer is not on record any more")
        if answer.status != 200:
            raise UpstreamFailed("user-service", f"did not know the customer: {answer.status}")
        return float(answer.body["risk_factor"])


def build(toolbox: Toolbox) -> Application:
    """The routes of policy-service."""
    service = PolicyService(toolbox)
    return Application(
        [
            Route("/policies", service.create, methods=["POST"]),
            Route("/policies/{policy_id}", service.show),
        ]
    )
