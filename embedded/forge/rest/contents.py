"""Files in the repository: read, write and delete, each write one commit guarded by the blob's sha."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.objects import Objects, TreeEntry
from embedded.forge.git.repository import GitError, RefMoved
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, conflict, invalid, not_found, unprocessable
from embedded.forge.rest.git_objects import MAX_TEXT, decoded, signer, sound_path
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import git as shapes


def get_contents(call: Call) -> Answer:
    """A file with its content, or the entries of a folder."""
    ref = call.query.get("ref") or call.git.default_branch
    commit = call.git.resolve(ref)
    if commit is None:
        raise not_found(f"No commit found for the ref {ref}")
    path = call.params.get("path", "").strip("/")
    objects = Objects(call.git)
    entry = objects.entry(commit, sound_path(path) if path else "")
    if entry is None:
        raise not_found()
    if entry.type == "tree":
        inside = objects.tree(entry.sha)
        prefix = f"{path}/" if path else ""
        return Answer(200, [shapes.entry(call.urls, one, prefix + one.path, ref) for one in inside])
    content = objects.blob(entry.sha) if entry.type == "blob" else b""
    if "raw" in call.accept:
        return Answer(200, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"}, raw=content)
    body = shapes.entry(call.urls, entry, path, ref)
    return Answer(200, body | {"content": shapes.encoded(content), "encoding": "base64"})


def put_file(call: Call) -> Answer:
    """201 for a new file, 200 for a changed one; 409 when `sha` is not the blob that is there."""
    call.need(Role.WRITE)
    path = sound_path(call.params["path"])
    message = call.text("Commit", "message", MAX_TEXT)
    text = call.data().get("content")
    if not isinstance(text, str):
        raise invalid("Content", "content", "missing_field")
    branch, head, there = _guarded(call, path)
    if there is not None and call.data().get("sha") is None:
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    sha = Objects(call.git).write_blob(decoded(text))
    mode = there.mode if there else "100644"
    commit = _commit(call, branch, head, (path, mode, sha), message)
    entry = Objects(call.git).entry(commit["sha"], path)
    if entry is None:
        raise unprocessable("path could not be written")
    content = shapes.entry(call.urls, entry, path, branch)
    return Answer(200 if there else 201, {"content": content, "commit": commit})


def delete_file(call: Call) -> Answer:
    call.need(Role.WRITE)
    path = sound_path(call.params["path"])
    message = call.text("Commit", "message", MAX_TEXT)
    branch, head, there = _guarded(call, path)
    if there is None or head is None:
        raise not_found()
    if call.data().get("sha") is None:
        raise unprocessable('Invalid request.\n\n"sha" wasn\'t supplied.')
    commit = _commit(call, branch, head, (path, there.mode, None), message)
    return Answer(200, {"content": None, "commit": commit})


def _guarded(call: Call, path: str) -> tuple[str, str | None, TreeEntry | None]:
    """Branch, its head and what is at `path`; 409 when the given sha is stale, 404 for an unknown branch."""
    branch = (call.optional_text("Commit", "branch") or call.git.default_branch).removeprefix("refs/heads/")
    ref = call.git.ref(f"refs/heads/{branch}")
    if ref is None and branch != call.git.default_branch:
        raise not_found(f"Branch {branch} not found")
    there = Objects(call.git).entry(ref.sha, path) if ref else None
    if there is not None and there.type != "blob":
        raise unprocessable(f"{path} is not a file")
    given = call.optional_text("Content", "sha")
    if given is not None and (there is None or there.sha != given):
        raise conflict(f"{path} does not match {given}")
    return branch, ref.sha if ref else None, there


def _commit(
    call: Call, branch: str, head: str | None, entry: tuple[str, str, str | None], message: str
) -> dict[str, Any]:
    """Commit one entry on top of `head`; 409 when the branch moved meanwhile."""
    objects = Objects(call.git)
    author = signer(call, "author") if call.data().get("author") else signer(call, "committer")
    committer = signer(call, "committer")
    try:
        tree = objects.write_tree(head, [entry])
        sha = objects.write_commit(tree, [head] if head else [], message, author, committer)
        if head is None:
            call.git.create_ref(f"refs/heads/{branch}", sha)
        else:
            call.git.update_ref(f"refs/heads/{branch}", sha, head)
    except RefMoved as error:
        now = call.git.ref(f"refs/heads/{branch}")
        raise conflict(f"is at {now.sha if now else 'nothing'} but expected {head}") from error
    except GitError as error:
        raise Refused(422, f"the commit could not be made: {error}") from error
    return shapes.git_commit(call.urls, objects.commit(sha))


ROUTES: tuple[Route, ...] = (
    repo("GET", "/contents", get_contents, live=True),
    repo("GET", "/contents/{path:path}", get_contents, live=True),
    repo("PUT", "/contents/{path:path}", put_file),
    repo("DELETE", "/contents/{path:path}", delete_file),
)
