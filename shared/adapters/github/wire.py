"""The one place that speaks HTTP to GitHub, through PyGithub's requester; nothing is repeated here."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
import structlog
import urllib3
from github import Auth, Github

from shared.adapters.github.backoff import retry_after
from shared.adapters.github.gate import Gate
from shared.adapters.github.server_clock import ServerClock
from shared.ports import Clock, Permanent, Transient

_log = structlog.get_logger()
API_VERSION: Final = "2022-11-28"
PER_PAGE: Final = 100


class Unsure(Transient):
    """No answer that says whether the request was carried out. `late`: it timed out."""

    def __init__(self, message: str, retry_after: float | None = None, *, late: bool = False) -> None:
        super().__init__(message, retry_after)
        self.late = late


class Refused(Permanent):
    """GitHub said no, with this HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A status below 500. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body. Raises Unsure when it is not JSON (a proxy's page, a cut connection)."""
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise Unsure("GitHub's answer is not JSON") from error


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API is and as whom. `timeout` in whole seconds."""

    api_url: str
    repo: str
    token: str
    timeout: int = 15
    user_agent: str = "sre-space"

    def __repr__(self) -> str:
        return f"Address({self.api_url!r}, {self.repo!r})"


class Wire:
    """Thread-safe: PyGithub's requester keeps the request in its connection, so each request leases one of its own.

    The library's retries and pacing are off: it would send a POST again, and would sleep through a whole rate limit.
    """

    def __init__(self, address: Address, clock: Clock, gate: Gate) -> None:
        self.address = address
        self.server_clock = ServerClock(clock)
        self._clock = clock
        self._gate = gate
        self._idle: list[Any] = []

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Answer:
        """One request. `path` starts with / or is a link GitHub gave; `accept` names statuses ≥ 400 to return.

        Raises Unsure (5xx, time-out, broken connection), Transient (a limit, not connected), Refused.
        """
        self._gate.check()
        sent = self._clock.monotonic()
        requester = self._lease()
        try:
            status, answered, text = requester.requestJson(
                method, path, parameters=dict(params or {}), headers=dict(headers or {}), input=body
            )
        except requests.RequestException as error:
            requester.close()
            raise _unreached(error, f"{method} {path}") from error
        except RuntimeError as error:  # PyGithub's word for a redirection to another host
            requester.close()
            raise Permanent(f"{method} {path}: {error}") from error
        self._idle.append(requester)
        if "date" in answered:
            self.server_clock.saw(answered["date"], sent, self._clock.monotonic())
        return self._judged(Answer(status, answered, text), f"{method} {path}", accept)

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _judged(self, answer: Answer, what: str, accept: Collection[int]) -> Answer:
        now = self.server_clock.now()
        pause = self._gate.judge(answer.status, answer.headers, answer.text, now)
        if pause is not None:
            raise Transient(f"{what}: GitHub limits this account ({answer.status})", retry_after=pause)
        if answer.status >= 500 or answer.status == 408:
            raise Unsure(f"{what}: GitHub answered {answer.status}", retry_after(answer.headers, now))
        if answer.status in accept or answer.status < 300 or answer.status == 304:
            return answer
        raise Refused(_refusal(answer, what, self.address), answer.status)

    def _lease(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._requester()

    def _requester(self) -> Any:
        return Github(
            base_url=self.address.api_url.rstrip("/"),
            auth=Auth.Token(self.address.token),
            lazy=True,
            per_page=PER_PAGE,
            api_version=API_VERSION,
            user_agent=self.address.user_agent,
            timeout=self.address.timeout,
            retry=0,
            pool_size=1,
            seconds_between_requests=0,
            seconds_between_writes=0,
        ).requester


def _unreached(error: requests.RequestException, what: str) -> Transient:
    """Never sent: Transient. Possibly sent: Unsure."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return Transient(f"{what}: cannot reach GitHub")
    if isinstance(error, requests.Timeout):
        return Unsure(f"{what}: GitHub did not answer in time", late=True)
    cause = error.args[0] if error.args else None
    if isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError):
        return Transient(f"{what}: cannot reach GitHub")
    return Unsure(f"{what}: the connection to GitHub broke ({type(error).__name__})")


def _refusal(answer: Answer, what: str, address: Address) -> str:
    """What a person can act on."""
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = {}
    said = str(body.get("message", "")) if isinstance(body, dict) else ""
    said = f"{what}: GitHub answered {answer.status} {said}".rstrip()
    match answer.status:
        case 401:
            return f"{said}. The token is wrong, expired or revoked: give the fleet a new one."
        case 403:
            needs = answer.headers.get("x-accepted-github-permissions")
            hint = f" It needs: {needs}." if needs else " It needs write access to issues."
            return f"{said}. The token may not do this in {address.repo}.{hint}"
        case 404:
            return f"{said}. There is no such thing in {address.repo}, or the token may not see it."
        case 410:
            return f"{said}. It was deleted, or issues are switched off in {address.repo}."
        case 301 | 302 | 307 | 308:
            return f"{said}. {address.repo} has moved: set GITHUB_REPOSITORY to its new name."
        case 422:
            errors = json.dumps(body.get("errors", ""))[:300] if isinstance(body, dict) else ""
            return f"{said} {errors}".rstrip()
    return said
