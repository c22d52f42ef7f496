"""What webhooks hear when a reference moves, whoever moved it and how."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.history import History
from embedded.forge.git.objects import Commit
from embedded.forge.git.repository import ABSENT, RefChange
from embedded.forge.rest.shapes import basic
from embedded.forge.rest.shapes import git as shapes
from embedded.forge.rest.shapes import pulls as pull_shapes
from embedded.forge.rest.urls import Urls
from embedded.forge.world import World

MAX_COMMITS = 20


def announce_push(world: World, urls: Urls, login: str, change: RefChange) -> None:
    """Send push, create or delete, and pull_request synchronize for one moved reference."""
    store, courier = world.store, world.courier
    about = {
        "repository": basic.repository(store, urls, Role.READ, world.git.default_branch),
        "sender": basic.user(store, urls, login),
    }
    kind = "branch" if change.name.startswith("refs/heads/") else "tag"
    short = change.name.split("/", 2)[2]
    if change.old is None or change.new is None:
        event = "create" if change.old is None else "delete"
        if courier.wanted(event):
            courier.send(event, {"ref": short, "ref_type": kind, "pusher_type": "user"} | about)
    if courier.wanted("push"):
        courier.send("push", _push(world, urls, login, change) | about)
    if kind == "branch" and change.new is not None and courier.wanted("pull_request"):
        for pull in store.pulls.open_on(head=short):
            issue = store.issues.get(pull.number)
            if issue is not None:
                body = pull_shapes.full(store, world.git, urls, pull, issue, fresh=True)
                told = {"action": "synchronize", "number": pull.number, "before": change.old, "after": change.new}
                courier.send("pull_request", told | {"pull_request": body} | about)


def _push(world: World, urls: Urls, login: str, change: RefChange) -> dict[str, Any]:
    commits: list[Commit] = []
    if change.new is not None and world.git.resolve(change.new) is not None:
        since = [f"^{change.old}"] if change.old else []
        limit = [f"--max-count={MAX_COMMITS}"]
        commits = History(world.git).commits(change.new, *since, options=[*limit, "--reverse"])
    told = [
        {
            "id": one.sha,
            "tree_id": one.tree,
            "message": one.message,
            "timestamp": one.author.date,
            "url": f"{urls.repo_html}/commit/{one.sha}",
            "author": shapes.signature(one.author),
            "committer": shapes.signature(one.committer),
        }
        for one in commits
    ]
    return {
        "ref": change.name,
        "before": change.old or ABSENT,
        "after": change.new or ABSENT,
        "created": change.old is None,
        "deleted": change.new is None,
        "compare": f"{urls.repo_html}/compare/{change.old or ''}...{change.new or ''}",
        "commits": told,
        "head_commit": told[-1] if told else None,
        "pusher": {"name": login, "email": shapes.email(login)},
    }
