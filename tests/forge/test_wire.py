"""What stands in the headers and bodies: ETags, links, limits, refusals, roles."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.forge.conftest import FLEET, OPERATOR, OUTSIDER, REPO, TRIAGER, Running


def test_an_unchanged_list_is_answered_304_and_costs_nothing(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    first = fleet.get(f"{forge.repo}/issues?state=all")
    used = int(first.headers["X-RateLimit-Used"])
    assert first.headers["ETag"].startswith('W/"')
    again = fleet.get(f"{forge.repo}/issues?state=all", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert int(again.headers["X-RateLimit-Used"]) == used
    third = fleet.get(f"{forge.repo}/issues?state=all", headers={"If-None-Match": first.headers["ETag"]})
    assert int(third.headers["X-RateLimit-Used"]) == used
    fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "b"})
    changed = fleet.get(f"{forge.repo}/issues?state=all", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json()[0]["comments"] == 1


def test_an_etag_belongs_to_one_token(forge: Running) -> None:
    etag = forge.session(FLEET).get(f"{forge.repo}/labels").headers["ETag"]
    assert forge.session(OPERATOR).get(f"{forge.repo}/labels", headers={"If-None-Match": etag}).status_code == 200


def test_a_change_elsewhere_does_not_change_the_etag_of_an_equal_answer(forge: Running) -> None:
    fleet = forge.session()
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    etag = fleet.get(f"{forge.repo}/issues/1/comments").headers["ETag"]
    fleet.post(f"{forge.repo}/issues", json={"title": "b"})
    assert fleet.get(f"{forge.repo}/issues/1/comments", headers={"If-None-Match": etag}).status_code == 304


def test_page_links_use_the_repositorys_number_and_can_be_followed(forge: Running) -> None:
    fleet = forge.session()
    for number in range(5):
        fleet.post(f"{forge.repo}/issues", json={"title": f"i{number}"})
    first = fleet.get(f"{forge.repo}/issues?per_page=2&direction=asc")
    assert set(first.links) == {"next", "last"}
    assert first.links["next"]["url"].startswith(f"{forge.api}/repositories/1296269/issues?")
    middle = fleet.get(first.links["next"]["url"])
    assert set(middle.links) == {"prev", "next", "last", "first"}
    assert [issue["number"] for issue in middle.json()] == [3, 4]
    last = fleet.get(first.links["last"]["url"])
    assert set(last.links) == {"prev", "first"}
    assert "Link" not in fleet.get(f"{forge.repo}/issues").headers


def test_addresses_in_answers_repeat_how_the_client_asked(forge: Running) -> None:
    fleet = forge.session()
    plain = fleet.get(f"{forge.url}/repos/{REPO}").json()
    named = fleet.get(f"{forge.repo}".replace("127.0.0.1", "localhost")).json()
    assert plain["url"] == f"{forge.url}/repos/{REPO}"
    assert named["issues_url"] == forge.repo.replace("127.0.0.1", "localhost") + "/issues{/number}"


def test_links_to_pages_name_the_address_people_use_and_links_of_the_api_the_one_the_client_used(
    forge: Running,
) -> None:
    fleet, people = forge.session(), "http://forge.example:3000"
    forge.world.people = people
    made = fleet.post(f"{forge.repo}/issues", json={"title": "a"}).json()
    said = fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "b"}).json()
    assert (made["url"], made["html_url"]) == (f"{forge.repo}/issues/1", f"{people}/{REPO}/issues/1")
    assert said["html_url"] == f"{people}/{REPO}/issues/1#issuecomment-{said['id']}"
    assert said["url"].startswith(forge.repo)
    assert made["user"]["html_url"] == f"{people}/sre-fleet"
    listed = fleet.get(f"{forge.repo}/issues?per_page=1")
    assert listed.json()[0]["html_url"] == made["html_url"]


def test_creation_tells_where(forge: Running) -> None:
    made = forge.session().post(f"{forge.repo}/issues", json={"title": "a"})
    assert made.headers["Location"] == f"{forge.repo}/issues/1"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/issues", {}, 422, "Validation Failed"),
        ("POST", "/issues", {"title": "half \ud800 a pair"}, 400, "Problems parsing JSON"),
        ("POST", "/issues", {"title": "x" * 257}, 422, "Validation Failed"),
        ("POST", "/issues", {"title": "a", "body": "x" * 65_537}, 422, "Validation Failed"),
        ("POST", "/issues/1/comments", {"body": "x" * 65_537}, 422, "Validation Failed"),
        ("POST", "/issues/1/comments", {"body": " "}, 422, "Validation Failed"),
        ("POST", "/issues/9/comments", {"body": "a"}, 404, "Not Found"),
        ("PATCH", "/issues/1", {"state": "ajar"}, 422, "Validation Failed"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("GET", "/git/ref/heads/absent", None, 404, "Not Found"),
        ("POST", "/git/refs", {"ref": "heads/x", "sha": "0" * 40}, 422, "heads/x is not a valid ref name."),
        ("POST", "/git/refs", {"ref": "refs/heads/x", "sha": "1" * 40}, 422, "Object does not exist"),
        ("POST", "/labels", {"name": "bug"}, 422, "Validation Failed"),
        ("PUT", "/contents/../x", {"message": "a", "content": ""}, 404, "Not Found"),
        ("PUT", "/contents/a%2F..%2Fb", {"message": "a", "content": ""}, 422, None),
        ("POST", "/pulls", {"title": "a", "head": "absent", "base": "main"}, 422, "Validation Failed"),
    ],
)
def test_refusals_have_githubs_shape(
    calm: Running, method: str, path: str, body: object, status: int, message: str | None
) -> None:
    answer = calm.session().request(method, calm.repo + path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == str(status)
    if message is not None:
        assert answer.json()["message"] == message


@pytest.mark.parametrize(
    ("since", "found"),
    [("2020-01-01T00:00:00Z", 1), ("2020-01-01T02:00:00+02:00", 1), ("2099-01-01T00:00:00.5Z", 0), ("2099-01-01", 0)],
)
def test_since_is_understood_in_every_iso_form(calm: Running, since: str, found: int) -> None:
    answer = calm.session().get(f"{calm.repo}/issues/comments", params={"since": since})
    assert len(answer.json()) == found
    assert calm.session().get(f"{calm.repo}/issues", params={"since": "yesterday"}).status_code == 422


def test_a_whole_surrogate_pair_is_a_character(forge: Running) -> None:
    body = '{"title": "\\ud83d\\ude80"}'
    made = forge.session().post(f"{forge.repo}/issues", data=body)
    assert made.json()["title"] == "\U0001f680"


def test_broken_json_is_a_400(forge: Running) -> None:
    answer = forge.session().post(f"{forge.repo}/issues", data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_a_wrong_token_is_401_even_for_reading_and_none_may_only_read(forge: Running) -> None:
    wrong = forge.session("wrong").get(f"{forge.repo}/issues")
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    nobody = forge.session(None)
    assert nobody.get(f"{forge.repo}/issues").status_code == 200
    assert nobody.post(f"{forge.repo}/issues", json={"title": "a"}).status_code == 401
    assert nobody.get(f"{forge.api}/user").status_code == 401


def test_an_outsider_opens_and_comments_but_labels_are_dropped(forge: Running) -> None:
    outsider = forge.session(OUTSIDER)
    made = outsider.post(f"{forge.repo}/issues", json={"title": "a", "labels": ["bug"], "assignees": ["alice"]})
    assert made.status_code == 201
    assert (made.json()["labels"], made.json()["assignees"]) == ([], [])
    assert made.json()["author_association"] == "NONE"
    assert outsider.post(f"{forge.repo}/issues/1/comments", json={"body": "b"}).status_code == 201
    assert outsider.patch(f"{forge.repo}/issues/1", json={"state": "closed"}).status_code == 200


FORBIDDEN_TO_READERS = [
    ("POST", "/issues/1/labels", ["bug"]),
    ("DELETE", "/issues/1/labels/bug", None),
    ("PATCH", "/issues/1", {"state": "closed"}),
    ("PATCH", "/issues/1", {"title": "mine"}),
    ("POST", "/issues/1/assignees", {"assignees": ["alice"]}),
    ("PUT", "/issues/1/lock", None),
    ("PATCH", "/issues/comments/1", {"body": "mine"}),
    ("DELETE", "/issues/comments/1", None),
    ("POST", "/labels", {"name": "x"}),
    ("POST", "/git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}),
    ("PUT", "/contents/x", {"message": "m", "content": ""}),
    ("POST", "/statuses/main", {"state": "success"}),
    ("POST", "/dispatches", {"event_type": "x"}),
    ("PUT", "/collaborators/mallory", {"permission": "admin"}),
]


@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN_TO_READERS)
def test_a_reader_changes_nothing_of_others(calm: Running, method: str, path: str, body: object) -> None:
    seq = calm.world.store.seq
    answer = calm.session(OUTSIDER).request(method, calm.repo + path, json=body)
    assert answer.status_code == 403
    assert calm.world.store.seq == seq


def test_triage_labels_and_closes_but_does_not_edit_others_words(forge: Running) -> None:
    fleet, tom = forge.session(), forge.session(TRIAGER)
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    fleet.post(f"{forge.repo}/issues/1/comments", json={"body": "b"})
    assert tom.post(f"{forge.repo}/issues/1/labels", json=["bug"]).status_code == 200
    assert tom.patch(f"{forge.repo}/issues/1", json={"state": "closed"}).status_code == 200
    assert tom.patch(f"{forge.repo}/issues/comments/1", json={"body": "c"}).status_code == 403
    edited = forge.session(OPERATOR).patch(f"{forge.repo}/issues/comments/1", json={"body": "c"}).json()
    assert (edited["body"], edited["user"]["login"]) == ("c", "sre-fleet")


def test_a_role_taken_away_counts_at_once(forge: Running) -> None:
    fleet, alice = forge.session(), forge.session(OPERATOR)
    fleet.post(f"{forge.repo}/issues", json={"title": "a"})
    assert alice.post(f"{forge.repo}/issues/1/labels", json=["bug"]).status_code == 200
    assert fleet.put(f"{forge.repo}/collaborators/alice", json={"permission": "pull"}).status_code == 204
    assert alice.post(f"{forge.repo}/issues/1/labels", json=["question"]).status_code == 403


def test_of_64_concurrent_creators_of_one_reference_exactly_one_wins(forge: Running) -> None:
    sha = forge.session().get(f"{forge.repo}/git/ref/heads/main").json()["object"]["sha"]
    start = threading.Barrier(64)
    url = f"{forge.repo}/git/refs"

    def claim(_: int) -> int:
        start.wait()
        body = {"ref": "refs/heads/sre/claim/1", "sha": sha}
        return requests.post(url, json=body, headers={"Authorization": f"Bearer {FLEET}"}, timeout=30).status_code

    with ThreadPoolExecutor(64) as pool:
        statuses = Counter(pool.map(claim, range(64)))
    assert statuses == {201: 1, 422: 63}


def test_comment_ids_grow_in_the_order_of_commitment(forge: Running) -> None:
    forge.session().post(f"{forge.repo}/issues", json={"title": "a"})

    def comment(number: int) -> int:
        session = forge.session()
        return int(session.post(f"{forge.repo}/issues/1/comments", json={"body": str(number)}).json()["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(comment, range(40)))
    listed = forge.session().get(f"{forge.repo}/issues/1/comments?per_page=100").json()
    assert [one["id"] for one in listed] == sorted(ids)
    assert forge.session().get(f"{forge.repo}/issues/1").json()["comments"] == 40


def test_the_primary_limit_refuses_and_says_when_to_come_back(forge: Running) -> None:
    forge.misbehave(rate_limit=3)
    outsider = forge.session(OUTSIDER)
    answers = [outsider.get(f"{forge.repo}/labels") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
    assert answers[-1].headers["X-RateLimit-Remaining"] == "0"
    assert "API rate limit exceeded" in answers[-1].json()["message"]
    limit = outsider.get(f"{forge.api}/rate_limit").json()
    assert limit["resources"]["core"]["remaining"] == 0


def test_the_secondary_limit_counts_new_content(forge: Running) -> None:
    forge.misbehave(secondary_limits={"content_per_minute": 2})
    fleet = forge.session()
    answers = [fleet.post(f"{forge.repo}/issues", json={"title": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 403]
    assert answers[-1].headers["Retry-After"] == "60"
    assert "secondary rate limit" in answers[-1].json()["message"]
