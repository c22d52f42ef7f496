"""Pull requests: propose, read, list, edit, and what they change."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.history import History
from embedded.forge.git.objects import Objects
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, forbidden, invalid, not_found
from embedded.forge.rest.issues import MAX_TITLE
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import git as git_shapes
from embedded.forge.rest.shapes import pulls as shapes
from embedded.forge.rows import Issue, Pull
from embedded.forge.tables.issues import IssueEdit


def the_pull(call: Call) -> tuple[Pull, Issue]:
    """The pull request the path names; 404 when there is none."""
    issue = call.issue()
    pull = call.store.pulls.get(issue.number)
    if pull is None:
        raise not_found()
    return pull, issue


def told(call: Call, number: int, action: str, *, fresh: bool = False, **more: Any) -> dict[str, Any]:
    """The pull request as it is now, told to the webhooks as well."""
    pull, issue = call.store.pulls.get(number), call.store.issues.get(number)
    if pull is None or issue is None:
        raise KeyError(number)
    body = shapes.full(call.store, call.git, call.urls, pull, issue, fresh=fresh)
    call.emit("pull_request", {"action": action, "number": number, "pull_request": body} | more)
    return body


def create(call: Call) -> Answer:
    """Everyone with write may propose a branch of this repository (forks do not exist here)."""
    call.need(Role.WRITE, Refused(403, "Resource not accessible by personal access token"))
    base_name, head_name = call.text("PullRequest", "base"), call.text("PullRequest", "head").rpartition(":")[2]
    issue_number = call.data().get("issue")
    title = None if issue_number is not None else call.text("PullRequest", "title", MAX_TITLE)
    base, head = call.git.ref(f"refs/heads/{base_name}"), call.git.ref(f"refs/heads/{head_name}")
    if base is None or head is None:
        raise invalid("PullRequest", "head" if head is None else "base")
    if not History(call.git).count(head.sha, f"^{base.sha}"):
        raise _custom(f"No commits between {base_name} and {head_name}")
    draft = call.data().get("draft") is True
    with call.store.writing():
        if call.store.pulls.open_on(head=head_name, base=base_name):
            raise _custom(f"A pull request already exists for {call.store.owner}:{head_name}.")
        if title is None:
            raise invalid(
                "PullRequest", "issue", "invalid", "turning an issue into a pull request is not supported here"
            )
        issue = call.store.issues.create(title, call.optional_text("PullRequest", "body"), call.login, is_pull=True)
        call.store.pulls.create(issue.number, base=(base_name, base.sha), head=(head_name, head.sha), draft=draft)
    call.git.run("update-ref", f"refs/pull/{issue.number}/head", head.sha)
    body = told(call, issue.number, "opened", fresh=True)
    return Answer(201, body, {"Location": body["url"]})


def _custom(message: str) -> Refused:
    return Refused(422, "Validation Failed", [{"resource": "PullRequest", "code": "custom", "message": message}])


def list_pulls(call: Call) -> Answer:
    query = call.query
    state = query.get("state", "open")
    if state not in {"open", "closed", "all"}:
        raise invalid("PullRequest", "state")
    head = query["head"].rpartition(":")[2] if query.get("head") else None
    sort = query.get("sort", "created")
    descending = query.get("direction", "desc") == "desc"
    rows = call.store.pulls.find(state, head=head, base=query.get("base"), sort=sort, descending=descending)

    def shape(pull: Pull) -> dict[str, Any]:
        issue = call.store.issues.get(pull.number)
        if issue is None:
            raise KeyError(pull.number)
        return shapes.simple(call.store, call.git, call.urls, pull, issue)

    return call.sliced(rows, shape)


def get(call: Call) -> Answer:
    """As JSON, or as diff or patch when the client accepts that."""
    pull, issue = the_pull(call)
    if "diff" in call.accept or "patch" in call.accept:
        history = History(call.git)
        base = history.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
        if "patch" in call.accept:
            return Answer(
                200, None, {"Content-Type": "application/vnd.github.patch"}, history.mail_text(base, pull.head_sha)
            )
        return Answer(
            200, None, {"Content-Type": "application/vnd.github.diff"}, history.patch_text(base, pull.head_sha)
        )
    return Answer(200, shapes.full(call.store, call.git, call.urls, pull, issue))


def edit(call: Call) -> Answer:
    pull, issue = the_pull(call)
    if issue.author.lower() != call.login.lower() and call.role < Role.WRITE:
        raise forbidden()
    data = call.data()
    change: IssueEdit = {}
    if "title" in data:
        change["title"] = call.text("PullRequest", "title", MAX_TITLE)
    if "body" in data:
        change["body"] = call.optional_text("PullRequest", "body")
    if data.get("state") is not None:
        if data["state"] not in {"open", "closed"} or (data["state"] == "open" and pull.merged_at):
            raise invalid("PullRequest", "state")
        change["state"] = data["state"]
    base = None
    if data.get("base") is not None:
        base = call.git.ref(f"refs/heads/{call.text('PullRequest', 'base')}")
        if base is None:
            raise invalid("PullRequest", "base")
    with call.store.writing():
        call.store.issues.edit(issue.number, call.login, change)
        if base is not None:
            call.store.pulls.move(pull.number, base_ref=base.name.removeprefix("refs/heads/"), base_sha=base.sha)
    action = "edited"
    if change.get("state", issue.state) != issue.state:
        action = "closed" if change.get("state") == "closed" else "reopened"
    return Answer(200, told(call, issue.number, action))


def list_files(call: Call) -> Answer:
    pull, _ = the_pull(call)
    history = History(call.git)
    base = history.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    return call.sliced(
        history.diff(base, pull.head_sha), lambda one: git_shapes.file_change(call.urls, one, pull.head_sha)
    )


def list_commits(call: Call) -> Answer:
    """Oldest first."""
    pull, _ = the_pull(call)
    history = History(call.git)
    base = history.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    shas = history.log(pull.head_sha, f"^{base}", options=["--reverse", "--topo-order"])
    page = call.page()
    commits = Objects(call.git).commits(shas[page.offset : page.offset + page.size])
    return call.listed([git_shapes.commit(call.store, call.urls, one) for one in commits], len(shas))


def pulls_of_commit(call: Call) -> Answer:
    """Pull requests whose head or merge commit this is."""
    sha = call.git.resolve(call.params["ref"])
    rows = [row for row in call.store.pulls.find("all") if sha in {row.head_sha, row.merge_commit_sha}]
    issues = {row.number: call.store.issues.get(row.number) for row in rows}
    found = [(row, issue) for row in rows if (issue := issues[row.number]) is not None]
    return call.sliced(found, lambda pair: shapes.simple(call.store, call.git, call.urls, *pair))


ROUTES: tuple[Route, ...] = (
    repo("GET", "/pulls", list_pulls, live=True),
    repo("POST", "/pulls", create),
    repo("GET", "/pulls/{number}", get, live=True),
    repo("PATCH", "/pulls/{number}", edit),
    repo("GET", "/pulls/{number}/files", list_files, live=True),
    repo("GET", "/pulls/{number}/commits", list_commits, live=True),
    repo("GET", "/commits/{ref}/pulls", pulls_of_commit, live=True),
)
