"""What the frontend does for a customer, in terms of the services behind it."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from protected_services.common.application import Application
from protected_services.common.calls import Answer, Peer
from protected_services.common.failures import Refused, UpstreamFailed
from protected_services.common.serving import Toolbox

QUOTE_ID = re.compile(r"Q-[0-9A-F]{12}")
POLICY_ID = re.compile(r"P-[0-9A-F]{10}")


class Marketplace:
    """Quotes and policies, as JSON objects of the services that own them."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._calls = toolbox.calls
        self._quotes = Peer("quote-service", toolbox.settings.quote_url)
        self._policies = Peer("policy-service", toolbox.settings.policy_url)

    async def quote(self, wish: Application) -> Mapping[str, Any]:
        """A fresh quote at the start of a customer's journey. Raises Refused(422) for a senseless application."""
        body = wish.as_body() | {"journey_id": str(uuid.uuid4())}
        return _expect(self._quotes, await self._calls.post(self._quotes, "/quotes", "/quotes", body))

    async def find_quote(self, quote_id: str) -> Mapping[str, Any]:
        """Raises Refused(404) when it is unknown or forgotten."""
        path = f"/quotes/{_known_form(quote_id, QUOTE_ID)}"
        return _expect(self._quotes, await self._calls.get(self._quotes, path, "/quotes/{quote_id}"))

    async def buy(self, quote_id: str) -> Mapping[str, Any]:
        """The quote after the attempt: with `policy_id`, or with `refusal`. Raises Refused(404 or 410)."""
        path = f"/quotes/{_known_form(quote_id, QUOTE_ID)}/accept"
        return _expect(self._quotes, await self._calls.post(self._quotes, path, "/quotes/{quote_id}/accept", {}))

    async def find_policy(self, policy_id: str) -> Mapping[str, Any]:
        """Raises Refused(404) when it is unknown."""
        path = f"/policies/{_known_form(policy_id, POLICY_ID)}"
        return _expect(self._policies, await self._calls.get(self._policies, path, "/policies/{policy_id}"))


def _known_form(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise Refused(404, "there is nothing under this number")
    return text


def _expect(peer: Peer, answer: Answer) -> Mapping[str, Any]:
    if answer.status in {200, 201}:
        return answer.body
    if answer.status in {404, 410, 422}:
        raise Refused(answer.status, str(answer.body.get("error", "")), answer.body.get("fields"))
    raise UpstreamFailed(peer.name, f"answered {answer.status}")
