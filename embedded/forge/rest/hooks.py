"""Webhooks: make, change, look at deliveries, deliver again. And dispatches."""

import uuid
from dataclasses import replace
from typing import Any

from embedded.forge.accounts import Role
from embedded.forge.courier import Parcel
from embedded.forge.git.objects import Objects
from embedded.forge.rest.call import Answer, Call
from embedded.forge.rest.errors import Refused, invalid, not_found, unprocessable
from embedded.forge.rest.router import Route, repo
from embedded.forge.rows import Delivery, Hook
from embedded.forge.store import REPOSITORY_ID


def _shape(call: Call, row: Hook) -> dict[str, Any]:
    at = f"{call.urls.repo_api}/hooks/{row.id}"
    config = {"url": row.url, "content_type": row.content_type, "insecure_ssl": "0"}
    last = call.store.hooks.deliveries(row.id)[:1]
    response: dict[str, Any] = {"code": None, "status": "unused", "message": None}
    if last:
        good = 200 <= last[0].status_code < 300
        response = {"code": last[0].status_code, "status": "active" if good else "failed", "message": _word(last[0])}
    return {
        "type": "Repository",
        "id": row.id,
        "name": "web",
        "active": row.active,
        "events": list(row.events),
        "config": config | ({"secret": "********"} if row.secret else {}),
        "updated_at": row.updated_at,
        "created_at": row.created_at,
        "url": at,
        "test_url": f"{at}/test",
        "ping_url": f"{at}/pings",
        "deliveries_url": f"{at}/deliveries",
        "last_response": response,
    }


def _word(row: Delivery) -> str:
    return "OK" if 200 <= row.status_code < 300 else "timed out" if not row.status_code else "failed"


def list_hooks(call: Call) -> Answer:
    call.need(Role.ADMIN, not_found())
    return call.sliced(call.store.hooks.all(), lambda row: _shape(call, row))


def create_hook(call: Call) -> Answer:
    call.need(Role.ADMIN, not_found())
    data = call.data()
    config = data.get("config")
    if not isinstance(config, dict) or not str(config.get("url", "")).startswith(("http://", "https://")):
        raise invalid("Hook", "url", "missing_field")
    events = data.get("events") or ["push"]
    if not isinstance(events, list) or not all(isinstance(one, str) for one in events):
        raise invalid("Hook", "events")
    if config["url"] in {row.url for row in call.store.hooks.all()}:
        raise Refused(
            422,
            "Validation Failed",
            [{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}],
        )
    kind = "json" if config.get("content_type") == "json" else "form"
    active = data.get("active") is not False
    row = call.store.hooks.create(config["url"], config.get("secret"), kind, events, active=active)
    body = _shape(call, row)
    _ping(call, row)
    return Answer(201, body, {"Location": body["url"]})


def _hook(call: Call) -> Hook:
    call.need(Role.ADMIN, not_found())
    row = call.store.hooks.get(call.number("hook_id"))
    if row is None:
        raise not_found()
    return row


def get_hook(call: Call) -> Answer:
    return Answer(200, _shape(call, _hook(call)))


def edit_hook(call: Call) -> Answer:
    row = _hook(call)
    data = call.data()
    config = data.get("config") or {}
    events = set(data.get("events") or row.events) | set(data.get("add_events") or ())
    row = replace(
        row,
        url=config.get("url", row.url),
        secret=config.get("secret", row.secret),
        content_type=config.get("content_type", row.content_type),
        events=tuple(sorted(events - set(data.get("remove_events") or ()))),
        active=data.get("active", row.active) is not False,
    )
    return Answer(200, _shape(call, call.store.hooks.edit(row)))


def delete_hook(call: Call) -> Answer:
    call.store.hooks.delete(_hook(call).id)
    return Answer(204)


def ping(call: Call) -> Answer:
    _ping(call, _hook(call))
    return Answer(204)


def _ping(call: Call, row: Hook) -> None:
    payload = call.told({"zen": "Keep it logically awesome.", "hook_id": row.id, "hook": _shape(call, row)})
    call.courier.put(Parcel(row, "ping", payload, str(uuid.uuid4())))


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "guid": row.guid,
        "delivered_at": row.delivered_at,
        "redelivery": row.redelivery,
        "duration": row.duration_s,
        "status": _word(row),
        "status_code": row.status_code,
        "event": row.event,
        "action": row.action,
        "installation_id": None,
        "repository_id": REPOSITORY_ID,
    }


def list_deliveries(call: Call) -> Answer:
    """Newest first, without what was sent."""
    return call.sliced(call.store.hooks.deliveries(_hook(call).id), _delivery)


def _the_delivery(call: Call) -> Delivery:
    key = call.number("delivery_id")
    row = next((one for one in call.store.hooks.deliveries(_hook(call).id) if one.id == key), None)
    if row is None:
        raise not_found()
    return row


def get_delivery(call: Call) -> Answer:
    row = _the_delivery(call)
    sent = {"headers": row.request["headers"], "payload": row.request["payload"]}
    return Answer(200, _delivery(row) | {"request": sent, "response": {"headers": None, "payload": None}})


def redeliver(call: Call) -> Answer:
    """Send it again with the same X-GitHub-Delivery."""
    row = _the_delivery(call)
    call.courier.put(Parcel(_hook(call), row.event, dict(row.request["payload"]), row.guid, redelivery=True))
    return Answer(202, {})


def repository_dispatch(call: Call) -> Answer:
    call.need(Role.WRITE)
    event = call.text("RepositoryDispatch", "event_type", 100)
    payload = call.data().get("client_payload") or {}
    if not isinstance(payload, dict) or len(payload) > 10:
        raise unprocessable("No more than 10 properties are allowed; in client_payload")
    call.store.hooks.dispatch("repository", event, None, payload, call.login)
    call.emit("repository_dispatch", {"action": event, "branch": call.git.default_branch, "client_payload": payload})
    return Answer(204)


def workflow_dispatch(call: Call) -> Answer:
    """Noted and told to webhooks; nothing is run here. The workflow file must be in the repository."""
    call.need(Role.WRITE)
    ref = call.text("WorkflowDispatch", "ref")
    inputs = call.data().get("inputs") or {}
    name = call.params["workflow"]
    commit = call.git.resolve(ref)
    if commit is None:
        raise unprocessable(f"No ref found for: {ref}")
    path = f".github/workflows/{name}"
    if name.isdecimal() or Objects(call.git).entry(commit, path) is None:
        raise not_found()
    call.store.hooks.dispatch("workflow", name, ref, inputs, call.login)
    call.emit("workflow_dispatch", {"inputs": inputs, "ref": ref, "workflow": path})
    return Answer(204)


ROUTES: tuple[Route, ...] = (
    repo("GET", "/hooks", list_hooks),
    repo("POST", "/hooks", create_hook),
    repo("GET", "/hooks/{hook_id}", get_hook, live=True),
    repo("PATCH", "/hooks/{hook_id}", edit_hook),
    repo("DELETE", "/hooks/{hook_id}", delete_hook),
    repo("POST", "/hooks/{hook_id}/pings", ping),
    repo("POST", "/hooks/{hook_id}/tests", ping),
    repo("GET", "/hooks/{hook_id}/deliveries", list_deliveries, live=True),
    repo("GET", "/hooks/{hook_id}/deliveries/{delivery_id}", get_delivery, live=True),
    repo("POST", "/hooks/{hook_id}/deliveries/{delivery_id}/attempts", redeliver),
    repo("POST", "/dispatches", repository_dispatch),
    repo("POST", "/actions/workflows/{workflow}/dispatches", workflow_dispatch),
)
