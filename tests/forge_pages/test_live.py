"""Open pages hear of changes at once, miss none, and fetch only what changes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from embedded.forge.pages.page import revision
from tests.forge_pages.conftest import FLEET, REPO, Site, revisions
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]


def test_a_change_is_heard_within_a_second(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    with site.listening("?number=1") as following:
        assert following()[0] == "watching"
        began = time.monotonic()
        site.rest("POST", "/issues/1/comments", body="b")
        name, _, data = following()
        assert time.monotonic() - began < 1
    assert name == "change"
    assert (data["kind"], data["number"]) == ("comment", 1)


def test_a_reader_that_was_away_is_told_what_it_missed(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    with site.listening("?number=1") as following:
        seen = following()[1]
    site.rest("POST", "/issues/1/comments", body="b")
    site.rest("POST", "/issues/1/comments", body="c")
    with site.listening("?number=1&since=0", **{"Last-Event-ID": str(seen)}) as following:
        heard = [following() for _ in range(3)]
    assert [name for name, _, _ in heard] == ["change", "change", "watching"]
    assert [key for _, key, _ in heard] == [seen + 1, seen + 2, seen + 2]


def test_what_happened_between_drawing_and_listening_is_told(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    html = site.page("/issues/1").text
    drawn = html.partition('data-seq="')[2].partition('"')[0]
    site.rest("POST", "/issues/1/comments", body="b")
    with site.listening(f"?number=1&since={drawn}") as following:
        assert following()[2]["kind"] == "comment"


def test_other_issues_are_not_told_but_what_concerns_all_is(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    site.rest("POST", "/issues", title="b")
    with site.listening("?number=1") as following:
        following()
        site.rest("POST", "/issues/2/comments", body="not for 1")
        site.rest("POST", "/labels", name="x", color="ff0000")
        site.rest("POST", "/issues/1/comments", body="for 1")
        assert [following()[2]["kind"] for _ in range(2)] == ["label", "comment"]


def test_a_reader_from_a_future_that_was_lost_draws_afresh(site: Site) -> None:
    with site.listening("?all=1&since=999999") as following:
        name, key, data = following()
    assert (name, data["kind"]) == ("change", "restart")
    assert key == site.world.store.seq


def test_a_fragment_is_the_changing_part_alone(site: Site) -> None:
    site.rest("POST", "/issues", title="a")
    whole, fragment = site.page("/issues/1"), site.page("/issues/1", **{"X-Fragment": "1"})
    assert fragment.text.lstrip().startswith('<div id="page"')
    assert "<html" not in fragment.text
    assert revisions(fragment.text) == revisions(whole.text)
    assert "X-Fragment" in fragment.headers["Vary"]
    assert fragment.headers["Cache-Control"] == "no-store"


def test_only_what_changed_gets_a_new_revision(site: Site) -> None:
    site.rest("POST", "/issues", title="a", body="b")
    first = site.rest("POST", "/issues/1/comments", body="first")
    before = revisions(site.page("/issues/1").text)
    site.rest("POST", "/issues/1/comments", body="second")
    site.rest("PATCH", f"/issues/comments/{first['id']}", body="first, corrected")
    after = revisions(site.page("/issues/1").text)
    kept = {key for key in before if before[key] == after.get(key)}
    assert kept == before.keys() - {f"issuecomment-{first['id']}"}
    assert len(after) == len(before) + 1


def test_time_that_passes_changes_no_revision(site: Site) -> None:
    site.rest("POST", "/issues", title="a", body="b")
    fresh = site.page("/issues/1").text
    assert "just now" in fresh
    site.world.store.database.rows("UPDATE issues SET created_at = ?", "2026-01-01T00:00:00Z")
    dated = site.page("/issues/1").text
    later = {key for key in revisions(dated) if revisions(dated)[key] != revisions(fresh)[key]}
    assert later == {"body", "heading"}, "another date is another revision"
    words = dated.replace("on 1 Jan 2026", "11 months ago")
    assert words != dated
    assert revision(words) == revision(dated)


def test_listeners_that_leave_are_forgotten(site: Site) -> None:
    listeners = site.world.store.database._listeners
    before = len(listeners)
    with site.listening() as following:
        following()
        assert len(listeners) == before + 1
    wait_for(lambda: len(listeners) == before, 5)


def test_an_open_stream_does_not_keep_the_forge_from_stopping(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    rows = [{"login": "fleet", "token": FLEET, "role": "admin"}]
    accounts.write_text(json.dumps({"repo": REPO, "accounts": rows}))
    accounts.chmod(0o600)
    command = [sys.executable, "-m", "embedded.forge", "--data", str(tmp_path / "d"), "--accounts", str(accounts)]
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with (
            requests.Session() as session,
            session.get(f"{url}/{REPO}/live", stream=True, timeout=5) as stream,
        ):
            assert next(stream.iter_lines(chunk_size=1))
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(5)
            assert time.monotonic() - began < 2
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert "ERROR" not in (tmp_path / "stderr").read_text()
