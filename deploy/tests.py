"""Whether the marketplace of this very tree does its business: `python deploy/tests.py [TREE.json]`.

Run by the fleet in a sandbox on the tree after a change, and where they fail there on the tree before it; always as
they stand on the default branch, so that a change cannot soften them. Exit status: 0 they pass, 1 some fail, 3 it
cannot be told. The last line of the output is JSON: {"passed": [...], "failed": [...], "why": "of the first that did"}.

TREE.json is what the tree declares, {"environment": {"policy-service": {"MAX_RISK_FACTOR": "1.8"}, ...}}; without it
the services run with what they hold usual. Standard library only; it starts the services of the tree
(`marketplace.py`).
"""

from __future__ import annotations

import json
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from deploy.marketplace import SERVICES, Marketplace
else:
    from marketplace import SERVICES, Marketplace  # beside this file, wherever that is

PASS, FAIL, CANNOT_TELL = 0, 1, 3
UP: Final = "every service comes up"
PRODUCTS: Final = ("home", "motor", "travel", "pet")
COVERS: Final = ("basic", "plus", "total")
"""From the least to the most."""
PLACES: Final = ("G39 1XY", "E18 2XY", "A10 3XY")
CAREFUL: Final = {"name": "Ada Brandt", "age": 40, "claims": 0, "product": "home", "cover": "plus"}
RECKLESS: Final = {**CAREFUL, "name": "Bo Castro", "postcode": PLACES[0], "age": 99, "claims": 20}
MOST_CENTS: Final = 1_000_000
"""No premium a month is above it."""
TAKES: Final = {"user-service": "/customers", "quote-service": "/quotes", "policy-service": "/policies"}
"""Where each service is sent things, the frontend aside."""
FORM: Final = "application/x-www-form-urlencoded"


class Fails(Exception):
    """Something is not as it should be; the message says what was seen."""


def every_service_is_well_and_says_who_it_is(market: Marketplace) -> None:
    for name in SERVICES:
        status, said = market.ask(name, "GET", "/healthz")
        _is(f"{name} is well", (status, said["status"], said["service"]), (200, "ok", name))


def a_quote_becomes_a_policy_that_can_be_read(market: Marketplace) -> None:
    quote = _careful(market)
    policy_id = _bought(market, quote)
    status, policy = market.ask("policy-service", "GET", f"/policies/{policy_id}")
    _is("the policy can be read", status, 200)
    for field in ("quote_id", "name", "product", "cover", "monthly_cents"):
        _is(f"the policy's {field}", policy[field], quote[field])
    _is("it has a beginning before its end", policy["starts"] < policy["ends"], True)
    _is(
        "the quote names its policy",
        _read(market, "quote-service", f"/quotes/{quote['quote_id']}")["policy_id"],
        policy_id,
    )
    status, page, _ = market.fetch("frontend", "GET", f"/policies/{policy_id}")
    _is("the policy has a page that names it", (status, policy_id.encode() in page), (200, True))


def a_quote_is_bought_once_however_often_it_is_asked(market: Marketplace) -> None:
    quote = _careful(market)
    _is("the second time it is the same policy", _bought(market, quote), _bought(market, quote))


def too_high_a_risk_is_refused_with_the_reason(market: Marketplace) -> None:
    quote = _quote(market, RECKLESS)
    status, said = market.ask("frontend", "POST", "/api/purchases", {"quote_id": quote["quote_id"]})
    _is("a purchase far beyond any appetite", status, 409)
    _is("a reason is given", isinstance(said["error"], str) and len(said["error"]) > 10, True)
    _is("there is no policy", _read(market, "quote-service", f"/quotes/{quote['quote_id']}")["policy_id"], None)


def the_pages_sell_as_the_api_does(market: Marketplace) -> None:
    careful = _careful(market)
    form = urllib.parse.urlencode(
        {key: careful[key] for key in ("name", "age", "postcode", "claims", "product", "cover")}
    )
    _is("there is a page to begin with", market.fetch("frontend", "GET", "/")[0], 200)
    status, _, quote = market.fetch("frontend", "POST", "/quotes", form.encode(), FORM)
    _is("the form leads to a quote", (status, quote.startswith("/quotes/Q-")), (303, True))
    _is("the quote has a page", market.fetch("frontend", "GET", quote)[0], 200)
    status, _, policy = market.fetch("frontend", "POST", f"{quote}/purchase", b"", FORM)
    _is("buying leads to a policy", (status, policy.startswith("/policies/P-")), (303, True))
    _is("the policy has a page", market.fetch("frontend", "GET", policy)[0], 200)


def a_customer_is_one_customer_however_often_registered(market: Marketplace) -> None:
    wish = {**CAREFUL, "postcode": PLACES[1]}
    found = [market.ask("user-service", "POST", "/customers", wish) for _ in range(2)]
    _is("it is registered", [status for status, _ in found], [200, 200])
    first, second = (said["customer_id"] for _, said in found)
    _is("it has one number", first, second)
    _is("it can be read", _read(market, "user-service", f"/customers/{first}")["name"], wish["name"])
    risk = _read(market, "user-service", f"/customers/{first}/risk")["risk_factor"]
    _is("its risk is what it was", risk, found[0][1]["risk_factor"])


def a_price_is_sane_and_grows_with_cover_and_risk(market: Marketplace) -> None:
    here = {**CAREFUL, "postcode": PLACES[0]}
    for product in PRODUCTS:
        prices = [_price(_quote(market, {**here, "product": product, "cover": cover})) for cover in COVERS]
        _is(f"more cover of {product} costs more", prices, sorted(set(prices)))
    quotes = [_quote(market, {**here, "claims": claims}) for claims in range(4)]
    risks, prices = [float(q["risk_factor"]) for q in quotes], [_price(q) for q in quotes]
    _is("more claims are more of a risk", risks, sorted(set(risks)))
    _is("more of a risk costs more", prices, sorted(set(prices)))


def what_is_not_there_is_not_found(market: Marketplace) -> None:
    for name, path in (
        ("quote-service", "/quotes/Q-000000000000"),
        ("policy-service", "/policies/P-0000000000"),
        ("user-service", "/customers/C-000000000000"),
        ("user-service", "/customers/C-000000000000/risk"),
        ("frontend", "/quotes/Q-000000000000"),
        ("frontend", "/policies/P-0000000000"),
        ("frontend", "/policies/nonsense"),
        ("frontend", "/nothing"),
    ):
        _is(f"{path} of {name}", market.fetch(name, "GET", path)[0], 404)
    status, _ = market.ask("frontend", "POST", "/api/purchases", {"quote_id": "Q-000000000000"})
    _is("a purchase of no quote", status, 404)


def what_makes_no_sense_is_refused_and_the_service_lives_on(market: Marketplace) -> None:
    careful = {**CAREFUL, "postcode": PLACES[0]}
    senseless = [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b"[" * 10_000]
    odd: tuple[dict[str, Any], ...] = ({"age": 17}, {"age": "x"}, {"claims": -1}, {"product": "yacht"}, {"name": ""})
    senseless += [json.dumps({**careful, **one}).encode() for one in odd]
    for name, path in (*TAKES.items(), ("frontend", "/api/quotes"), ("frontend", "/api/purchases")):
        for body in senseless:
            if name == "user-service" and b"yacht" in body:
                continue  # a customer is one whatever they want
            status = market.fetch(name, "POST", path, body)[0]
            _is(f"{path} of {name}, sent {body[:20]!r}, refuses", 400 <= status < 500, True)
        _is(f"{name} lives on", (market.runs(name), market.healthy(name)), (True, True))
    _bought(market, _careful(market))


def a_sale_is_counted(market: Marketplace) -> None:
    before = _sales(market)
    _bought(market, _careful(market))
    _is("the sales that policy-service counts", _sales(market), before + 1)
    for name in SERVICES:
        _is(f"{name} counts its requests", "http_requests_total" in _metrics(market, name), True)


TESTS: Final[tuple[Callable[[Marketplace], None], ...]] = (
    every_service_is_well_and_says_who_it_is,
    a_quote_becomes_a_policy_that_can_be_read,
    a_quote_is_bought_once_however_often_it_is_asked,
    too_high_a_risk_is_refused_with_the_reason,
    the_pages_sell_as_the_api_does,
    a_customer_is_one_customer_however_often_registered,
    a_price_is_sane_and_grows_with_cover_and_risk,
    what_is_not_there_is_not_found,
    what_makes_no_sense_is_refused_and_the_service_lives_on,
    a_sale_is_counted,
)


def main() -> int:
    """The exit status the module's text explains."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")) if len(sys.argv) > 1 else {"environment": {}}
    market = Marketplace(told["environment"])
    try:
        missing = market.not_up()
        if missing is not None:
            why = f"{missing} does not come up"
            return _say(CANNOT_TELL, [], [], f"{why} in time") if market.runs(missing) else _say(FAIL, [], [UP], why)
        return _run(market)
    finally:
        market.stop()


def _run(market: Marketplace) -> int:
    passed, failed, why = [UP], [], ""
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        try:
            test(market)
        except (Fails, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            failed.append(name)  # an answer of another shape is a failure like another
            why = why or f"{type(error).__name__}: {error}"
        else:
            passed.append(name)
    return _say(FAIL if failed else PASS, passed, failed, why)


def _careful(market: Marketplace) -> dict[str, Any]:
    """A quote for the least risky of some honest people."""
    quotes = [_quote(market, {**CAREFUL, "postcode": place}) for place in PLACES]
    return min(quotes, key=lambda quote: float(quote["risk_factor"]))


def _quote(market: Marketplace, wish: dict[str, Any]) -> dict[str, Any]:
    status, quote = market.ask("frontend", "POST", "/api/quotes", wish)
    _is("a quote is given", status, 201)
    found: dict[str, Any] = quote
    return found


def _bought(market: Marketplace, quote: dict[str, Any]) -> str:
    """The number of the policy."""
    status, said = market.ask("frontend", "POST", "/api/purchases", {"quote_id": quote["quote_id"]})
    _is(f"a purchase at a risk of {quote['risk_factor']}", status, 201)
    return str(said["policy_id"])


def _read(market: Marketplace, name: str, path: str) -> dict[str, Any]:
    status, said = market.ask(name, "GET", path)
    _is(f"{path.rpartition('/')[0]} of {name}", status, 200)
    found: dict[str, Any] = said
    return found


def _price(quote: dict[str, Any]) -> int:
    cents = quote["monthly_cents"]
    _is(f"a price of {cents!r}", isinstance(cents, int) and 0 < cents <= MOST_CENTS, True)
    return int(cents)


def _sales(market: Marketplace) -> float:
    lines = _metrics(market, "policy-service").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("policies_purchased_total"))


def _metrics(market: Marketplace, name: str) -> str:
    status, text, _ = market.fetch(name, "GET", "/metrics")
    _is(f"{name} has metrics", status, 200)
    return text.decode()


def _is(what: str, seen: object, wanted: object) -> None:
    if seen != wanted:
        raise Fails(f"{what}: {seen!r}, not {wanted!r}")


def _say(status: int, passed: list[str], failed: list[str], why: str) -> int:
    sys.stdout.write(json.dumps({"passed": passed, "failed": failed, "why": why[:200]}) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
