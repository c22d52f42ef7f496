"""GitHub's REST API as mission control uses it: a few plain requests with one account, none on the incident path.

The fleet's own reads and writes go through the adapter in shared/adapters, with its budget and its read-back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import requests

from shared.incident.labels import CATALOGUE, PULSE
from shared.incident.thread import Comment, Thread

TIMEOUT: Final = 10.0
_OK: Final = 400


def pages(api: str) -> str:
    """GitHub's address for people, and git, for its REST base URL."""
    return "https://github.com" if api == "https://api.github.com" else api.removesuffix("/api/v3")


class GithubSaysNo(Exception):
    """GitHub answered with an error, or not at all."""


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
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        self._session.trust_env = urlsplit(self.api).hostname not in ("127.0.0.1", "localhost", "::1")
        if self.agent:
            self._session.headers["User-Agent"] = self.agent

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One request below `/repos/owner/name`. Raises GithubSaysNo."""
        return self._request(method, f"{self.api}/repos/{self.name}{path}", **arguments)

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, all pages. Pages elsewhere than at this API are refused. Raises GithubSaysNo."""
        answer = self.call("GET", path, params={"per_page": 100, **parameters})
        while True:
            yield from answer.json()
            following = answer.links.get("next", {}).get("url")
            if not following:
                return
            if urlsplit(following)[:2] != urlsplit(self.api)[:2]:
                raise GithubSaysNo(f"the next page is elsewhere: {following}")
            answer = self._request("GET", following)

    def changed(self, path: str, etag: str, **parameters: Any) -> tuple[list[dict[str, Any]] | None, str]:
        """The first page of a list and its ETag; None while it is as it was at `etag`. Raises GithubSaysNo."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self.call("GET", path, params={"per_page": 100, **parameters}, headers=headers)
        if answer.status_code == requests.codes.not_modified:
            return None, etag
        return answer.json(), answer.headers.get("ETag", "")

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

    def _request(self, method: str, url: str, **arguments: Any) -> requests.Response:
        headers = arguments.pop("headers", {}) | {
            "Authorization": f"token {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        try:
            answer = self._session.request(method, url, headers=headers, timeout=TIMEOUT, **arguments)
        except requests.RequestException as error:
            raise GithubSaysNo(f"{urlsplit(url).netloc} does not answer: {type(error).__name__}") from error
        if answer.status_code >= _OK:
            no = NotThere if answer.status_code == requests.codes.not_found else GithubSaysNo
            raise no(f"{method} {urlsplit(url).path}: {answer.status_code} {_message(answer)}")
        return answer


def _login(row: dict[str, Any]) -> str:
    return str(row["user"]["login"]) if row.get("user") else "ghost"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("message", ""))[:200]
    except (ValueError, AttributeError):
        return answer.reason
