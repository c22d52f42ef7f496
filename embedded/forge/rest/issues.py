"""Issues: open, read, list, edit, lock, and who is assigned."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import forbidden, invalid
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.shapes import issues as shapes
from embedded.forge.rows import Issue
from embedded.forge.tables.issues import IssueEdit, IssueQuery

MAX_TITLE = 256
MAX_ASSIGNEES = 10


def list_issues(call: Call) -> Answer:
    query = call.query
    page = call.page()
    state = query.get("state", "open")
    if state not in {"open", "closed", "all"}:
        raise invalid("Issue", "state")
    wanted = IssueQuery(
        state=state,
        labels=tuple(name.strip() for name in query.get("labels", "").split(",") if name.strip()),
        assignee=query.get("assignee"),
        creator=query.get("creator"),
        since=call.since(),
        sort=query.get("sort", "created"),
        descending=query.get("direction", "desc") != "asc",
        born_before=call.hidden_after,
    )
    found, total = call.store.issues.find(wanted, page.size, page.offset)
    return call.listed(shapes.issues(call.store, call.urls, found), total)


def create_issue(call: Call) -> Answer:
    """Anyone who reads may open one. Labels and assignees of those without push access are dropped in silence."""
    author = call.login
    title = call.text("Issue", "title", MAX_TITLE)
    body = call.optional_text("Issue", "body")
    labels = label_names(call.data().get("labels"))
    assignees = _logins(call, call.data())
    pushes = call.role >= Role.WRITE
    with call.store.writing():
        issue = call.store.issues.create(title, body, author)
        if pushes:
            call.store.issues.add_labels(issue.number, author, labels)
            call.store.issues.assign(issue.number, author, assignees)
    answer = told(call, issue.number, "opened")
    return Answer(201, answer, {"Location": answer["url"]})


def get_issue(call: Call) -> Answer:
    return Answer(200, shapes.issue(call.store, call.urls, call.issue()))


def edit_issue(call: Call) -> Answer:
    """Title and text: the author or triage. State, labels, assignees: triage; the author may close and reopen."""
    old = call.issue()
    data = call.data()
    mine = old.author.lower() == call.login.lower()
    if call.role < Role.TRIAGE and (not mine or {"labels", "assignees", "assignee"} & data.keys()):
        raise forbidden()
    if {"title", "body"} & data.keys() and not mine and call.role < Role.WRITE:
        raise forbidden()
    edit = _edit(call, data)
    with call.store.writing():
        call.store.issues.edit(old.number, call.login, edit)
        if "labels" in data:
            call.store.issues.set_labels(old.number, call.login, label_names(data["labels"]))
        if "assignees" in data or "assignee" in data:
            wanted = _logins(call, data)
            gone = [login for login in old.assignees if login.lower() not in {w.lower() for w in wanted}]
            call.store.issues.assign(old.number, call.login, gone, on=False)
            call.store.issues.assign(old.number, call.login, wanted)
    action = "edited"
    if edit.get("state", old.state) != old.state:
        action = "closed" if edit.get("state") == "closed" else "reopened"
    return Answer(200, told(call, old.number, action))


def _edit(call: Call, data: dict[str, Any]) -> IssueEdit:
    edit: IssueEdit = {}
    if "title" in data:
        edit["title"] = call.text("Issue", "title", MAX_TITLE)
    if "body" in data:
        edit["body"] = call.optional_text("Issue", "body")
    if data.get("state") is not None:
        if data["state"] not in {"open", "closed"}:
            raise invalid("Issue", "state")
        edit["state"] = data["state"]
    if data.get("state_reason") is not None:
        if data["state_reason"] not in {"completed", "not_planned", "duplicate", "reopened"}:
            raise invalid("Issue", "state_reason")
        edit["state_reason"] = data["state_reason"]
    return edit


def told(call: Call, number: int, action: str, **more: Any) -> dict[str, Any]:
    """The issue as it is now, told to the webhooks as well."""
    issue = call.store.issues.get(number)
    if issue is None:
        raise KeyError(number)
    body = shapes.issue(call.store, call.urls, issue)
    call.emit("issues" if not issue.is_pull else "pull_request", _payload(issue, body, action) | more)
    return body


def _payload(issue: Issue, body: dict[str, Any], action: str) -> dict[str, Any]:
    if issue.is_pull:
        return {"action": action, "number": issue.number, "pull_request": body}
    return {"action": action, "issue": body}


def lock_issue(call: Call) -> Answer:
    call.need(Role.TRIAGE)
    reason = call.optional_text("Issue", "lock_reason")
    if reason not in {None, "off-topic", "too heated", "resolved", "spam"}:
        raise invalid("Issue", "lock_reason")
    call.store.issues.lock(call.issue().number, call.login, locked=True, reason=reason)
    return Answer(204)


def unlock_issue(call: Call) -> Answer:
    call.need(Role.TRIAGE)
    call.store.issues.lock(call.issue().number, call.login, locked=False)
    return Answer(204)


def add_assignees(call: Call) -> Answer:
    return _assign(call, on=True)


def remove_assignees(call: Call) -> Answer:
    return _assign(call, on=False)


def _assign(call: Call, *, on: bool) -> Answer:
    call.need(Role.TRIAGE)
    issue = call.issue()
    logins = _logins(call, call.data())
    call.store.issues.assign(issue.number, call.login, logins, on=on)
    body = told(call, issue.number, "assigned" if on else "unassigned")
    return Answer(201 if on else 200, body)


def list_assignees(call: Call) -> Answer:
    """Who can be assigned: everybody with triage or more."""
    able = [user for user in call.store.users.all() if call.store.users.role(user.login) >= Role.TRIAGE]
    return call.sliced(able, lambda user: basic.user(call.store, call.urls, user.login))


def check_assignee(call: Call) -> Answer:
    if call.store.users.role(call.params["login"]) < Role.TRIAGE:
        return Answer(
            404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
        )
    return Answer(204)


def label_names(value: Any) -> list[str]:
    """Names from `["a", {"name": "b"}]`, `{"labels": [...]}` or None; 422 for anything else."""
    if isinstance(value, dict):
        value = value.get("labels")
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid("Label", "labels")
    names = [one.get("name") if isinstance(one, dict) else one for one in value]
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise invalid("Label", "name", "missing_field")
        if len(name) > 50:
            raise invalid("Label", "name", "custom", "name is too long (maximum is 50 characters)")
    if len(names) > 100:
        raise invalid("Issue", "labels", "custom", "too many labels (maximum is 100)")
    return [str(name) for name in names]


def _logins(call: Call, data: dict[str, Any]) -> list[str]:
    value = data.get("assignees")
    if value is None:
        value = [data["assignee"]] if data.get("assignee") else []
    if not isinstance(value, list) or not all(isinstance(login, str) for login in value):
        raise invalid("Issue", "assignees")
    if len(value) > MAX_ASSIGNEES:
        raise invalid("Issue", "assignees", "custom", f"too many assignees (maximum is {MAX_ASSIGNEES})")
    return [login for login in value if call.store.users.role(login) >= Role.TRIAGE]


ROUTES: tuple[Route, ...] = (
    repo("GET", "/issues", list_issues),
    repo("POST", "/issues", create_issue),
    repo("GET", "/issues/{number}", get_issue),
    repo("PATCH", "/issues/{number}", edit_issue),
    repo("PUT", "/issues/{number}/lock", lock_issue),
    repo("DELETE", "/issues/{number}/lock", unlock_issue),
    repo("POST", "/issues/{number}/assignees", add_assignees),
    repo("DELETE", "/issues/{number}/assignees", remove_assignees),
    repo("GET", "/assignees", list_assignees),
    repo("GET", "/assignees/{login}", check_assignee),
)
