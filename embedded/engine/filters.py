"""The `filters` query parameter of lists and events: parsed once, refused when unknown, matched as dockerd does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from embedded.engine.container import Container
from embedded.engine.errors import ApiError

Filters = dict[str, list[str]]
CONTAINER_KEYS = frozenset({"ancestor", "exited", "health", "id", "label", "name", "status"})
EVENT_KEYS = frozenset({"container", "event", "image", "label", "scope", "type"})
STATUSES = frozenset({"created", "restarting", "running", "removing", "paused", "exited", "dead"})


def parse_filters(text: str | None, allowed: frozenset[str]) -> Filters:
    """JSON of `{key: [values]}` or the older `{key: {value: true}}`. Raises ApiError 400."""
    if not text:
        return {}
    try:
        data = json.loads(text)
        filters = {key: [str(value) for value in values] for key, values in data.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ApiError(400, f"invalid filters: {error}") from error
    for key in filters:
        if key not in allowed:
            raise ApiError(400, f"invalid filter '{key}'")
    for status in filters.get("status", ()):
        if status not in STATUSES:
            raise ApiError(400, f"invalid filter 'status={status}'")
    return filters


def container_matches(container: Container, filters: Filters) -> bool:
    """Labels must all match; of the other keys one value each."""
    spec, state = container.spec, container.state
    facts: dict[str, Callable[[str], bool]] = {
        "ancestor": lambda v: v.removesuffix(":latest") in (spec.image.removesuffix(":latest"), spec.image_id),
        "exited": lambda v: not state.running and state.finished_at > 0 and str(state.exit_code) == v,
        "health": lambda v: (state.health.status if state.health else "none") == v,
        "id": spec.id.startswith,
        "name": lambda v: _name_matches(v, spec.name),
        "status": lambda v: state.status == v,
    }
    if not _labels_match(filters.get("label", []), spec.labels):
        return False
    return all(any(facts[key](value) for value in values) for key, values in filters.items() if key != "label")


def event_matches(event: Mapping[str, Any], filters: Filters) -> bool:
    """As `docker events --filter`: `event=health_status` also matches `health_status: healthy`."""
    attributes: Mapping[str, str] = event["Actor"]["Attributes"]
    action: str = event["Action"]
    facts: dict[str, Callable[[str], bool]] = {
        "container": lambda v: event["Actor"]["ID"].startswith(v) or attributes["name"] == v.removeprefix("/"),
        "event": lambda v: v in (action, action.partition(":")[0]),
        "image": lambda v: attributes["image"].removesuffix(":latest") == v.removesuffix(":latest"),
        "scope": lambda v: event["scope"] == v,
        "type": lambda v: event["Type"] == v,
    }
    if not _labels_match(filters.get("label", []), attributes):
        return False
    return all(any(facts[key](value) for value in values) for key, values in filters.items() if key != "label")


def _labels_match(wanted: list[str], labels: Mapping[str, str]) -> bool:
    for label in wanted:
        key, separator, value = label.partition("=")
        if key not in labels or (separator and labels[key] != value):
            return False
    return True


def _name_matches(pattern: str, name: str) -> bool:
    try:
        return any(re.search(pattern, candidate) for candidate in (name, f"/{name}"))
    except re.error:
        return pattern == name
