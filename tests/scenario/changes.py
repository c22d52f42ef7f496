"""What GitHub and an incident's log tell of changes of the repository."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

from shared.incident.facts import Fact
from shared.incident.replay import Incident
from tests.scenario.stack import Stack

F = TypeVar("F", bound=Fact)


def said(incident: Incident, kind: type[F]) -> list[F]:
    """The facts of a kind since the incident was opened or reopened last."""
    return [entry.fact for entry in incident.firing if isinstance(entry.fact, kind)]


def pulls(stack: Stack) -> list[dict[str, Any]]:
    """Every pull request, each as its own page tells it."""
    repository = stack.repository()
    found = repository.pages("/pulls", state="all")
    return [repository.call("GET", f"/pulls/{row['number']}").json() for row in found]


def statuses(stack: Stack, sha: str) -> dict[str, str]:
    """Context to newest state of a commit."""
    rows = stack.repository().pages(f"/commits/{sha}/statuses")
    return {row["context"]: row["state"] for row in reversed(list(rows))}


def file_on_main(stack: Stack, path: str) -> str:
    found = stack.repository().call("GET", f"/contents/{path}").json()
    return base64.b64decode(found["content"]).decode()
