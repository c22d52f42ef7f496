"""The REST of Jules (v1alpha) as far as its reference describes it: https://jules.google/docs/api/reference"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.jules.agent import Agent
from embedded.jules.misbehave import BadSwitch, Switch
from embedded.jules.store import Activity, Session, Store, now

MAX_BODY: Final = 1024 * 1024
DEFAULT_PAGE, LARGEST_PAGE = 30, 100


class Refused(Exception):
    """An error in Google's form: https://google.aip.dev/193"""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Setup:
    """Who may ask, and for what. `source`: the name of the one repository, in the spelling it is listed with."""

    key: str = field(repr=False)
    repo: str
    source: str
    a_day: int
    site: str


class Api:
    """The handlers."""

    def __init__(self, setup: Setup, store: Store, agent: Agent, switch: Switch) -> None:
        self._setup, self._store, self._agent, self._switch = setup, store, agent, switch

    def routes(self) -> list[Route]:
        """Custom verbs before plain ids: an id would swallow them."""
        at = "/v1alpha"
        return [
            Route(f"{at}/sources", self._guarded(self.sources)),
            Route(f"{at}/sessions", self._guarded(self.create), methods=["POST"]),
            Route(f"{at}/sessions", self._guarded(self.list)),
            Route(f"{at}/sessions/{{id}}:approvePlan", self._guarded(self.approve), methods=["POST"]),
            Route(f"{at}/sessions/{{id}}:sendMessage", self._guarded(self.message), methods=["POST"]),
            Route(f"{at}/sessions/{{id}}/activities", self._guarded(self.activities)),
            Route(f"{at}/sessions/{{id}}", self._guarded(self.delete), methods=["DELETE"]),
            Route(f"{at}/sessions/{{id}}", self._guarded(self.get)),
            Route("/_jules/misbehave", self._guarded(self.misbehave), methods=["PUT", "DELETE"]),
            Route("/_jules/sessions/{id}:force", self._guarded(self.force), methods=["POST"]),
        ]

    async def sources(self, request: Request) -> Any:
        owner, name = self._setup.repo.split("/")
        repo = {"owner": owner, "repo": name, "isPrivate": False, "defaultBranch": {"displayName": "main"}}
        source = {"name": self._setup.source, "id": self._setup.source.removeprefix("sources/"), "githubRepo": repo}
        return self._paged(request, "sources", [(1, source)])

    async def create(self, request: Request) -> Any:
        body = await _object(request, {"prompt", "title", "sourceContext", "requirePlanApproval", "automationMode"})
        context = body.get("sourceContext")
        if not isinstance(body.get("prompt"), str) or not body["prompt"].strip():
            raise Refused(400, "INVALID_ARGUMENT", "prompt is required.")
        if not isinstance(context, dict) or context.get("source") != self._setup.source:
            raise Refused(404, "NOT_FOUND", "Requested entity was not found.")
        branch = (context.get("githubRepoContext") or {}).get("startingBranch") or "main"
        mode = body.get("automationMode", "AUTOMATION_MODE_UNSPECIFIED")
        if mode not in ("AUTOMATION_MODE_UNSPECIFIED", "AUTO_CREATE_PR") or not isinstance(branch, str):
            raise Refused(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        self._count_the_day()
        at = now()
        wish = Session(
            id="",
            title=str(body.get("title") or body["prompt"].strip().splitlines()[0][:80]),
            prompt=body["prompt"],
            source=self._setup.source,
            branch=branch,
            approval=body.get("requirePlanApproval") is True,
            opens_pull=mode == "AUTO_CREATE_PR",
            state="QUEUED",
            created_at=at,
            updated_at=at,
        )
        made = self._store.create(wish)
        self._agent.wake()
        return self._shape(made)

    async def list(self, request: Request) -> Any:
        youngest = datetime.now(UTC) - timedelta(seconds=self._switch.hide_new_for_s)
        shown = [one for one in self._store.all() if datetime.fromisoformat(one.created_at) <= youngest]
        return self._paged(request, "sessions", [(-one.seq, self._shape(one)) for one in shown])

    async def get(self, request: Request) -> Any:
        return self._shape(self._the(request))

    async def delete(self, request: Request) -> Any:
        self._store.delete(self._the(request).id)
        return {}

    async def approve(self, request: Request) -> Any:
        session = self._the(request)
        if await _body(request) not in (b"", b"{}"):
            raise Refused(400, "INVALID_ARGUMENT", "The request body must be empty.")
        approved = Activity("planApproved", {"planId": f"plan-{session.id}"}, "user")
        if self._store.move(session.id, "AWAITING_PLAN_APPROVAL", "IN_PROGRESS", approved) is None:
            raise Refused(400, "FAILED_PRECONDITION", "The session has no plan that waits for approval.")
        self._agent.wake()
        return {}

    async def message(self, request: Request) -> Any:
        session = self._the(request)
        body = await _object(request, {"prompt"})
        if not isinstance(body.get("prompt"), str) or not body["prompt"].strip():
            raise Refused(400, "INVALID_ARGUMENT", "prompt is required.")
        said = Activity("userMessaged", {"userMessage": body["prompt"]}, "user")
        target = "PLANNING" if session.state in ("AWAITING_USER_FEEDBACK", "PAUSED") else session.state
        if self._store.move(session.id, session.state, target, said) is None:
            raise Refused(409, "ABORTED", "The session moved on.")
        self._agent.wake()
        return {}

    async def activities(self, request: Request) -> Any:
        session = self._the(request)
        rows = []
        for seq, activity in self._store.activities(session.id):
            rows.append((seq, {"name": f"sessions/{session.id}/activities/{seq}", "id": str(seq), **activity}))
        return self._paged(request, "activities", rows)

    async def misbehave(self, request: Request) -> Any:
        """Replace the switch (PUT), or behave (DELETE)."""
        try:
            self._switch.set(json.loads(await _body(request)) if request.method == "PUT" else {})
        except (BadSwitch, ValueError) as error:
            raise Refused(400, "INVALID_ARGUMENT", str(error)) from error
        self._agent.wake()
        return {}

    async def force(self, request: Request) -> Any:
        """Put a session into any state, known or not: what the real one does now and then."""
        body = await _object(request, {"state"})
        moved = self._store.move(self._the(request).id, None, str(body.get("state")))
        self._agent.wake()
        return self._shape(moved) if moved else {}

    def _guarded(self, handle: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            try:
                given = request.headers.get("x-goog-api-key", "")
                if not hmac.compare_digest(given.encode(), self._setup.key.encode()):
                    raise Refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
                return JSONResponse(await handle(request))
            except Refused as refused:
                return error(refused.status, refused.code, str(refused))

        return guarded

    def _the(self, request: Request) -> Session:
        found = self._store.get(request.path_params["id"])
        if found is None:
            raise Refused(404, "NOT_FOUND", "Requested entity was not found.")
        return found

    def _count_the_day(self) -> None:
        since = datetime.now(UTC) - timedelta(days=1)
        today = [one for one in self._store.all(deleted=True) if datetime.fromisoformat(one.created_at) > since]
        if len(today) >= self._setup.a_day:
            raise Refused(429, "RESOURCE_EXHAUSTED", f"Quota exceeded: {self._setup.a_day} sessions per day.")

    def _paged(self, request: Request, name: str, rows: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
        """Rows in order of their number, after the one that the token names."""
        try:
            size = int(request.query_params.get("pageSize") or DEFAULT_PAGE)
            token = request.query_params.get("pageToken", "")
            after = int(base64.urlsafe_b64decode(token.encode())) if token else None
        except (ValueError, binascii.Error):
            raise Refused(400, "INVALID_ARGUMENT", "Request contains an invalid argument.") from None
        size = min(max(size, 1), LARGEST_PAGE)
        left = [row for row in rows if after is None or row[0] > after]
        page = left[:size]
        answer: dict[str, Any] = {name: [value for _, value in page]} if page else {}
        if self._switch.duplicate_listing and page:
            before = [value for number, value in rows if after is not None and number <= after]
            answer[name] = [*before[-1:], page[0][1], *answer[name]]
        if len(left) > size:
            answer["nextPageToken"] = base64.urlsafe_b64encode(str(page[-1][0]).encode()).decode()
        return answer

    def _shape(self, session: Session) -> dict[str, Any]:
        """A session on the wire; proto3 JSON leaves empty lists out."""
        shape = {
            "name": f"sessions/{session.id}",
            "id": session.id,
            "title": session.title,
            "prompt": session.prompt,
            "sourceContext": {"source": session.source, "githubRepoContext": {"startingBranch": session.branch}},
            "state": session.state,
            "url": f"{self._setup.site}/session/{session.id}",
            "createTime": session.created_at,
            "updateTime": session.updated_at,
        }
        return shape | ({"outputs": list(session.outputs)} if session.outputs else {})


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in Google's form."""
    return JSONResponse({"error": {"code": status, "message": message, "status": code}}, status, headers)


async def _body(request: Request) -> bytes:
    pieces = bytearray()
    async for piece in request.stream():
        pieces += piece
        if len(pieces) > MAX_BODY:
            raise Refused(413, "INVALID_ARGUMENT", "The request is too large.")
    return bytes(pieces)


async def _object(request: Request, known: set[str]) -> dict[str, Any]:
    try:
        value = json.loads(await _body(request))
    except (ValueError, RecursionError):
        raise Refused(400, "INVALID_ARGUMENT", "The body is not JSON.") from None
    if not isinstance(value, dict) or value.keys() - known:
        raise Refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name: Cannot find field.")
    return value
