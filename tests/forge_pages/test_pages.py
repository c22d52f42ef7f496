"""What people see: lists, issues, pull requests, commits, and nothing that was not meant."""

import base64
from typing import Any

import pytest

from tests.forge_pages.conftest import OUTSIDER, REPO, Site, revisions

HOSTILE = "</title></main><script>alert('x')</script> & \"quoted\" <b>bold</b>"


def put(site: Site, path: str, text: bytes, branch: str, **more: str) -> Any:
    content = base64.b64encode(text).decode()
    return site.rest("PUT", f"/contents/{path}", message=f"Write {path}", content=content, branch=branch, **more)


@pytest.fixture
def pull(site: Site) -> Any:
    """Pull request 1 from branch `fix` that changes one file and adds another."""
    put(site, "a.py", b"one\ntwo\nthree\n", "main")
    tip = site.rest("GET", "/git/ref/heads/main")["object"]["sha"]
    site.rest("POST", "/git/refs", ref="refs/heads/fix", sha=tip)
    sha = site.rest("GET", "/contents/a.py?ref=fix")["sha"]
    put(site, "a.py", b"one\n<b>2</b>\nthree\n", "fix", sha=sha)
    put(site, "b.bin", bytes(range(256)), "fix")
    return site.rest("POST", "/pulls", title="Mend it", head="fix", base="main", body="Closes #9")


def test_every_page_forbids_what_it_does_not_need(site: Site, pull: Any) -> None:
    site.rest("POST", "/issues", title="a")
    for path in ("/issues", "/issues/2", "/pulls", "/pull/1", f"/commit/{pull['head']['sha']}", "/nothing"):
        answer = site.page(path)
        policy = answer.headers["Content-Security-Policy"]
        for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'"):
            assert rule in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert " style=" not in answer.text
        assert "<script>" not in answer.text


def test_the_front_door_leads_to_the_issues(site: Site) -> None:
    for path in ("/", f"/{REPO}", f"/{REPO.upper()}"):
        answer = site.session.get(site.url + path, timeout=5)
        assert answer.status_code == 200
        assert answer.url == f"{site.url}/{REPO}/issues"


def test_an_empty_list_says_what_will_appear(site: Site) -> None:
    assert "When something goes wrong, the incident appears here by itself" in site.page("/issues").text
    assert "When somebody proposes a change" in site.page("/pulls").text


def test_the_list_has_two_tabs_with_counts_and_filters_by_labels(site: Site) -> None:
    site.rest("POST", "/issues", title="first", labels=["bug"])
    site.rest("POST", "/issues", title="second", labels=["bug", "good first issue"])
    site.rest("POST", "/issues", title="third")
    site.rest("PATCH", "/issues/3", state="closed")
    everything = site.page("/issues").text
    assert 'Open <span class="count">2</span>' in everything
    assert 'Closed <span class="count">1</span>' in everything
    assert 'class="label c-d73a4a"' in everything
    filtered = revisions(site.page("/issues?labels=bug,good%20first%20issue").text)
    assert "row-2" in filtered
    assert "row-1" not in filtered
    assert "row-3" in revisions(site.page("/issues?state=closed").text)
    assert "No open issues with this label" in site.page("/issues?labels=unheard-of").text


def test_an_issue_shows_its_words_and_what_happened_in_order(site: Site) -> None:
    site.rest("POST", "/issues", title="Down", body="It is **down**. <!-- secret -->", labels=["bug"])
    comment = site.rest("POST", "/issues/1/comments", body="Looking", token=OUTSIDER)
    site.rest("POST", f"/issues/comments/{comment['id']}/reactions", content="rocket")
    site.rest("DELETE", "/issues/1/labels/bug")
    site.rest("POST", "/issues/1/labels", labels=["question"])
    site.rest("PATCH", "/issues/1", state="closed")
    html = site.page("/issues/1").text
    assert "It is <strong>down</strong>." in html
    assert "secret" not in html
    order = [key for key in revisions(html) if key.startswith(("body", "issuecomment", "event"))]
    assert order[0] == "body"
    assert order[2] == f"issuecomment-{comment['id']}"
    assert len(order) == 5, "the label that came and the one that went are one line"
    assert "closed this as completed" in html
    assert "🚀" in html
    assert comment["html_url"] == f"{site.url}/{REPO}/issues/1#{order[2]}"


def test_an_edited_comment_is_marked(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    comment = site.world.store.comments.create(1, "before", "sre-fleet")
    site.world.store.database.rows("UPDATE comments SET created_at = '2026-01-01T00:00:00Z' WHERE id = ?", comment.id)
    assert "· edited" in site.page("/issues/1").text


def test_hostile_titles_labels_and_names_are_only_text(site: Site) -> None:
    site.rest("POST", "/labels", name='<i>"x', color="ff0000", description='"><script>alert(2)</script>')
    site.rest("POST", "/issues", title=HOSTILE, body=HOSTILE, labels=['<i>"x'])
    site.rest("PATCH", "/issues/1", title=HOSTILE + "2")
    for path in ("/issues", "/issues/1", "/issues?labels=%3Ci%3E%22x,%22%3E%3Cscript%3E", "/%3Cscript%3Ealert(1)"):
        html = site.page(path).text
        assert "<script>alert" not in html
        assert "<i>" not in html
        assert html.count("</main>") == 1
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in site.page("/issues/1").text


def test_a_pull_request_shows_commits_checks_reviews_and_numbered_changes(site: Site, pull: Any) -> None:
    head = pull["head"]["sha"]
    site.rest("POST", f"/statuses/{head}", state="failure", context="ci/tests", target_url="javascript:alert(1)")
    site.rest("POST", f"/statuses/{head}", state="success", context="ci/tests", description="212 passed")
    site.rest("POST", f"/statuses/{head}", state="pending", context="ci/canary", target_url="https://ci.example/1")
    site.rest("POST", "/pulls/1/reviews", event="COMMENT", body="Hm.")
    html = site.page("/pull/1").text
    assert "wants to merge 2 commits" in html
    assert "Write b.bin" in html
    assert "212 passed" in html
    assert "still running" in html
    assert 'href="https://ci.example/1"' in html
    assert "javascript:" not in html
    assert '<tr class="removed"><td>2</td><td></td><td data-sign="−">two</td></tr>' in html
    assert '<tr class="added"><td></td><td>2</td><td data-sign="+">&lt;b&gt;2&lt;/b&gt;</td></tr>' in html
    assert "the file is binary" in html
    assert "Hm." in html
    assert site.page("/issues/1").url.endswith("/pull/1")


def test_a_merged_pull_request_still_shows_what_it_changed(site: Site, pull: Any) -> None:
    site.rest("PUT", "/pulls/1/merge", sha=pull["head"]["sha"])
    html = site.page("/pull/1").text
    assert '<span class="state merged">' in html
    assert "&lt;b&gt;2&lt;/b&gt;" in html
    assert "merged this in" in html


def test_a_commit_page_shows_message_and_changes_also_by_a_short_sha(site: Site, pull: Any) -> None:
    sha = pull["head"]["sha"]
    answer = site.page(f"/commit/{sha[:8]}")
    assert answer.url.endswith(f"/commit/{sha}")
    assert "Write b.bin" in answer.text
    first = site.world.git.text("rev-list", "--max-parents=0", "main")
    assert "README.md" in site.page(f"/commit/{first}").text


def test_what_is_not_there_is_a_404_page(site: Site) -> None:
    numbers = ("/issues/99", "/issues/x", f"/issues/{'9' * 5000}", "/pull/99")
    for path in (*numbers, "/commit/--help", f"/commit/{'0' * 40}", "/a/b"):
        answer = site.page(path)
        assert answer.status_code == 404, path
        assert "There is no such" in answer.text
    assert site.session.get(f"{site.url}/acme/other/issues", timeout=5).status_code == 404
    assert site.session.get(f"{site.url}/acme/other/live", timeout=5).status_code == 404


def test_static_files_are_served_under_a_name_that_no_owner_has(site: Site) -> None:
    for name, kind in (("forge.css", "text/css"), ("forge.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        assert site.session.get(f"{site.url}/-/{name}", timeout=5).headers["Content-Type"].startswith(kind)
    assert site.session.get(f"{site.url}/-/..%2froutes.py", timeout=5).status_code == 404
