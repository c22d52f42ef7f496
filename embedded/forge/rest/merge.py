"""Merging: a pull request (guarded by the head's sha), one branch into another, the base into a pull request."""

import re

from embedded.forge.accounts import Role
from embedded.forge.git.history import History
from embedded.forge.git.merge import Conflict, Merger
from embedded.forge.git.objects import Objects, this_moment
from embedded.forge.git.repository import RefMoved
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, conflict, invalid, not_found
from embedded.forge.rest.issues import told as issue_told
from embedded.forge.rest.pulls import the_pull, told
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import git as shapes
from embedded.forge.rows import Issue, Pull

CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d+)\b", re.IGNORECASE)


def is_merged(call: Call) -> Answer:
    pull, _ = the_pull(call)
    if pull.merged_at is None:
        raise not_found()
    return Answer(204)


def merge(call: Call) -> Answer:
    """405 when it cannot be merged, 409 when the head is not `sha` any more."""
    call.need(Role.WRITE)
    pull, issue = the_pull(call)
    base = call.git.ref(f"refs/heads/{pull.base_ref}")
    if issue.state == "closed" or pull.draft or base is None:
        raise Refused(405, "Pull Request is not mergeable")
    wanted = call.optional_text("PullRequest", "sha")
    if wanted is not None and wanted != pull.head_sha:
        raise conflict("Head branch was modified. Review and try the merge again.")
    try:
        sha = _merged(call, pull, issue, base.sha)
    except Conflict as error:
        raise Refused(405, "Pull Request is not mergeable") from error
    try:
        call.git.update_ref(base.name, sha, base.sha)
    except RefMoved as error:
        raise conflict("Base branch was modified. Review and try the merge again.") from error
    call.store.pulls.merged(issue.number, call.login, sha)
    told(call, issue.number, "closed")
    if pull.base_ref == call.git.default_branch:
        _close_what_it_fixes(call, issue)
    return Answer(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _merged(call: Call, pull: Pull, issue: Issue, base: str) -> str:
    """The sha of what the base branch becomes."""
    method = call.data().get("merge_method", "merge")
    me = this_moment(call.login, shapes.email(call.login))
    merger = Merger(call.git)
    title, text = call.optional_text("PullRequest", "commit_title"), call.optional_text("PullRequest", "commit_message")
    if method == "merge":
        title = title or f"Merge pull request #{issue.number} from {call.store.owner}/{pull.head_ref}"
        return merger.merge(base, pull.head_sha, _message(title, issue.title if text is None else text), me)
    if method == "squash":
        title = title or f"{issue.title} (#{issue.number})"
        author = Objects(call.git).commit(pull.head_sha).author
        return merger.squash(base, pull.head_sha, _message(title, text or ""), author, me)
    if method == "rebase":
        return merger.rebase(base, pull.head_sha, me)
    raise invalid("PullRequest", "merge_method")


def _message(title: str, text: str) -> str:
    return f"{title}\n\n{text}" if text else title


def _close_what_it_fixes(call: Call, issue: Issue) -> None:
    """Close the issues that the pull request's text says it fixes."""
    for number in {int(found) for found in CLOSES.findall(f"{issue.title}\n{issue.body or ''}")}:
        named = call.store.issues.get(number)
        if named is not None and named.state == "open" and not named.is_pull:
            call.store.issues.edit(number, call.login, {"state": "closed", "state_reason": "completed"})
            issue_told(call, number, "closed")


def merge_branch(call: Call) -> Answer:
    """POST /merges: 201 with the commit, 204 when there is nothing to merge, 409 on conflict."""
    call.need(Role.WRITE)
    base = call.git.ref(f"refs/heads/{call.text('Merge', 'base')}")
    head_name = call.text("Merge", "head")
    head = call.git.resolve(head_name)
    if base is None or head is None:
        raise not_found("Base does not exist" if base is None else "Head does not exist")
    if call.git.is_ancestor(head, base.sha):
        return Answer(204)
    name = base.name.removeprefix("refs/heads/")
    message = call.optional_text("Merge", "commit_message") or f"Merge {head_name} into {name}"
    sha = _onto(call, base.name, base.sha, head, message)
    return Answer(201, shapes.commit(call.store, call.urls, Objects(call.git).commit(sha)))


def update_branch(call: Call) -> Answer:
    """Merge the base branch into the pull request's branch."""
    call.need(Role.WRITE)
    pull, _ = the_pull(call)
    expected = call.optional_text("PullRequest", "expected_head_sha")
    if expected is not None and expected != pull.head_sha:
        raise Refused(422, "expected_head_sha does not match the head")
    base = call.git.ref(f"refs/heads/{pull.base_ref}")
    if base is None or not History(call.git).count(base.sha, f"^{pull.head_sha}"):
        raise Refused(422, "There are no new commits on the base branch.")
    message = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    _onto(call, f"refs/heads/{pull.head_ref}", pull.head_sha, base.sha, message)
    url = call.urls.issue_html(pull.number, pull=True)
    return Answer(202, {"message": "Updating pull request branch.", "url": url})


def _onto(call: Call, ref: str, ours: str, theirs: str, message: str) -> str:
    try:
        sha = Merger(call.git).merge(ours, theirs, message, this_moment(call.login, shapes.email(call.login)))
        call.git.update_ref(ref, sha, ours)
    except (Conflict, RefMoved) as error:
        raise conflict("Merge conflict") from error
    return sha


ROUTES: tuple[Route, ...] = (
    repo("GET", "/pulls/{number}/merge", is_merged),
    repo("PUT", "/pulls/{number}/merge", merge),
    repo("PUT", "/pulls/{number}/update-branch", update_branch),
    repo("POST", "/merges", merge_branch),
)
