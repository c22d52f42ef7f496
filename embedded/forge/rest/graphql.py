"""The small part of GitHub's GraphQL that REST lacks: who edited a body, and pinning. Answers 200 with `errors`.

Names and types are those of docs.github.com/graphql: Issue.userContentEdits (newest first, `diff` is the whole body
after the edit), Mutation.pinIssue.
"""

from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused
from embedded.forge.rest.router import Route
from embedded.forge.rest.shapes.basic import node_id
from embedded.forge.rows import Issue
from embedded.forge.tables.body_edits import MOST_PINS

MOST = 100
SCHEMA = build_schema(
    """
    scalar DateTime
    type Query { repository(owner: String!, name: String!): Repository  viewer: User! }
    type Mutation { pinIssue(input: PinIssueInput!): PinIssuePayload }
    input PinIssueInput { clientMutationId: String  issueId: ID! }
    type PinIssuePayload { clientMutationId: String  issue: Issue }
    type Repository { issue(number: Int!): Issue  pinnedIssues(first: Int): PinnedIssueConnection }
    type PinnedIssueConnection { totalCount: Int!  nodes: [PinnedIssue] }
    type PinnedIssue { issue: Issue! }
    interface Actor { login: String! }
    type User implements Actor { login: String! }
    type Issue { id: ID!  number: Int!  isPinned: Boolean  userContentEdits(first: Int): UserContentEditConnection }
    type UserContentEditConnection { totalCount: Int!  nodes: [UserContentEdit] }
    type UserContentEdit { id: ID!  editedAt: DateTime!  editor: Actor  diff: String }
    """
)


def _found(kind: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"type": kind})


class _Root:
    """What the schema's names are, for graphql-core's default resolver."""

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def fields(self) -> dict[str, Any]:
        return {"viewer": self.viewer, "repository": self.repository, "pinIssue": self.pin}

    def viewer(self, _: Any) -> dict[str, Any]:
        return _user(self._call.login)

    def repository(self, _: Any, owner: str, name: str) -> dict[str, Any]:
        if f"{owner}/{name}".casefold() != self._call.store.repo.casefold():
            raise _found("NOT_FOUND", f"Could not resolve to a Repository with the name '{owner}/{name}'.")
        return {"issue": self._issue, "pinnedIssues": self._pinned}

    def pin(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        store = self._call.store
        number = next((i for i in range(1, self._last() + 1) if self._id(i) == input["issueId"]), None)
        if number is None:
            raise _found("NOT_FOUND", f"Could not resolve to a node with the global id of '{input['issueId']}'")
        if self._call.role < Role.WRITE:
            raise _found("FORBIDDEN", f"{self._call.login} does not have the correct permissions to execute `PinIssue`")
        pinned = store.issues.edits.pinned()
        if number not in pinned and len(pinned) >= MOST_PINS:
            raise _found("UNPROCESSABLE", f"Maximum {MOST_PINS} pinned issues per repository")
        store.issues.edits.pin(number, self._call.login)
        return {"clientMutationId": input.get("clientMutationId"), "issue": self._told(number)}

    def _last(self) -> int:
        return int(self._call.store.database.rows("SELECT coalesce(max(number), 0) FROM issues")[0][0])

    def _id(self, number: int) -> str | None:
        issue = self._call.store.issues.get(number)
        return None if issue is None or issue.is_pull else issue_node(issue)

    def _issue(self, _: Any, number: int) -> dict[str, Any]:
        return self._told(number)

    def _told(self, number: int) -> dict[str, Any]:
        issue = self._call.store.issues.get(number)
        if issue is None or issue.is_pull:
            raise _found("NOT_FOUND", f"Could not resolve to an Issue with the number of {number}.")
        edits = self._call.store.issues.edits

        def content(_: Any, first: int | None = None) -> dict[str, Any]:
            if first is None or not 1 <= first <= MOST:
                raise _found("MISSING_PAGINATION_BOUNDARIES", f"`first` must be from 1 to {MOST}")
            rows = [
                {
                    "id": node_id("UserContentEdit", one.id),
                    "editedAt": one.edited_at,
                    "editor": _user(one.editor) if self._call.store.users.get(one.editor) else None,
                    "diff": one.body,
                }
                for one in edits.newest(number, first)
            ]
            return {"totalCount": edits.count(number), "nodes": rows}

        pinned = number in edits.pinned()
        return {"id": issue_node(issue), "number": number, "isPinned": pinned, "userContentEdits": content}

    def _pinned(self, _: Any, first: int | None = None) -> dict[str, Any]:
        numbers = self._call.store.issues.edits.pinned()
        return {"totalCount": len(numbers), "nodes": [{"issue": self._told(n)} for n in numbers[: first or MOST]]}


def _user(login: str) -> dict[str, Any]:
    return {"__typename": "User", "login": login}


def issue_node(issue: Issue) -> str:
    """The node id of an issue, as its REST shape has it."""
    return node_id("Issue", issue.id)


def answer(call: Call) -> Answer:
    """POST /graphql: `query` and `variables`; who is nobody gets 401."""
    data = call.data()
    _ = call.login
    query, variables = data.get("query"), data.get("variables")
    if not isinstance(query, str) or not isinstance(variables or {}, dict):
        raise Refused(400, "A query attribute must be specified and must be a string.")
    done = graphql_sync(SCHEMA, query, root_value=_Root(call).fields, variable_values=variables or {})
    body: dict[str, Any] = {"data": done.data}
    if done.errors:
        body["errors"] = [
            {"message": e.message, "path": e.path, **({"type": t} if (t := (e.extensions or {}).get("type")) else {})}
            for e in done.errors
        ]
    return Answer(200, body)


ROUTES: tuple[Route, ...] = (Route("POST", "/graphql", answer, live=True),)
