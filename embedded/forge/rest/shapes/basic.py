"""Users, labels, reactions and the repository, as GitHub writes them."""

import base64
from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.rest.urls import Urls
from embedded.forge.rows import Label, Reaction, User
from embedded.forge.store import REPOSITORY_ID, Store
from embedded.forge.tables.reactions import CONTENTS

GHOST = User(10137, "ghost", "none", "User", "2008-01-01T00:00:00Z")
"""GitHub's stand-in for a deleted account."""


def node_id(kind: str, key: object) -> str:
    """An opaque, stable id as the GraphQL world uses it."""
    return base64.urlsafe_b64encode(f"0{len(kind)}:{kind}{key}".encode()).decode().rstrip("=")


def user(store: Store, urls: Urls, login: str) -> dict[str, Any]:
    """A simple-user."""
    who = store.users.get(login) or GHOST
    at = urls.user(who.login)
    return {
        "login": who.login,
        "id": who.id,
        "node_id": node_id("User", who.id),
        "avatar_url": f"{urls.site}/_forge/avatars/{who.id}",
        "gravatar_id": "",
        "url": at,
        "html_url": f"{urls.pages}/{who.login}",
        "followers_url": f"{at}/followers",
        "following_url": f"{at}/following{{/other_user}}",
        "gists_url": f"{at}/gists{{/gist_id}}",
        "starred_url": f"{at}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{at}/subscriptions",
        "organizations_url": f"{at}/orgs",
        "repos_url": f"{at}/repos",
        "events_url": f"{at}/events{{/privacy}}",
        "received_events_url": f"{at}/received_events",
        "type": who.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(store: Store, urls: Urls, login: str) -> dict[str, Any]:
    """A public-user."""
    who = store.users.get(login) or GHOST
    nothing = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    dates = {"created_at": who.created_at, "updated_at": who.created_at}
    return user(store, urls, login) | nothing | {"blog": ""} | counts | dates


def association(store: Store, login: str) -> str:
    """The relationship (not a permission) of an author to the repository."""
    if login.lower() == store.owner.lower():
        return "OWNER"
    return "COLLABORATOR" if store.users.role(login) >= Role.TRIAGE else "NONE"


def label(urls: Urls, row: Label) -> dict[str, Any]:
    """A label; version 2026-03-10 added when it was archived."""
    newer = {"archived_at": None, "archived_by": None} if urls.version >= "2026-03-10" else {}
    return newer | {
        "id": row.id,
        "node_id": node_id("Label", row.id),
        "url": f"{urls.repo_api}/labels/{quoted(row.name)}",
        "name": row.name,
        "color": row.color,
        "default": row.default,
        "description": row.description,
    }


def quoted(name: str) -> str:
    """A name inside a URL."""
    from urllib.parse import quote

    return quote(name, safe="")


def rollup(at: str, counts: dict[str, int]) -> dict[str, Any]:
    """How often each reaction was given."""
    return {"url": f"{at}/reactions", "total_count": sum(counts.values())} | {c: counts.get(c, 0) for c in CONTENTS}


def reaction(store: Store, urls: Urls, row: Reaction) -> dict[str, Any]:
    return {
        "id": row.id,
        "node_id": node_id("Reaction", row.id),
        "user": user(store, urls, row.login),
        "content": row.content,
        "created_at": row.created_at,
    }


_TEMPLATES = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "{/branch}",
    "collaborators": "{/collaborator}",
    "comments": "{/number}",
    "commits": "{/sha}",
    "compare": "/{base}...{head}",
    "contents": "/{+path}",
    "contributors": "",
    "deployments": "",
    "downloads": "",
    "events": "",
    "forks": "",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "{/number}",
    "keys": "{/key_id}",
    "labels": "{/name}",
    "languages": "",
    "merges": "",
    "milestones": "{/number}",
    "notifications": "{?since,all,participating}",
    "pulls": "{/number}",
    "releases": "{/id}",
    "stargazers": "",
    "statuses": "/{sha}",
    "subscribers": "",
    "subscription": "",
    "tags": "",
    "teams": "",
    "trees": "/git/trees{/sha}",
}


def repository(store: Store, urls: Urls, role: Role, default_branch: str) -> dict[str, Any]:
    """A full-repository, as the asker with this role sees it."""
    at, page = urls.repo_api, urls.repo_html
    created = store.meta("created_at") or ""
    host = urls.site.partition("://")[2]
    open_issues = int(store.database.rows("SELECT count(*) FROM issues WHERE state = 'open'")[0][0])
    links = {
        f"{name}_url": f"{at}{rest}" if rest.startswith(("/git", "/issues")) else f"{at}/{name}{rest}"
        for name, rest in _TEMPLATES.items()
    }
    roles = (Role.ADMIN, Role.MAINTAIN, Role.WRITE, Role.TRIAGE, Role.READ)
    names = ("admin", "maintain", "push", "triage", "pull")
    return links | {
        "id": REPOSITORY_ID,
        "node_id": node_id("Repository", REPOSITORY_ID),
        "name": store.name,
        "full_name": store.repo,
        "owner": user(store, urls, store.owner),
        "private": False,
        "html_url": page,
        "description": store.meta("description"),
        "fork": False,
        "url": at,
        "archive_url": f"{at}/{{archive_format}}{{/ref}}",
        "git_url": f"git://{host}/{store.repo}.git",
        "ssh_url": f"git@{host}:{store.repo}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "forks": 0,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0,
        "watchers_count": 0,
        "network_count": 0,
        "subscribers_count": 0,
        "size": 0,
        "default_branch": default_branch,
        "open_issues": open_issues,
        "open_issues_count": open_issues,
        "topics": [],
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": False,
        "has_discussions": False,
        "is_template": False,
        "archived": False,
        "disabled": False,
        "visibility": "public",
        "allow_merge_commit": True,
        "allow_squash_merge": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "allow_forking": False,
        "delete_branch_on_merge": False,
        "web_commit_signoff_required": False,
        "pushed_at": store.meta("pushed_at") or created,
        "created_at": created,
        "updated_at": created,
        "permissions": {name: role >= least for name, least in zip(names, roles, strict=True)},
    }
