"""The lists of issues and of pull requests."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from embedded.forge.pages.checks import checks, together
from embedded.forge.pages.page import Pages
from embedded.forge.rows import Issue, Label, Pull
from embedded.forge.store import Store
from embedded.forge.tables.issues import IssueQuery

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list; `pull` and `checked` (good, bad, waiting or "") only for pull requests."""

    issue: Issue
    pull: Pull | None
    checked: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One label of the filter menu: whether it is chosen, and the query that toggles it."""

    label: Label
    chosen: bool
    query: str


class Lists:
    """GET /{owner}/{repo}/issues and /pulls, with ?state=closed, ?labels=a,b and ?page=2."""

    def __init__(self, store: Store, pages: Pages) -> None:
        self._store = store
        self._pages = pages

    def issues(self, request: Request) -> Response:
        return self._draw(request, pulls=False)

    def pulls(self, request: Request) -> Response:
        return self._draw(request, pulls=True)

    def _draw(self, request: Request, *, pulls: bool) -> Response:
        given = request.query_params
        state = "closed" if given.get("state") == "closed" else "open"
        chosen = tuple(dict.fromkeys(name.strip() for name in given.get("labels", "").split(",") if name.strip()))
        page = max(1, int(text)) if (text := given.get("page", "")).isdecimal() and len(text) < 7 else 1
        store = self._store
        with store.reading():
            shown = IssueQuery(state, labels=chosen, pulls=pulls)
            found, total = store.issues.find(shown, PAGE_SIZE, (page - 1) * PAGE_SIZE)
            other = "open" if state == "closed" else "closed"
            others = store.issues.find(IssueQuery(other, labels=chosen, pulls=pulls), limit=0)[1]
            rows = [self._row(issue) for issue in found]
            known = store.labels.all()
        lowered = {name.lower() for name in chosen}

        def query(**changed: object) -> str:
            values = {"state": state if state == "closed" else "", "labels": ",".join(chosen), "page": ""} | changed
            text = urlencode({name: value for name, value in values.items() if value})
            return f"?{text}" if text else "?"

        def toggled(label: Label) -> Choice:
            on = label.name.lower() in lowered
            names = [n for n in chosen if n.lower() != label.name.lower()] if on else [*chosen, label.name]
            return Choice(label, on, query(labels=",".join(names)))

        return self._pages.draw(
            request,
            "list.html",
            live="all=1",
            tab="pulls" if pulls else "issues",
            title="Pull requests" if pulls else "Issues",
            pulls=pulls,
            state=state,
            rows=rows,
            total=total,
            counts={state: total, other: others},
            states={"open": query(state=""), "closed": query(state="closed")},
            choices=[toggled(label) for label in known],
            chosen=chosen,
            unfiltered=query(labels=""),
            newer=query(page=page - 1 if page > 2 else "") if page > 1 else "",
            older=query(page=page + 1) if page * PAGE_SIZE < total else "",
        )

    def _row(self, issue: Issue) -> Row:
        pull = self._store.pulls.get(issue.number) if issue.is_pull else None
        return Row(issue, pull, together(checks(self._store, pull.head_sha)) if pull else "")
