"""Git's own objects: commits, trees, blobs, tags."""

import base64
import binascii
import re
from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.objects import Objects, Person, this_moment
from embedded.forge.git.repository import SHA, GitError
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, invalid, not_found, unprocessable
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import git as shapes
from embedded.forge.rest.shapes.basic import node_id

MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
MAX_TEXT = 40_000_000
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")


def signer(call: Call, name: str) -> Person:
    """Author or committer from the body; the asker, now, where it says nothing."""
    me = this_moment(call.login, shapes.email(call.login))
    given = call.data().get(name)
    if given is None:
        return me
    if not isinstance(given, dict) or not isinstance(given.get("name"), str) or not isinstance(given.get("email"), str):
        raise invalid("Commit", name)
    date = given.get("date") or me.date
    if not isinstance(date, str) or not _DATE.fullmatch(date):
        raise invalid("Commit", "date")
    return Person(given["name"], given["email"], date)


def create_blob(call: Call) -> Answer:
    call.need(Role.WRITE)
    text = call.data().get("content")
    if not isinstance(text, str):
        raise invalid("Blob", "content", "missing_field")
    content = decoded(text) if call.data().get("encoding") == "base64" else text.encode("utf-8", "surrogatepass")
    sha = Objects(call.git).write_blob(content)
    url = f"{call.urls.repo_api}/git/blobs/{sha}"
    return Answer(201, {"url": url, "sha": sha}, {"Location": url})


def decoded(text: str) -> bytes:
    """Base64 (line breaks allowed); 422 otherwise."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise unprocessable("content is not valid Base64") from None


def get_blob(call: Call) -> Answer:
    sha = _sha(call, "blob")
    content = Objects(call.git).blob(sha)
    if "raw" in call.accept:
        return Answer(200, headers={"Content-Type": "application/vnd.github.raw"}, raw=content)
    body = {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": f"{call.urls.repo_api}/git/blobs/{sha}",
        "content": shapes.encoded(content),
        "encoding": "base64",
    }
    return Answer(200, body)


def create_tree(call: Call) -> Answer:
    call.need(Role.WRITE)
    given = call.data().get("tree")
    if not isinstance(given, list):
        raise invalid("Tree", "tree", "missing_field")
    objects = Objects(call.git)
    base = call.optional_text("Tree", "base_tree")
    if base is not None:
        base = call.git.resolve(base, "tree")
        if base is None:
            raise not_found()
    try:
        sha = objects.write_tree(base, [_tree_entry(call, objects, one) for one in given])
        entries = objects.tree(sha)
    except GitError as error:
        raise unprocessable(f"tree could not be written: {error}") from error
    body = shapes.tree(call.urls, sha, entries)
    return Answer(201, body, {"Location": body["url"]})


def _tree_entry(call: Call, objects: Objects, one: Any) -> tuple[str, str, str | None]:
    if not isinstance(one, dict) or not isinstance(one.get("path"), str) or one.get("mode") not in MODES:
        raise unprocessable("Must supply a valid tree.mode and tree.path")
    path, mode = sound_path(one["path"]), str(one["mode"])
    if one.get("content") is not None:
        return path, mode, objects.write_blob(str(one["content"]).encode())
    if "sha" not in one:
        raise unprocessable("Must supply either tree.sha or tree.content")
    if one["sha"] is None:
        return path, mode, None
    if call.git.kind_of(str(one["sha"])) != MODES[mode] and mode != "160000":
        raise unprocessable(f"tree.sha {one['sha']} is not a valid {MODES[mode]}")
    return path, mode, str(one["sha"])


def sound_path(path: str) -> str:
    """A path inside the repository; 422 for one that leads out of it or into .git."""
    parts = path.strip("/").split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or "\0" in path or "\n" in path:
        raise unprocessable("path contains a malformed path component")
    return "/".join(parts)


def get_tree(call: Call) -> Answer:
    sha = call.git.resolve(call.params["sha"], "tree")
    if sha is None:
        raise not_found()
    recursive = "recursive" in call.query
    return Answer(200, shapes.tree(call.urls, sha, Objects(call.git).tree(sha, recursive=recursive)))


def create_commit(call: Call) -> Answer:
    call.need(Role.WRITE)
    message = call.text("Commit", "message", MAX_TEXT)
    tree = call.text("Commit", "tree")
    if call.git.kind_of(tree) != "tree":
        raise unprocessable("Tree SHA does not exist")
    parents = call.data().get("parents") or []
    if not isinstance(parents, list) or any(call.git.kind_of(str(parent)) != "commit" for parent in parents):
        raise unprocessable("Parent SHA does not exist or is not a commit object")
    author = signer(call, "author")
    committer = signer(call, "committer") if call.data().get("committer") else author
    objects = Objects(call.git)
    sha = objects.write_commit(tree, [str(parent) for parent in parents], message, author, committer)
    body = shapes.git_commit(call.urls, objects.commit(sha))
    return Answer(201, body, {"Location": body["url"]})


def get_commit(call: Call) -> Answer:
    return Answer(200, shapes.git_commit(call.urls, Objects(call.git).commit(_sha(call, "commit"))))


def create_tag(call: Call) -> Answer:
    """Only the tag object; a reference to it is made with POST /git/refs."""
    call.need(Role.WRITE)
    name = call.text("Tag", "tag")
    target, kind = call.text("Tag", "object"), call.text("Tag", "type")
    if call.git.kind_of(target) != kind:
        raise unprocessable("Object does not exist")
    if not call.git.sound(f"refs/tags/{name}"):
        raise invalid("Tag", "tag")
    message = call.text("Tag", "message", MAX_TEXT)
    sha = Objects(call.git).write_tag(name, target, kind, message, signer(call, "tagger"))
    body = _tag(call, sha)
    return Answer(201, body, {"Location": body["url"]})


def get_tag(call: Call) -> Answer:
    return Answer(200, _tag(call, _sha(call, "tag")))


def _tag(call: Call, sha: str) -> dict[str, Any]:
    tag = Objects(call.git).tag(sha)
    target = f"{call.urls.repo_api}/git/{tag.object_type}s/{tag.object_sha}"
    return {
        "node_id": node_id("Tag", sha),
        "tag": tag.tag,
        "sha": sha,
        "url": f"{call.urls.repo_api}/git/tags/{sha}",
        "message": tag.message,
        "tagger": shapes.signature(tag.tagger),
        "object": {"sha": tag.object_sha, "type": tag.object_type, "url": target},
        "verification": shapes.UNSIGNED,
    }


def _sha(call: Call, kind: str) -> str:
    sha = call.params["sha"]
    if not SHA.fullmatch(sha):
        raise Refused(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    if call.git.kind_of(sha) != kind:
        raise not_found()
    return sha


ROUTES: tuple[Route, ...] = (
    repo("POST", "/git/blobs", create_blob),
    repo("GET", "/git/blobs/{sha}", get_blob, live=True),
    repo("POST", "/git/trees", create_tree),
    repo("GET", "/git/trees/{sha:path}", get_tree, live=True),
    repo("POST", "/git/commits", create_commit),
    repo("GET", "/git/commits/{sha}", get_commit, live=True),
    repo("POST", "/git/tags", create_tag),
    repo("GET", "/git/tags/{sha}", get_tag, live=True),
)
