"""Commits, trees, differences and files, as GitHub writes them."""

import base64
from typing import Any
from urllib.parse import quote

from embedded.forge.git.history import FileChange
from embedded.forge.git.objects import Commit, Person, TreeEntry
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.urls import Urls
from embedded.forge.store import Store

NOREPLY = "@users.noreply.localhost"
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def email(login: str) -> str:
    """The address under which the forge commits for `login`."""
    return login + NOREPLY


def signature(who: Person) -> dict[str, str]:
    return {"name": who.name, "email": who.email, "date": who.date}


def account(store: Store, urls: Urls, who: Person) -> dict[str, Any] | None:
    """The user behind a commit's address, if it is one of the forge's."""
    login = who.email.removesuffix(NOREPLY)
    return basic.user(store, urls, login) if login != who.email and store.users.get(login) else None


def git_commit(urls: Urls, row: Commit) -> dict[str, Any]:
    """A git-commit (the low-level one)."""
    return {
        "sha": row.sha,
        "node_id": basic.node_id("Commit", row.sha),
        "url": f"{urls.repo_api}/git/commits/{row.sha}",
        "html_url": f"{urls.repo_html}/commit/{row.sha}",
        "author": signature(row.author),
        "committer": signature(row.committer),
        "tree": {"sha": row.tree, "url": f"{urls.repo_api}/git/trees/{row.tree}"},
        "message": row.message,
        "parents": [
            {"sha": p, "url": f"{urls.repo_api}/git/commits/{p}", "html_url": f"{urls.repo_html}/commit/{p}"}
            for p in row.parents
        ],
        "verification": UNSIGNED,
    }


def commit(store: Store, urls: Urls, row: Commit) -> dict[str, Any]:
    """A commit as lists show it."""
    at = f"{urls.repo_api}/commits/{row.sha}"
    low = git_commit(urls, row)
    keys = ("url", "author", "committer", "message", "tree", "verification")
    return {
        "url": at,
        "sha": row.sha,
        "node_id": low["node_id"],
        "html_url": low["html_url"],
        "comments_url": f"{at}/comments",
        "commit": {key: low[key] for key in keys} | {"comment_count": 0},
        "author": account(store, urls, row.author),
        "committer": account(store, urls, row.committer),
        "parents": [
            {"sha": p, "url": f"{urls.repo_api}/commits/{p}", "html_url": f"{urls.repo_html}/commit/{p}"}
            for p in row.parents
        ],
    }


def file_change(urls: Urls, row: FileChange, at: str) -> dict[str, Any]:
    """A diff-entry; `at` is the commit in which the new state is found."""
    path = quote(row.path)
    body: dict[str, Any] = {
        "sha": row.sha,
        "filename": row.path,
        "status": row.status,
        "additions": row.additions,
        "deletions": row.deletions,
        "changes": row.additions + row.deletions,
        "blob_url": f"{urls.repo_html}/blob/{at}/{path}",
        "raw_url": f"{urls.repo_html}/raw/{at}/{path}",
        "contents_url": f"{urls.repo_api}/contents/{path}?ref={at}",
    }
    if row.patch is not None:
        body["patch"] = row.patch
    if row.previous is not None:
        body["previous_filename"] = row.previous
    return body


def tree(urls: Urls, sha: str, entries: list[TreeEntry]) -> dict[str, Any]:
    found = []
    for entry in entries:
        one: dict[str, Any] = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
        if entry.size is not None:
            one["size"] = entry.size
        if entry.type != "commit":
            one["url"] = f"{urls.repo_api}/git/{entry.type}s/{entry.sha}"
        found.append(one)
    return {"sha": sha, "url": f"{urls.repo_api}/git/trees/{sha}", "tree": found, "truncated": False}


def entry(urls: Urls, row: TreeEntry, path: str, ref: str) -> dict[str, Any]:
    """A file or folder in a content listing."""
    kind = {"tree": "dir", "commit": "submodule"}.get(row.type, "symlink" if row.mode == "120000" else "file")
    at, where = quote(path), f"?ref={quote(ref, safe='')}"
    word = "tree" if row.type == "tree" else "blob"
    page = f"{urls.repo_html}/{word}/{quote(ref)}/{at}"
    url = f"{urls.repo_api}/contents/{at}{where}"
    git = f"{urls.repo_api}/git/{word}s/{row.sha}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": row.sha,
        "size": row.size or 0,
        "url": url,
        "html_url": page,
        "git_url": git,
        "download_url": f"{urls.repo_html}/raw/{quote(ref)}/{at}" if row.type == "blob" else None,
        "type": kind,
        "_links": {"self": url, "git": git, "html": page},
    }


def encoded(content: bytes) -> str:
    """Base64 in lines of 60 characters, as GitHub sends file contents."""
    text = base64.b64encode(content).decode()
    return "".join(text[i : i + 60] + "\n" for i in range(0, len(text), 60))
