"""No request, however odd, makes the forge fail; and two of everything at once is fine."""

import itertools
import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from embedded.forge.rest.routes import ROUTES
from tests.forge.conftest import REPO, Running

ODD_PIECES = [
    "1",
    "main",
    "0" * 40,
    "999999999999999999999",
    "..",
    "-x",
    "a%00b",
    "%C3%BC%20x",
    "refs%2Fheads%2Fmain",
    "'",
    "*",
]
ODD_VALUES: list[Any] = [
    None,
    "",
    "x",
    "main",
    "\0",
    "\ud800",
    -1,
    0,
    True,
    [],
    {},
    ["bug"],
    [None],
    {"name": 1},
    "0" * 40,
]
FIELDS = [
    "title",
    "body",
    "labels",
    "assignees",
    "state",
    "state_reason",
    "name",
    "color",
    "description",
    "new_name",
    "content",
    "ref",
    "sha",
    "force",
    "message",
    "branch",
    "tree",
    "base_tree",
    "parents",
    "author",
    "committer",
    "tag",
    "object",
    "type",
    "head",
    "base",
    "draft",
    "commit_title",
    "merge_method",
    "event",
    "comments",
    "reviewers",
    "context",
    "target_url",
    "head_sha",
    "status",
    "conclusion",
    "output",
    "config",
    "events",
    "active",
    "event_type",
    "client_payload",
    "inputs",
    "permission",
]


def odd_requests(number: int) -> list[tuple[str, str, Any]]:
    """The same odd requests every time."""
    dice = random.Random(7)
    found = []
    for route, _ in itertools.product(ROUTES, range(number)):
        path = route.pattern.replace("/repos/{owner}/{repo}", f"/repos/{REPO}", 1)
        path = re.sub(r"\{[^}]+\}", lambda _: dice.choice(ODD_PIECES), path)
        query = dice.choice(
            [
                "",
                "?page=0&per_page=x",
                "?state=y&since=z",
                "?labels=,&sort=&sha=&ref=%00",
                "?q=%22",
                "?page=99999999999",
            ]
        )
        body: Any = {name: dice.choice(ODD_VALUES) for name in dice.sample(FIELDS, 12)}
        if dice.random() < 0.2:
            body = dice.choice(ODD_VALUES)
        found.append((route.method, path + query, body))
    return found


def test_no_odd_request_ends_in_a_500(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    forge.recorder.exchanges.clear()
    failed = []
    for method, path, body in odd_requests(4):
        answer = fleet.request(method, forge.api + path, json=body)
        if answer.status_code >= 500:
            failed.append((method, path, body, answer.status_code))
    forge.recorder.exchanges.clear()
    assert failed == []


def test_concurrent_writers_of_every_kind_leave_a_consistent_store(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    heard: list[int] = []
    forge.world.store.subscribe(lambda change: heard.append(change.seq))

    def act(number: int) -> int:
        session = forge.session()
        match number % 5:
            case 0:
                return session.post(f"{forge.repo}/issues", json={"title": str(number)}).status_code
            case 1:
                return session.post(f"{forge.repo}/issues/1/labels", json=[f"l{number}"]).status_code
            case 2:
                return session.post(f"{forge.repo}/issues/1/comments", json={"body": "b"}).status_code
            case 3:
                body = {"message": "m", "content": "eA=="}
                return session.put(f"{forge.repo}/contents/f{number}", json=body).status_code
        return session.get(f"{forge.repo}/issues?state=all").status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = set(pool.map(act, range(60)))
    assert statuses <= {200, 201, 409}
    assert heard == sorted(heard) == list(range(heard[0], heard[0] + len(heard)))
    numbers = [
        issue["number"] for issue in fleet.get(f"{forge.repo}/issues?state=all&per_page=100&direction=asc").json()
    ]
    assert numbers == list(range(1, 14))
    assert len(fleet.get(f"{forge.repo}/issues/1").json()["labels"]) == 12
