"""GitHub's REST API as mission control uses it: a few plain requests with one account, none on the incident path.

The fleet's own reads and writes go through the adapter in shared/adapters, with its budget and its read-back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlsplit

from mission_control import near
from mission_control.exits import Ended
from shared.incident.thread import Comment, Thread

if TYPE_CHECKING:
    import requests

TIMEOUT: Final = 10.0
_NO: Final = 300
_NEXT: Final = re.compile(r'<([^>]*)>\s*;[^,<]*\brel="?next\b')
"""In a Link header (RFC 8288): where the next page of a list is."""


class Headers(Protocol):
    """Names are the same in capitals and small letters."""

    def get(self, name: str, /) -> str | None: ...


class Answer(Protocol):
    """What GitHub answered."""

    @property
    def status_code(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def elapsed(self) -> timedelta: ...
    def json(self) -> Any: ...


def pages(api: str, server: str | None = None) -> str:
    """GitHub's address for people: `server` where it is set; and for git, which never asks there: what `api` says."""
    return server or ("https://github.com" if api == "https://api.github.com" else api.removesuffix("/api/v3"))


class GithubSaysNo(Ended):
    """GitHub answered with an error, or not at all."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """`status`: of its answer; None: there was none."""
        super().__init__(message)
        self.status = status


class NotThere(GithubSaysNo):
    """What was asked for is not there."""


@dataclass(frozen=True, slots=True)
class LabelChange:
    """What makes one label of the repository as the catalogue has it. `was`: its name there; None where it is new."""

    name: str
    was: str | None
    color: str
    description: str


@dataclass(slots=True)
class Repository:
    """One repository (`owner/name`), seen with one token. `api` is the REST base URL."""

    api: str
    name: str
    token: str = field(repr=False)
    agent: str = ""
    """What it calls itself, if anything."""
    timeout: float = TIMEOUT
    """Seconds that one answer may take."""
    _session: requests.Session | None = field(default=None, repr=False)
    """To an API elsewhere, from the first question on."""

    def call(self, method: str, path: str, **arguments: Any) -> Answer:
        """One request below `/repos/owner/name`. Raises GithubSaysNo."""
        return self._request(method, f"{self.api}/repos/{self.name}{path}", **arguments)

    def ask(self, method: str, path: str, **arguments: Any) -> Answer:
        """One request elsewhere at this API. Raises GithubSaysNo."""
        return self._request(method, f"{self.api}{path}", **arguments)

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, all pages. Pages elsewhere than at this API are refused. Raises GithubSaysNo."""
        answer = self.call("GET", path, params={"per_page": 100, **parameters})
        while True:
            yield from answer.json()
            found = _NEXT.search(answer.headers.get("Link") or "")
            if found is None:
                return
            following = found[1]
            if urlsplit(following)[:2] != urlsplit(self.api)[:2]:
                raise GithubSaysNo(f"the next page is elsewhere: {following}")
            answer = self._request("GET", following)

    def changed(self, path: str, etag: str, **parameters: Any) -> tuple[list[dict[str, Any]] | None, str]:
        """The first page of a list and its ETag; None while it is as it was at `etag`. Raises GithubSaysNo."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self.call("GET", path, params={"per_page": 100, **parameters}, headers=headers)
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            return None, etag
        return answer.json(), answer.headers.get("ETag") or ""

    def take_label(self, number: int, label: str) -> None:
        """Take a label off an issue; one that somebody else took off first is off. Raises GithubSaysNo."""
        with suppress(NotThere):
            self.call("DELETE", f"/issues/{number}/labels/{quote(label, safe='')}")

    def thread(self, number: int) -> Thread:
        """One issue with all its comments. Raises GithubSaysNo."""
        issue = self.call("GET", f"/issues/{number}").json()
        comments = tuple(
            Comment(
                id=row["id"],
                author=_login(row),
                body=row["body"] or "",
                created_at=_time(row["created_at"]),
                updated_at=_time(row["updated_at"]),
            )
            for row in self.pages(f"/issues/{number}/comments")
        )
        return Thread(
            repo=self.name,
            number=number,
            title=issue["title"],
            author=_login(issue),
            body=issue["body"] or "",
            created_at=_time(issue["created_at"]),
            updated_at=_time(issue["updated_at"]),
            closed=issue["state"] == "closed",
            labels=frozenset(label["name"] for label in issue["labels"]),
            comments=comments,
            url=issue["html_url"],
        )

    def login(self) -> str:
        """Whose token this is. Raises GithubSaysNo."""
        return str(self._request("GET", f"{self.api}/user").json()["login"])

    def label_changes(self) -> tuple[LabelChange, ...]:
        """What sync_labels would do. Names differ by more than case; labels that are not ours are left. Raises
        GithubSaysNo."""
        from shared.incident.labels import CATALOGUE, PULSE  # all facts: most commands need none of it

        there = {str(row["name"]).casefold(): row for row in self.pages("/labels")}
        wrong = []
        for key, (color, description) in CATALOGUE.items():
            name, row = str(key), there.get(str(key).casefold())
            if row is None:
                wrong.append(LabelChange(name, None, color, description))
                continue
            kept = (row["description"] or "") if name == PULSE else description  # there the herald writes
            if (row["name"], row["color"], row["description"] or "") != (name, color, kept):
                wrong.append(LabelChange(name, str(row["name"]), color, kept))
        return tuple(wrong)

    def sync_labels(self) -> int:
        """Make every label of the fleet's catalogue as it should be; returns how many were made or changed."""
        changes = self.label_changes()
        for change in changes:
            look = {"color": change.color, "description": change.description}
            if change.was is None:
                self.call("POST", "/labels", json={"name": change.name, **look})
            else:
                self.call("PATCH", f"/labels/{quote(change.was, safe='')}", json={"new_name": change.name, **look})
        return len(changes)

    def _request(self, method: str, url: str, **arguments: Any) -> Answer:
        headers = arguments.pop("headers", {}) | {
            "Authorization": f"token {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if self.agent:
            headers["User-Agent"] = self.agent
        answer = (self._near if near.is_near(url) else self._elsewhere)(method, url, headers, **arguments)
        if answer.status_code >= _NO and answer.status_code != HTTPStatus.NOT_MODIFIED:
            no = NotThere if answer.status_code == HTTPStatus.NOT_FOUND else GithubSaysNo
            raise no(f"{method} {urlsplit(url).path}: {answer.status_code} {_message(answer)}", answer.status_code)
        return answer

    def _near(self, method: str, url: str, headers: dict[str, str], **arguments: Any) -> Answer:
        try:
            return near.ask(method, url, headers, self.timeout, **arguments)
        except near.NoAnswer as no:
            raise GithubSaysNo(f"{urlsplit(url).netloc} does not answer: {no}") from no

    def _elsewhere(self, method: str, url: str, headers: dict[str, str], **arguments: Any) -> Answer:
        import requests  # who asks nobody elsewhere need not wait for it

        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = urlsplit(self.api).hostname not in near.HERE
        try:
            return self._session.request(method, url, headers=headers, timeout=self.timeout, **arguments)
        except requests.RequestException as error:
            raise GithubSaysNo(f"{urlsplit(url).netloc} does not answer: {type(error).__name__}") from error


def _login(row: dict[str, Any]) -> str:
    return str(row["user"]["login"]) if row.get("user") else "ghost"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _message(answer: Answer) -> str:
    try:
        return str(answer.json().get("message", ""))[:200]
    except (ValueError, AttributeError):
        return answer.reason
