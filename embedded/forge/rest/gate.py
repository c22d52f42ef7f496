"""Who is turned away before anything is done: by a misbehaviour, or by a limit."""

import time

from embedded.forge.limits import Limits, Quota
from embedded.forge.misbehave import Rule
from embedded.forge.rest.errors import Refused
from embedded.forge.rest.request import Request

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
SECONDARY_DOCS = "https://docs.github.com/free-pro-team@latest/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"


def refuse_early(rule: Rule, quota: Quota, request: Request) -> None:
    """Raise what a rule answers without doing anything."""
    after = {"Retry-After": str(rule.retry_after)} if rule.retry_after is not None else {}
    if rule.kind == "fail_502":
        raise Refused(502, "Server Error")
    if rule.kind in {"403_secondary", "429"}:
        raise Refused(403 if rule.kind == "403_secondary" else 429, SECONDARY, headers=after, docs=SECONDARY_DOCS)
    if rule.kind == "403_primary":
        reset = int(time.time()) + (60 if rule.retry_after is None else rule.retry_after)
        gone = {"X-RateLimit-Remaining": "0", "X-RateLimit-Used": str(quota.limit), "X-RateLimit-Reset": str(reset)}
        raise _primary(request, gone)
    if rule.kind in {"timeout", "drop"}:
        raise Refused(503, "no answer is given")


def admit(limits: Limits, quota: Quota, request: Request) -> None:
    """Refuse when a limit is reached. Asking for the limits is free."""
    if request.path == "/rate_limit":
        return
    if quota.used >= quota.limit:
        raise _primary(request, {})
    creates = request.method == "POST" and request.path.endswith(("/issues", "/comments", "/pulls", "/reviews"))
    wait = limits.seconds_to_wait(request.login or "", request.method, creates=creates)
    if wait is not None:
        raise Refused(403, SECONDARY, headers={"Retry-After": str(wait)}, docs=SECONDARY_DOCS)


def _primary(request: Request, headers: dict[str, str]) -> Refused:
    who = f"user ID {request.login}" if request.login else "127.0.0.1"
    docs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
    return Refused(403, f"API rate limit exceeded for {who}.", headers=headers, docs=docs)
