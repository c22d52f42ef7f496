"""The page of one issue."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from embedded.forge.pages.page import Pages, number_of
from embedded.forge.pages.timeline import Said, timeline
from embedded.forge.store import Store


class IssuePage:
    """GET /{owner}/{repo}/issues/{number}; a pull request's number leads to its own page."""

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    def __call__(self, request: Request) -> Response:
        number = number_of(request)
        store = self._store
        with store.reading():
            issue = store.issues.get(number)
            items = timeline(store, issue, f"{self._pages.root}/issues") if issue and not issue.is_pull else []
        if issue is None:
            return self._pages.draw(request, "missing.html", status=404, title="Not found", what="such issue")
        if issue.is_pull:
            return RedirectResponse(f"{self._pages.root}/pull/{number}", 302)
        return self._pages.draw(
            request,
            "issue.html",
            live=f"number={number}",
            tab="issues",
            title=f"{issue.title} · #{number}",
            issue=issue,
            items=items,
            people=list(dict.fromkeys(item.author for item in items if isinstance(item, Said))),
        )
