"""The page of one commit."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from embedded.forge.git.history import EMPTY_TREE
from embedded.forge.git.objects import Objects
from embedded.forge.git.repository import Repository
from embedded.forge.pages.checks import checks
from embedded.forge.pages.diff import difference
from embedded.forge.pages.page import Pages
from embedded.forge.store import Store

_SHA: Final = re.compile(r"[0-9a-f]{4,40}")


class CommitPage:
    """GET /{owner}/{repo}/commit/{sha}; an abbreviated sha leads to the whole one."""

    def __init__(self, store: Store, git: Repository, pages: Pages) -> None:
        self._store = store
        self._git = git
        self._pages = pages

    def __call__(self, request: Request) -> Response:
        asked = str(request.path_params["sha"])
        sha = self._git.resolve(asked) if _SHA.fullmatch(asked) else None
        if sha is None:
            return self._pages.draw(request, "missing.html", status=404, title="Not found", what="such commit")
        if sha != asked:
            return RedirectResponse(f"{self._pages.root}/commit/{sha}", 302)
        commit = Objects(self._git).commit(sha)
        subject, _, body = commit.message.partition("\n")
        return self._pages.draw(
            request,
            "commit.html",
            live="number=0",
            title=f"{subject} · {sha[:7]}",
            commit=commit,
            subject=subject,
            body=body.strip("\n"),
            change=difference(self._git, commit.parents[0] if commit.parents else EMPTY_TREE, sha),
            checks=checks(self._store, sha),
        )
