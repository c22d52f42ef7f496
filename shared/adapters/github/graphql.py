"""What GitHub tells over GraphQL alone: who changed a body to what, and pinning. One request each.

Source: docs.github.com/graphql, Issue.userContentEdits and Mutation.pinIssue. An edit's `diff` is the whole body after
it, and GitHub lists the newest first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from shared.adapters.github.budget import WriteBudget
from shared.adapters.github.wire import Unsure, Wire
from shared.ports import BodyEdit, Permanent

MOST: Final = 100
_EDITS: Final = """query($owner: String!, $name: String!, $number: Int!, $most: Int!) {
  repository(owner: $owner, name: $name) { issue(number: $number) {
    userContentEdits(first: $most) { nodes { id editedAt editor { login } diff } } } } }"""
_NODE: Final = """query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { issue(number: $number) { id isPinned } } }"""
_PIN: Final = "mutation($id: ID!) { pinIssue(input: {issueId: $id}) { issue { number } } }"


class GitHubGraphQL:
    """Fulfils `shared.ports.BodyEdits`. Every method raises Transient or Permanent."""

    def __init__(self, wire: Wire, budget: WriteBudget) -> None:
        self._wire = wire
        self._budget = budget
        api = wire.address.api_url.rstrip("/")
        self._url = f"{api.removesuffix('/v3')}/graphql" if api.endswith("/api/v3") else f"{api}/graphql"
        owner, _, name = wire.address.repo.partition("/")
        self._repo: dict[str, Any] = {"owner": owner, "name": name}

    def edits(self, number: int) -> tuple[BodyEdit, ...]:
        """The newest changes of an issue's body, oldest of them first; empty where nobody has changed it."""
        told = self._ask(_EDITS, {**self._repo, "number": number, "most": MOST})
        try:
            nodes = told["repository"]["issue"]["userContentEdits"]["nodes"]
            return tuple(_edit(node) for node in reversed(nodes))
        except (KeyError, TypeError, ValueError) as error:
            raise Permanent(f"GitHub's answer about the edits of issue {number} is of another shape") from error

    def pin(self, number: int) -> None:
        """Pin an issue; pinned already is fine. Permanent where three are pinned."""
        told = self._ask(_NODE, {**self._repo, "number": number})
        try:
            issue = told["repository"]["issue"]
            node, pinned = str(issue["id"]), bool(issue["isPinned"])
        except (KeyError, TypeError) as error:
            raise Permanent(f"GitHub's answer about issue {number} is of another shape") from error
        if not pinned:
            self._budget.acquire("cosmetic", creates=False, patience=0.0)
            self._ask(_PIN, {"id": node})

    def _ask(self, query: str, variables: dict[str, Any]) -> Any:
        answer = self._wire.send("POST", self._url, body={"query": query, "variables": variables}).json()
        if not isinstance(answer, dict):
            raise Unsure("GitHub's GraphQL answered with something else")
        if answer.get("errors"):
            said = "; ".join(str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in answer["errors"])
            raise Permanent(f"GraphQL: {said}"[:300])
        return answer.get("data")


def _edit(node: Any) -> BodyEdit:
    editor = node["editor"]
    return BodyEdit(
        id=str(node["id"]),
        login=str(editor["login"]) if editor is not None else None,
        at=datetime.fromisoformat(str(node["editedAt"])),
        body=node["diff"] if isinstance(node["diff"], str) else None,
    )
