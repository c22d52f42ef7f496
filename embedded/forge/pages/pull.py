"""The page of one pull request: conversation, commits, checks and what changes."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from embedded.forge.git.history import History
from embedded.forge.git.objects import Commit
from embedded.forge.git.repository import GitError, Repository
from embedded.forge.pages.checks import checks, together
from embedded.forge.pages.diff import Difference, difference
from embedded.forge.pages.page import Pages, number_of
from embedded.forge.pages.timeline import Said, timeline
from embedded.forge.rows import Issue, Pull
from embedded.forge.store import Store

MAX_COMMITS: Final = 250
NOTHING: Final = Difference((), 0, 0, 0)


class PullPage:
    """GET /{owner}/{repo}/pull/{number}; an issue's number leads to its own page."""

    def __init__(self, store: Store, git: Repository, pages: Pages) -> None:
        self._store = store
        self._git = git
        self._pages = pages

    def __call__(self, request: Request) -> Response:
        number = number_of(request)
        store = self._store
        with store.reading():
            issue, pull = store.issues.get(number), store.pulls.get(number)
            items = timeline(store, issue, f"{self._pages.root}/issues") if issue and pull else []
        if issue is not None and not issue.is_pull:
            return RedirectResponse(f"{self._pages.root}/issues/{number}", 302)
        if issue is None or pull is None:
            return self._pages.draw(request, "missing.html", status=404, title="Not found", what="such pull request")
        commits, change = self._git_side(pull)
        found = checks(store, pull.head_sha)
        return self._pages.draw(
            request,
            "pull.html",
            live=f"number={number}",
            tab="pulls",
            title=f"{issue.title} · #{number}",
            issue=issue,
            pull=pull,
            items=items,
            people=list(dict.fromkeys(item.author for item in items if isinstance(item, Said))),
            requested=store.pulls.requested(number),
            state=state_of(issue, pull),
            commits=commits,
            change=change,
            checks=found,
            checked=together(found),
        )

    def _git_side(self, pull: Pull) -> tuple[list[Commit], Difference | None]:
        """The commits, oldest first, and the difference; None when git no longer has them."""
        history = History(self._git)
        try:
            base = history.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
            if base == pull.head_sha:
                return [], NOTHING
            commits = history.commits(pull.head_sha, f"^{base}", options=["--reverse", f"--max-count={MAX_COMMITS}"])
            return commits, difference(self._git, base, pull.head_sha)
        except GitError:
            return [], None


def state_of(issue: Issue, pull: Pull) -> str:
    """open, draft, merged or closed."""
    if pull.merged_at:
        return "merged"
    return "closed" if issue.state == "closed" else "draft" if pull.draft else "open"
