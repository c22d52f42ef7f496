"""What the GitHub backends share: the address of a repository, and pull requests as GitHub tells them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.escalation.backends.rest import Rest, Secret
from shared.ports import Permanent, PullRef, Transient

VERSION: Final = "2022-11-28"
"""https://docs.github.com/rest/about-the-rest-api/api-versions"""
PAGE: Final = 100
MOST_PAGES: Final = 5
"""Newest first, so that what is looked for is on the first pages."""


def github(url: str, token: str, advice: str) -> Rest:
    """`url`: base of the REST API. `advice`: what a person must do when the token is refused."""
    headers = {"X-GitHub-Api-Version": VERSION, "Accept": "application/vnd.github+json"}
    return Rest("GitHub", url, Secret("Authorization", token, advice, scheme="Bearer "), headers)


def numbered(session_id: str) -> int:
    """The issue a session is about: its id. Raises Permanent for anything else."""
    if not re.fullmatch(r"[1-9][0-9]{0,9}", session_id):
        raise Permanent(f"{session_id!r:.40} is no number of an issue")
    return int(session_id)


def login(value: Any) -> str:
    """The login of a user object in lower case, empty for none."""
    return str(value.get("login", "")).lower() if isinstance(value, dict) else ""


def pulls(rest: Rest, repo: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Pull requests in every state, newest first, at most `MOST_PAGES` pages."""
    found: list[dict[str, Any]] = []
    for page in range(1, MOST_PAGES + 1):
        asked = {"state": "all", "sort": "created", "direction": "desc", "per_page": str(PAGE), "page": str(page)}
        some = rest.get(f"/repos/{repo}/pulls", asked | dict(query))
        if not isinstance(some, list):
            raise Transient("GitHub: the pull requests are no list", 1.0)
        found += [one for one in some if isinstance(one, dict)]
        if len(some) < PAGE:
            break
    return found


def ref(pull: Mapping[str, Any]) -> PullRef:
    head = pull.get("head")
    return PullRef(int(pull["number"]), str(pull["html_url"]), str(head["ref"]) if isinstance(head, dict) else "")
