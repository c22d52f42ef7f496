"""Commit statuses and check runs."""

import re
from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import forbidden, invalid, not_found, unprocessable
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.urls import Urls
from embedded.forge.rows import CheckRun, CommitStatus
from embedded.forge.store import Store
from embedded.forge.tables.checks import RunEdit

STATES = ("error", "failure", "pending", "success")
RUN_STATES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def _sha(call: Call, name: str) -> str:
    sha = call.git.resolve(name)
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {name}")
    return sha


def _status(store: Store, urls: Urls, row: CommitStatus) -> dict[str, Any]:
    creator = basic.user(store, urls, row.creator)
    return {
        "url": f"{urls.repo_api}/statuses/{row.sha}",
        "avatar_url": creator["avatar_url"],
        "id": row.id,
        "node_id": basic.node_id("StatusContext", row.id),
        "state": row.state,
        "description": row.description,
        "target_url": row.target_url,
        "context": row.context,
        "created_at": row.created_at,
        "updated_at": row.created_at,
        "creator": creator,
    }


def create_status(call: Call) -> Answer:
    call.need(Role.WRITE)
    sha = _sha(call, call.params["sha"])
    state = call.text("Status", "state")
    if state not in STATES:
        raise invalid("Status", "state")
    context = call.optional_text("Status", "context", 255) or "default"
    row = call.store.checks.add_status(
        sha,
        state,
        context,
        call.optional_text("Status", "description", 140),
        call.optional_text("Status", "target_url"),
        creator=call.login,
    )
    body = _status(call.store, call.urls, row)
    call.emit("status", {"sha": sha, **{k: body[k] for k in ("id", "state", "context", "description", "target_url")}})
    return Answer(201, body, {"Location": body["url"]})


def list_statuses(call: Call) -> Answer:
    """Newest first."""
    rows = call.store.checks.statuses(_sha(call, call.params["ref"]))
    return call.sliced(rows, lambda row: _status(call.store, call.urls, row))


def combined(call: Call) -> Answer:
    """failure when any newest status is failure or error, pending when one is or there is none, else success."""
    sha = _sha(call, call.params["ref"])
    rows = call.store.checks.latest(sha)
    states = {row.state for row in rows}
    worst = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    statuses = [_status(call.store, call.urls, row) for row in rows]
    for one in statuses:
        one.pop("creator")
    repository = basic.repository(call.store, call.urls, Role.READ, call.git.default_branch)
    page = call.page()
    body = {
        "state": worst,
        "sha": sha,
        "total_count": len(rows),
        "statuses": statuses[page.offset : page.offset + page.size],
        "repository": repository,
        "commit_url": f"{call.urls.repo_api}/commits/{sha}",
        "url": f"{call.urls.repo_api}/commits/{sha}/status",
    }
    return Answer(200, body, call.link(len(rows)))


def _app(store: Store, urls: Urls, login: str) -> dict[str, Any]:
    user = store.users.get(login)
    slug = login.removesuffix("[bot]")
    at = user.created_at if user else ""
    return {
        "id": user.id if user else 0,
        "slug": slug,
        "node_id": basic.node_id("App", login),
        "owner": basic.user(store, urls, store.owner),
        "name": slug,
        "description": None,
        "external_url": urls.site,
        "html_url": f"{urls.pages}/apps/{slug}",
        "created_at": at,
        "updated_at": at,
        "permissions": {"checks": "write", "metadata": "read"},
        "events": ["check_run"],
    }


def _run(store: Store, urls: Urls, row: CheckRun) -> dict[str, Any]:
    at = f"{urls.repo_api}/check-runs/{row.id}"
    return {
        "id": row.id,
        "node_id": basic.node_id("CheckRun", row.id),
        "head_sha": row.sha,
        "name": row.name,
        "external_id": row.external_id,
        "url": at,
        "html_url": f"{urls.repo_html}/runs/{row.id}",
        "details_url": row.details_url,
        "status": row.status,
        "conclusion": row.conclusion,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "output": {
            "title": row.output.get("title"),
            "summary": row.output.get("summary"),
            "text": row.output.get("text"),
            "annotations_count": 0,
            "annotations_url": f"{at}/annotations",
        },
        "check_suite": {"id": int(row.sha[:8], 16)},
        "app": _app(store, urls, row.creator),
        "pull_requests": [],
    }


def create_run(call: Call) -> Answer:
    """Only GitHub Apps may (accounts with `"app": true`); a personal token is refused, as on GitHub."""
    _apps_only(call)
    name = call.text("CheckRun", "name")
    sha = _sha(call, call.text("CheckRun", "head_sha"))
    row = call.store.checks.add_run(sha, name, call.login, _edit(call))
    body = _run(call.store, call.urls, row)
    call.emit("check_run", {"action": "completed" if row.conclusion else "created", "check_run": body})
    return Answer(201, body, {"Location": body["url"]})


def edit_run(call: Call) -> Answer:
    _apps_only(call)
    row = call.store.checks.edit_run(_the_run(call), _edit(call))
    body = _run(call.store, call.urls, row)
    if row.conclusion:
        call.emit("check_run", {"action": "completed", "check_run": body})
    return Answer(200, body)


def _apps_only(call: Call) -> None:
    call.need(Role.WRITE)
    if call.account is None or not call.account.app:
        raise forbidden("You must authenticate via a GitHub App.")


def _edit(call: Call) -> RunEdit:
    def one_of(name: str, allowed: tuple[str, ...]) -> str | None:
        value = call.optional_text("CheckRun", name)
        if value is not None and value not in allowed:
            raise invalid("CheckRun", name)
        return value

    def moment(name: str) -> str | None:
        value = call.optional_text("CheckRun", name)
        if value is not None and not _TIME.fullmatch(value):
            raise invalid("CheckRun", name)
        return value

    output = call.data().get("output") or {}
    if not isinstance(output, dict):
        raise invalid("CheckRun", "output")
    return RunEdit(
        name=call.optional_text("CheckRun", "name"),
        status=one_of("status", RUN_STATES),
        conclusion=one_of("conclusion", CONCLUSIONS),
        details_url=call.optional_text("CheckRun", "details_url"),
        external_id=call.optional_text("CheckRun", "external_id"),
        started_at=moment("started_at"),
        completed_at=moment("completed_at"),
        output={key: output[key] for key in ("title", "summary", "text") if isinstance(output.get(key), str)},
    )


def _the_run(call: Call) -> CheckRun:
    row = call.store.checks.run(call.number("check_run_id"))
    if row is None:
        raise not_found()
    return row


def get_run(call: Call) -> Answer:
    return Answer(200, _run(call.store, call.urls, _the_run(call)))


def list_runs(call: Call) -> Answer:
    """Newest of each name, unless `filter=all`."""
    rows = call.store.checks.runs(_sha(call, call.params["ref"]))
    if call.query.get("filter", "latest") == "latest":
        newest: dict[str, CheckRun] = {}
        for row in rows:
            newest.setdefault(row.name, row)
        rows = list(newest.values())
    for name in ("status", "check_name"):
        if call.query.get(name):
            rows = [row for row in rows if getattr(row, name.removeprefix("check_")) == call.query[name]]
    page = call.page()
    shown = [_run(call.store, call.urls, row) for row in rows[page.offset : page.offset + page.size]]
    return Answer(200, {"total_count": len(rows), "check_runs": shown}, call.link(len(rows)))


ROUTES: tuple[Route, ...] = (
    repo("POST", "/statuses/{sha}", create_status),
    repo("GET", "/statuses/{ref:path}", list_statuses, live=True),
    repo("GET", "/commits/{ref:path}/statuses", list_statuses, live=True),
    repo("GET", "/commits/{ref:path}/status", combined, live=True),
    repo("GET", "/commits/{ref:path}/check-runs", list_runs, live=True),
    repo("POST", "/check-runs", create_run),
    repo("GET", "/check-runs/{check_run_id}", get_run),
    repo("PATCH", "/check-runs/{check_run_id}", edit_run),
)
