"""The marketplace's pages, which work with plain forms and no script, and the same journey as a JSON API."""

from opentelemetry.trace import get_current_span
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from protected_services.common.application import parse_application
from protected_services.common.bodies import read_form, read_json, text_field
from protected_services.common.failures import Refused
from protected_services.common.observe import json_failure
from protected_services.common.serving import Application, Toolbox
from protected_services.common.tracing import trace_id
from protected_services.frontend.marketplace import Marketplace
from protected_services.frontend.pages import EMPTY_FORM, Pages


class Frontend:
    """Handlers. After a form post the browser is redirected, so reloading buys nothing twice."""

    def __init__(self, toolbox: Toolbox, pages: Pages) -> None:
        self._marketplace = Marketplace(toolbox)
        self._pages = pages

    async def home(self, _request: Request) -> Response:
        return self._pages.page("home", form=EMPTY_FORM, errors={})

    async def ask(self, request: Request) -> Response:
        form = await read_form(request)
        try:
            quote = await self._marketplace.quote(parse_application(form))
        except Refused as refused:
            if refused.status != 422:
                raise
            return self._pages.page("home", 422, form=EMPTY_FORM | form, errors=refused.errors)
        return RedirectResponse(f"/quotes/{quote['quote_id']}", 303)

    async def quote(self, request: Request) -> Response:
        quote = await self._marketplace.find_quote(request.path_params["quote_id"])
        return self._pages.page("quote", quote=quote)

    async def buy(self, request: Request) -> Response:
        quote = await self._marketplace.buy(request.path_params["quote_id"])
        if quote["policy_id"]:
            return RedirectResponse(f"/policies/{quote['policy_id']}", 303)
        return RedirectResponse(f"/quotes/{quote['quote_id']}", 303)

    async def policy(self, request: Request) -> Response:
        policy = await self._marketplace.find_policy(request.path_params["policy_id"])
        return self._pages.page("policy", policy=policy)

    async def static(self, request: Request) -> Response:
        if found := self._pages.static(request.path_params["name"]):
            return found
        raise Refused(404, "there is nothing here")

    async def api_quote(self, request: Request) -> Response:
        return JSONResponse(dict(await self._marketplace.quote(parse_application(await read_json(request)))), 201)

    async def api_purchase(self, request: Request) -> Response:
        """201 with the quote and its `policy_id`; 409 with the reason when underwriting refuses."""
        quote = await self._marketplace.buy(text_field(await read_json(request), "quote_id"))
        if quote["policy_id"]:
            return JSONResponse(dict(quote), 201)
        return JSONResponse({"error": quote["refusal"], "quote_id": quote["quote_id"]}, 409)


def build(toolbox: Toolbox) -> Application:
    """The routes of the frontend."""
    pages = Pages(yearly_price=toolbox.configuration.feature("FEATURE_YEARLY_PRICE", default=False))
    frontend = Frontend(toolbox, pages)

    def failure(scope: Scope, status: int, reason: str, errors: dict[str, str]) -> Response:
        if scope["path"].startswith("/api/"):
            return json_failure(scope, status, reason, errors)
        return pages.page("failure", status, code=status, reason=reason, trace=trace_id(get_current_span()))

    return Application(
        [
            Route("/", frontend.home),
            Route("/quotes", frontend.ask, methods=["POST"]),
            Route("/quotes/{quote_id}", frontend.quote),
            Route("/quotes/{quote_id}/purchase", frontend.buy, methods=["POST"]),
            Route("/policies/{policy_id}", frontend.policy),
            Route("/static/{name}", frontend.static),
            Route("/api/quotes", frontend.api_quote, methods=["POST"]),
            Route("/api/purchases", frontend.api_purchase, methods=["POST"]),
        ],
        failure,
    )
