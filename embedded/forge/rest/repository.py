"""The repository itself, its people, and the one who asks."""

from embedded.forge.accounts import BadAccounts, Role, role_named
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, forbidden, invalid, not_found
from embedded.forge.rest.router import Route, repo
from embedded.forge.rest.shapes import basic
from embedded.forge.rows import User


def me(call: Call) -> Answer:
    return Answer(200, basic.full_user(call.store, call.urls, call.login))


def somebody(call: Call) -> Answer:
    user = call.store.users.get(call.params["login"])
    if user is None:
        raise not_found()
    return Answer(200, basic.full_user(call.store, call.urls, user.login))


def get_repository(call: Call) -> Answer:
    return Answer(200, basic.repository(call.store, call.urls, call.role, call.git.default_branch))


def edit_repository(call: Call) -> Answer:
    """Only the description can be changed here."""
    call.need(Role.ADMIN)
    if "description" in call.data():
        with call.store.writing():
            call.store.set_meta("description", call.optional_text("Repository", "description") or "")
            call.store.database.changed("repository")
    return get_repository(call)


def _collaborator(call: Call, user: User) -> dict[str, object]:
    role = call.store.users.role(user.login)
    names = {
        "pull": Role.READ,
        "triage": Role.TRIAGE,
        "push": Role.WRITE,
        "maintain": Role.MAINTAIN,
        "admin": Role.ADMIN,
    }
    permissions = {name: role >= least for name, least in names.items()}
    return basic.user(call.store, call.urls, user.login) | {"permissions": permissions, "role_name": role.wire}


def list_collaborators(call: Call) -> Answer:
    call.need(Role.WRITE, forbidden("Must have push access to view repository collaborators."))
    people = [user for user in call.store.users.all() if call.store.users.role(user.login) >= Role.TRIAGE]
    return call.sliced(people, lambda user: _collaborator(call, user))


def check_collaborator(call: Call) -> Answer:
    call.need(Role.WRITE, forbidden("Must have push access to view repository collaborators."))
    if call.store.users.role(call.params["login"]) < Role.TRIAGE:
        raise not_found()
    return Answer(204)


def set_collaborator(call: Call) -> Answer:
    """Change the role of somebody known (until the accounts file is read again)."""
    call.need(Role.ADMIN)
    user = call.store.users.get(call.params["login"])
    if user is None:
        raise not_found()
    try:
        role = role_named(call.optional_text("Collaborator", "permission") or "push")
    except BadAccounts:
        raise invalid("Collaborator", "permission") from None
    call.store.users.set_role(user.login, role)
    return Answer(204)


def remove_collaborator(call: Call) -> Answer:
    call.need(Role.ADMIN)
    user = call.store.users.get(call.params["login"])
    if user is not None:
        call.store.users.set_role(user.login, Role.READ)
    return Answer(204)


def get_permission(call: Call) -> Answer:
    """`permission` is coarse (triage told as read); `role_name` is exact. The asker needs push access."""
    call.need(Role.WRITE, forbidden("Must have push access to view collaborator permission."))
    user = call.store.users.get(call.params["login"])
    if user is None:
        raise Refused(404, f"{call.params['login']} is not a user")
    role = max(Role.READ, call.store.users.role(user.login))
    who = _collaborator(call, user) | {"role_name": role.wire}
    return Answer(200, {"permission": role.permission, "user": who, "role_name": role.wire})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/user", me),
    Route("GET", "/users/{login}", somebody),
    repo("GET", "", get_repository, live=True),
    repo("PATCH", "", edit_repository),
    repo("GET", "/collaborators", list_collaborators),
    repo("GET", "/collaborators/{login}", check_collaborator),
    repo("PUT", "/collaborators/{login}", set_collaborator),
    repo("DELETE", "/collaborators/{login}", remove_collaborator),
    repo("GET", "/collaborators/{login}/permission", get_permission),
)
