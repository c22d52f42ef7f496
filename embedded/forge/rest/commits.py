"""Commits, comparisons, branches and tags for people."""

from typing import Any

from embedded.forge.git.history import EMPTY_TREE, History
from embedded.forge.git.objects import Objects
from embedded.forge.git.repository import Ref
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, conflict, not_found, unprocessable
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import git as shapes
from embedded.forge.rest.shapes.basic import node_id, quoted

MAX_COMMITS, MAX_FILES = 250, 300
"""What one comparison shows at most."""


def list_commits(call: Call) -> Answer:
    tip = call.git.resolve(call.query.get("sha") or call.git.default_branch)
    if tip is None:
        if call.query.get("sha"):
            raise not_found()
        raise conflict("Git Repository is empty.")
    options = [f"--{name}={call.query[name]}" for name in ("since", "until") if call.query.get(name)]
    if call.query.get("author"):
        options.append(f"--author={call.query['author']}")
    shas = History(call.git).log(tip, path=call.query.get("path"), options=options)
    page = call.page()
    commits = Objects(call.git).commits(shas[page.offset : page.offset + page.size])
    return call.listed([shapes.commit(call.store, call.urls, one) for one in commits], len(shas))


def get_commit(call: Call) -> Answer:
    """One commit with its files; as diff, patch or bare sha when the client accepts that."""
    sha = call.git.resolve(call.params["ref"])
    if sha is None:
        raise unprocessable(f"No commit found for SHA: {call.params['ref']}")
    if "sha" in call.accept and "vnd.github" in call.accept:
        return Answer(200, headers={"Content-Type": "application/vnd.github.sha; charset=utf-8"}, raw=sha.encode())
    commit = Objects(call.git).commit(sha)
    parent = commit.parents[0] if commit.parents else EMPTY_TREE
    history = History(call.git)
    if "diff" in call.accept:
        return Answer(200, headers={"Content-Type": "application/vnd.github.diff"}, raw=history.patch_text(parent, sha))
    files = history.diff(parent, sha)
    plus, minus = sum(f.additions for f in files), sum(f.deletions for f in files)
    body = shapes.commit(call.store, call.urls, commit) | {
        "stats": {"total": plus + minus, "additions": plus, "deletions": minus},
        "files": [shapes.file_change(call.urls, one, sha) for one in files[:MAX_FILES]],
    }
    return Answer(200, body)


def compare(call: Call) -> Answer:
    """base...head (from the common ancestor, as GitHub); `o:branch` is read as the branch."""
    base_name, dots, head_name = call.params["basehead"].partition("...")
    names = [name.rpartition(":")[2] for name in (base_name, head_name)]
    base, head = (call.git.resolve(name) for name in names)
    if not dots or base is None or head is None:
        raise not_found()
    history = History(call.git)
    merge_base = history.merge_base(base, head)
    if merge_base is None:
        raise Refused(404, f"No common ancestor between {base_name} and {head_name}.")
    if "diff" in call.accept:
        return Answer(
            200, headers={"Content-Type": "application/vnd.github.diff"}, raw=history.patch_text(merge_base, head)
        )
    ahead, behind = history.count(head, f"^{base}"), history.count(base, f"^{head}")
    if base == head:
        status = "identical"
    elif ahead and behind:
        status = "diverged"
    else:
        status = "ahead" if ahead else "behind"
    objects = Objects(call.git)
    commits = history.commits(head, f"^{base}", options=["--reverse", "--topo-order"])[:MAX_COMMITS]
    at, page = f"{call.urls.repo_api}/compare/", f"{call.urls.repo_html}/compare/"
    spec = f"{quoted(base_name)}...{quoted(head_name)}"
    body = {
        "url": at + spec,
        "html_url": page + spec,
        "permalink_url": f"{page}{base}...{head}",
        "diff_url": f"{page}{spec}.diff",
        "patch_url": f"{page}{spec}.patch",
        "base_commit": shapes.commit(call.store, call.urls, objects.commit(base)),
        "merge_base_commit": shapes.commit(call.store, call.urls, objects.commit(merge_base)),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [shapes.commit(call.store, call.urls, one) for one in commits],
        "files": [shapes.file_change(call.urls, one, head) for one in history.diff(merge_base, head)[:MAX_FILES]],
    }
    return Answer(200, body)


def list_branches(call: Call) -> Answer:
    return call.sliced(call.git.refs("refs/heads/"), lambda ref: _short(call, ref))


def _short(call: Call, ref: Ref) -> dict[str, Any]:
    commit = {"sha": ref.sha, "url": f"{call.urls.repo_api}/commits/{ref.sha}"}
    return {"name": ref.name.removeprefix("refs/heads/"), "commit": commit, "protected": False}


def get_branch(call: Call) -> Answer:
    name = call.params["branch"]
    ref = call.git.ref(f"refs/heads/{name}")
    if ref is None:
        raise not_found("Branch not found")
    at = f"{call.urls.repo_api}/branches/{quoted(name)}"
    commit = shapes.commit(call.store, call.urls, Objects(call.git).commit(ref.sha))
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    body = {
        "name": name,
        "commit": commit,
        "_links": {"self": at, "html": f"{call.urls.repo_html}/tree/{quoted(name)}"},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{at}/protection",
    }
    return Answer(200, body)


def list_tags(call: Call) -> Answer:
    def shape(ref: Ref) -> dict[str, Any]:
        name = ref.name.removeprefix("refs/tags/")
        sha = call.git.resolve(ref.name) or ref.sha
        return {
            "name": name,
            "node_id": node_id("Ref", ref.name),
            "commit": {"sha": sha, "url": f"{call.urls.repo_api}/commits/{sha}"},
            "zipball_url": f"{call.urls.repo_api}/zipball/{ref.name}",
            "tarball_url": f"{call.urls.repo_api}/tarball/{ref.name}",
        }

    return call.sliced(call.git.refs("refs/tags/"), shape)


ROUTES: tuple[Route, ...] = (
    repo("GET", "/commits", list_commits, live=True),
    repo("GET", "/compare/{basehead:path}", compare, live=True),
    repo("GET", "/branches", list_branches, live=True),
    repo("GET", "/branches/{branch:path}", get_branch, live=True),
    repo("GET", "/tags", list_tags, live=True),
)
LAST: tuple[Route, ...] = (repo("GET", "/commits/{ref:path}", get_commit, live=True),)
"""After /commits/{ref}/status and the like, because {ref} takes everything."""
