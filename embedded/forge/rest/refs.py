"""Git references. Creating one is the only atomic create-if-absent that GitHub offers."""

from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.git.repository import SHA, Ref, RefExists, RefMoved
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import forbidden, not_found, unprocessable
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes.basic import node_id
from embedded.forge.rest.urls import Urls


def shape(urls: Urls, ref: Ref) -> dict[str, Any]:
    """A git-ref; its own url uses the plural `refs`, as GitHub's does."""
    return {
        "ref": ref.name,
        "node_id": node_id("Ref", ref.name),
        "url": f"{urls.repo_api}/git/{ref.name}",
        "object": {"sha": ref.sha, "type": ref.type, "url": f"{urls.repo_api}/git/{ref.type}s/{ref.sha}"},
    }


def get_ref(call: Call) -> Answer:
    return Answer(200, shape(call.urls, _ref(call)))


def matching(call: Call) -> Answer:
    """References whose name starts like this; an empty list when there is none."""
    return call.sliced(call.git.refs("refs/" + call.params.get("ref", "")), lambda ref: shape(call.urls, ref))


def create_ref(call: Call) -> Answer:
    call.need(Role.WRITE)
    name = call.text("Reference", "ref")
    sha = call.text("Reference", "sha")
    if not call.git.sound(name):
        raise unprocessable(f"{name} is not a valid ref name.")
    if not SHA.fullmatch(sha):
        raise unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    kind = call.git.kind_of(sha)
    if kind is None or (name.startswith("refs/heads/") and kind != "commit"):
        raise unprocessable("Object does not exist")
    try:
        call.git.create_ref(name, sha)
    except RefExists as error:
        there = call.git.ref(name) is not None
        raise unprocessable("Reference already exists" if there else "Reference update failed") from error
    body = shape(call.urls, Ref(name, sha, kind))
    return Answer(201, body, {"Location": body["url"]})


def update_ref(call: Call) -> Answer:
    """Moves forward only, unless `force`; loses against a concurrent move."""
    call.need(Role.WRITE)
    ref = _ref(call, missing="Reference does not exist")
    sha = call.text("Reference", "sha")
    kind = call.git.kind_of(sha)
    if kind is None:
        raise unprocessable("Object does not exist")
    if call.data().get("force") is not True and not call.git.is_ancestor(ref.sha, sha):
        raise unprocessable("Update is not a fast forward")
    try:
        call.git.update_ref(ref.name, sha, ref.sha)
    except RefMoved as error:
        raise unprocessable("Reference cannot be updated") from error
    return Answer(200, shape(call.urls, Ref(ref.name, sha, kind)))


def delete_ref(call: Call) -> Answer:
    call.need(Role.WRITE)
    ref = _ref(call, missing="Reference does not exist")
    if ref.name == f"refs/heads/{call.git.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    if ref.name.startswith("refs/pull/"):
        raise forbidden()
    call.git.delete_ref(ref.name)
    return Answer(204)


def _ref(call: Call, missing: str | None = None) -> Ref:
    ref = call.git.ref("refs/" + call.params["ref"])
    if ref is None:
        raise unprocessable(missing) if missing else not_found()
    return ref


ROUTES: tuple[Route, ...] = (
    repo("GET", "/git/ref/{ref:path}", get_ref, live=True),
    repo("GET", "/git/matching-refs", matching, live=True),
    repo("GET", "/git/matching-refs/{ref:path}", matching, live=True),
    repo("POST", "/git/refs", create_ref),
    repo("PATCH", "/git/refs/{ref:path}", update_ref),
    repo("DELETE", "/git/refs/{ref:path}", delete_ref),
)
